"""Whatever a file contains, loading it ends in a value or in a ConfigError, and quickly."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.loading import load_yaml_model
from config.nodes import MappingNode, Node, Scalar, SequenceNode, find, mark_of, scalars
from config.operator import OperatorConfig
from config.problems import ConfigError, ConfigIssues
from config.yaml_tree import parse_yaml

pytestmark = pytest.mark.fuzz("YAML")

YAML_MARKS = st.sampled_from(":-?,[]{}#&*!|>'\"%@` \n\t\r\\$1")
YAML_WORDS = st.sampled_from(
    (
        *("version", "integrations", "null", ": ", "- ", "\n  ", "\n    ", "<<", "---\n", "..."),
        *("${env:A}", "${", "%YAML 1.1", '"\\U00110000"', "\u00e9", "\u2028"),
    )
)
YAML_PIECES = YAML_MARKS | YAML_WORDS
YAML_LIKE = st.lists(YAML_PIECES, max_size=40).map("".join)
PLAIN = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=12,
)


def parse(content: bytes) -> tuple[Node, ConfigIssues]:
    problems = ConfigIssues()
    return parse_yaml(content, "f.yaml", problems), problems


def refusal(text: str) -> ConfigError | None:
    """Why a text is refused as the operator's file; None where it is not."""
    try:
        load_yaml_model(
            Path("f.yaml"), OperatorConfig, text=text, resolve_references=True, environment={}
        )
    except ConfigError as error:
        return error
    return None


def untyped(node: Node) -> object:
    match node:
        case Scalar():
            return node.text
        case SequenceNode():
            return [untyped(item) for item in node.items]
        case MappingNode():
            return {entry.key: untyped(entry.value) for entry in node.entries}


@given(st.text() | YAML_LIKE)
def test_any_text_is_loaded_or_refused_with_positions_inside_the_file(text: str) -> None:
    refused = refusal(text)
    problems = refused.problems if refused else ()
    last_line = len(text.splitlines()) + 1

    assert refused is None or problems
    assert all(1 <= p.line <= last_line and p.column >= 1 for p in problems)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(content: bytes) -> None:
    try:
        root, _ = parse(content)
    except ConfigError as error:
        places = [(p.line, p.column) for p in error.problems]
    else:
        places = [root.mark]

    assert places
    assert min(places) >= (1, 1)


@given(PLAIN)
def test_a_written_tree_reads_back_as_the_same_text(tree: object) -> None:
    content = yaml.safe_dump(tree, allow_unicode=True, default_style="'").encode()

    node, problems = parse(content)

    assert untyped(node) == tree
    assert not problems.errors


@given(PLAIN)
def test_every_value_is_found_by_its_path_at_its_position(tree: object) -> None:
    node, _ = parse(yaml.safe_dump(tree, allow_unicode=True, default_style='"').encode())

    for path, scalar in scalars(node):
        assert find(node, path) is scalar
        assert mark_of(node, path) == scalar.mark


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000,
        "{a: " * 20_000,
        "- " * 20_000 + "x",
        "\n".join(" " * n + "a:" for n in range(1_000)),
        "a: &a [x, x]\n" + "".join(f"b{n}: [*a, *a]\n" for n in range(20_000)),
    ],
    ids=["lists", "mappings", "dashes", "indentation", "aliases"],
)
def test_hostile_nesting_and_sharing_is_refused_without_expanding_it(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_yaml_model(Path("f.yaml"), OperatorConfig, text=text, resolve_references=False)

    assert "levels deep" in str(caught.value) or "not supported" in str(caught.value)


@pytest.mark.parametrize(
    "word",
    ["NO", "no", "on", "010", "0x1F", "12:30:00", "1e3", "2026-11-23", "~x", ".inf", "1_000"],
)
def test_a_word_stays_the_text_that_was_written(word: str) -> None:
    text = f"version: 1\nintegrations: {{a: {{connector: lever, acting_user: {word}}}}}\n"

    loaded = load_yaml_model(Path("f.yaml"), OperatorConfig, text=text, resolve_references=False)

    assert loaded.value.integrations["a"].acting_user == word
