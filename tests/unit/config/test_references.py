"""References bring values in after parsing, and nothing of them into messages."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from config.loading import Loaded, load_yaml_model
from config.problems import ConfigError
from config.references import referenced_files
from config.values import ConfigModel

pytestmark = pytest.mark.fuzz("YAML")


class EveryKind(ConfigModel):
    """Something with every kind of value that a reference may replace."""

    text: str = ""
    number: int = 0
    flag: bool = False
    secret: SecretStr = ""  # type: ignore[assignment]


def load(text: str, **environment: str) -> Loaded[EveryKind]:
    return load_yaml_model(
        Path("f.yaml"), EveryKind, text=text, resolve_references=True, environment=environment
    )


def test_a_reference_is_replaced_by_the_variable() -> None:
    assert load("text: ${env:A}", A="b").value.text == "b"


def test_a_reference_may_stand_inside_a_text() -> None:
    assert load("text: https://${env:H}:${env:P}/v1", H="h", P="1").value.text == "https://h:1/v1"


@pytest.mark.parametrize("environment", [{}, {"A": ""}])
def test_a_default_replaces_what_is_unset_or_empty(environment: dict[str, str]) -> None:
    assert load("text: ${env:A:-b:c-d}", **environment).value.text == "b:c-d"


def test_an_empty_default_is_an_empty_text() -> None:
    assert load("text: ${env:A:-}").value.text == ""


def test_a_default_is_not_used_when_the_variable_is_set() -> None:
    assert load("text: ${env:A:-b}", A="c").value.text == "c"


@pytest.mark.parametrize(
    "text", ["${env:A:-${env:B}}", "${file:${env:A}}", "x${env:A:-y${file:/z}}"]
)
def test_a_reference_inside_a_reference_is_refused_and_not_read_as_text(text: str) -> None:
    with pytest.raises(ConfigError, match="holds another reference, which cannot be; write"):
        load(f'text: "{text}"', A="a")


def test_two_dollars_write_a_plain_reference() -> None:
    assert load("text: $${env:A} ${env:A}", A="b").value.text == "${env:A} b"


def test_a_dollar_alone_is_a_dollar() -> None:
    assert load("text: $5 {x} $$").value.text == "$5 {x} $$"


@pytest.mark.parametrize(
    "written", ["number: ${env:A}", 'number: "${env:A}"', "{number: '${env:A}'}"]
)
def test_a_referenced_value_gets_the_type_of_its_field_quoted_or_not(written: str) -> None:
    assert load(written, A="17").value.number == 17


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_what_a_variable_holds_is_never_parsed_again(value: str) -> None:
    loaded = load("text: ${env:A}\nnumber: 3", A=value)

    assert loaded.value.text == value
    assert loaded.value.number == 3


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_a_reference_inside_a_referenced_value_stays_text(value: str) -> None:
    held = value + "${env:B}"

    assert load("text: ${env:A}", A=held, B="never").value.text == held


def test_a_file_is_read_beside_the_yaml_without_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_bytes(b"line 1\nline 2\r\n")
    (tmp_path / "f.yaml").write_text("secret: ${file:secrets/key}\n")

    loaded = load_yaml_model(tmp_path / "f.yaml", EveryKind, resolve_references=True)

    assert loaded.value.secret.get_secret_value() == "line 1\nline 2"
    assert referenced_files(loaded.document.root, tmp_path) == {tmp_path / "secrets" / "key"}


@pytest.mark.parametrize(
    ("content", "text"),
    [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a \n", " a "), ("\ta", "\ta")],
)
def test_only_the_last_line_break_of_a_file_is_cut(tmp_path: Path, content: str, text: str) -> None:
    (tmp_path / "key").write_bytes(content.encode())

    assert load(f"text: ${{file:{tmp_path / 'key'}}}").value.text == text


def test_a_file_may_be_named_absolutely(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")

    assert load(f"secret: ${{file:{tmp_path / 'key'}}}").value.secret.get_secret_value() == "k"


@pytest.mark.parametrize("name", ["", " ", "\\0", "a\\0b", "x" * 5000])
def test_an_impossible_file_name_is_a_problem_not_a_crash(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(f'text: "${{file:{name}}}"')

    assert [p.path for p in caught.value.problems] == ["text"]


def test_a_pipe_is_refused_at_once_at_its_position(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ConfigError) as caught:
        load(f"number: 1\nsecret: ${{file:{tmp_path / 'pipe'}}}")

    [problem] = caught.value.problems
    assert (problem.line, problem.column) == (2, 9)
    assert problem.message.endswith("pipe is a pipe, a socket or a device, not a file")


def test_an_endless_device_is_refused_as_a_secret() -> None:
    with pytest.raises(ConfigError, match="/dev/zero is a pipe, a socket or a device"):
        load("secret: ${file:/dev/zero}")


def test_a_variable_in_another_encoding_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"f\.yaml:1:7  text: environment variable A is not UTF-8"
    ):
        load("text: ${env:A}", A="caf\udce9")


def test_an_unreadable_file_has_another_message_than_an_absent_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(ConfigError, match="file key may not be read by this user"):
        load("secret: ${file:key}")


def test_without_resolution_references_are_plain_text() -> None:
    loaded = load_yaml_model(
        Path("f.yaml"), EveryKind, text="text: ${env:A} ${nonsense", resolve_references=False
    )

    assert loaded.value.text == "${env:A} ${nonsense"


def test_an_origin_names_the_reference_and_the_line_but_not_the_value() -> None:
    loaded = load("number: 4\ntext: ${env:A}-${env:B:-CANARY}", A="CANARY")

    assert str(loaded.document.origin(("text",))) == "env A, env B (default), f.yaml:2"
    assert str(loaded.document.origin(("number",))) == "f.yaml:1"
    assert str(loaded.document.origin(("flag",))) == "default"


@given(
    st.sampled_from(["number: ", "flag: ", "secret: [", "text: {x: ", "unknown: "]),
    st.sampled_from(["${env:A}", '"${env:A}"', "a ${env:A} ${env:MISSING}", "CANARY-7f"]),
)
def test_no_message_and_no_repr_ever_holds_a_value(key: str, value: str) -> None:
    closing = {"[": "]", "{": "}"}.get(next((c for c in key if c in "[{"), ""), "")
    if closing and not value.startswith('"'):
        value = f"'{value}'"

    with pytest.raises(ConfigError) as caught:
        load(key + value + closing, A="CANARY-7f")

    assert "CANARY" not in str(caught.value)
    assert "CANARY" not in repr(caught.value.problems)


def test_several_references_have_exact_positions() -> None:
    with pytest.raises(ConfigError) as caught:
        load("# é\ntext: é ${env:B} ${env:A} ${env:C}\n", A="x")

    assert [(p.line, p.column) for p in caught.value.problems] == [(2, 9), (2, 27)]


def test_a_reference_in_a_block_text_is_reported_on_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load("text: |\n  one\n  two ${env:B}\n")

    assert [(p.line, p.column) for p in caught.value.problems] == [(3, 7)]
