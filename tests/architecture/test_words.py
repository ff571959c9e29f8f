"""Names and prose use the words of the field; the retired ones stay out."""

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import ROOT

OURS = ("models", "config", "connectors", "daemon")
RETIRED_NAMES = frozenset(
    {"anew", "bell", "bells", "bench", "board", "book", "books", "desk", "dismiss", "fetching"}
    | {"gate", "hire", "inbox", "lane", "looking", "mend", "mended", "nobody", "place", "places"}
    | {"slicer", "somebody", "standing", "standings", "surroundings", "tell", "tells", "told"}
    | {"turn", "verdicts", "whoever", "workforce"}
)
"""Words that no name of a module, class, function, parameter or variable has as a part."""
RETIRED_WHOLE = frozenset({"ask", "look", "plain", "settle", "way"})
"""Words that are no name by themselves."""
ALLOWED = {"connectors/simulator": {"hire", "hires"}, "connectors/read": {"place"}}
"""By folder: what the vendors' own APIs, and people's forms, call a thing."""
TESTS_OWN = frozenset({"bench", "book", "fetching", "hire", "looking", "place", "places", "turn"})
"""Words that the names of tests may have: they are sentences."""
PUBLIC_NAMES = frozenset({"hire", "time_to_hire"})
"""Whole names that operators see: an operation in a definition, and a metric."""
RETIRED_PROSE = re.compile(
    r"\b(?:told|tells?|anew|mend(?:s|ed)?|nobody|somebody|whoever|stands|behind(?! an? (?:TLS )?proxy)"
    r"|bells?|dismiss(?:es|ed)?|places?|(?<!job )board|gate|lane|goes by|is up to|further ado"
    r"|worked off|works off|taken up|made ready)\b",
    re.IGNORECASE,
)
MESSAGE = re.compile(r"\S+ \S+ \S+")
"""A string of fewer words is a key, a name or a value rather than a sentence."""
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
FIRST_WORDS = re.compile(r"(?:What|Whether|Whoever|How|There|That)\b")


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders or OURS for path in sorted((ROOT / folder).rglob("*.py"))]


def documents() -> list[Path]:
    """Returns the Markdown files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines()]


def words_of(name: str) -> set[str]:
    """Returns the words of an identifier, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def names_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields the line and the name of all that a module defines."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def docstrings_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields every string that is a statement of its own."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.lineno, node.value.value


def comments_in(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def messages_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields every string of several words that is not a docstring: parts of f-strings too."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and MESSAGE.search(node.value)
        ):
            yield node.lineno, node.value


def retired_in(path: Path) -> Iterator[str]:
    """Yields each retired word of a module as `file:line: word`."""
    where = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    allowed = ALLOWED.get(path.parent.relative_to(ROOT).as_posix(), set())
    is_test = where.startswith("tests/")
    retired = RETIRED_NAMES - (TESTS_OWN if is_test else allowed)
    whole = frozenset() if is_test else RETIRED_WHOLE
    for line, name in [(1, path.stem), *names_in(tree)]:
        if name.strip("_") in PUBLIC_NAMES:
            continue
        if found := (words_of(name) & retired) | ({name.strip("_")} & whole):
            yield f"{where}:{line}: {', '.join(sorted(found))} in the name {name}"
    docstrings = list(docstrings_in(tree))
    # Strings of a test are mostly data: what a wrong file says, or a name that is not known.
    messages = [] if is_test else messages_in(tree)
    for line, prose in [*docstrings, *comments_in(text), *messages]:
        for match in RETIRED_PROSE.finditer(prose):
            if match[0].lower() not in allowed:
                yield f"{where}:{line}: {match[0]!r}: {prose.strip().splitlines()[0][:80]}"
    if is_test:
        return
    for line, prose in docstrings:
        if first := FIRST_WORDS.match(prose.strip()):
            yield f"{where}:{line}: begins with {first[0]!r}: {prose.strip()[:60]}"


FOLDERS = sorted({path.parent for path in sources(*OURS, "tests")})


@pytest.mark.parametrize(
    "folder", FOLDERS, ids=[path.relative_to(ROOT).as_posix() for path in FOLDERS]
)
def test_no_folder_gains_a_retired_word(folder: Path) -> None:
    found = [
        word
        for path in sorted(folder.glob("*.py"))
        if path != Path(__file__)
        for word in retired_in(path)
    ]

    assert not found, "\n".join(found)


def test_no_document_gains_a_retired_word() -> None:
    """In prose: code is left out."""
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r}: …{prose[max(0, match.start() - 40) : match.end() + 20]}…"
        for path in documents()
        for prose in [CODE.sub("``", path.read_text(encoding="utf-8"))]
        for match in RETIRED_PROSE.finditer(prose)
    ]

    assert not found, "\n".join(found)


def class_names() -> Counter[str]:
    """Returns the names of all classes but those that hold the settings of a Beanie document."""
    return Counter(
        node.name
        for path in sources()
        for parent in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for node in ast.iter_child_nodes(parent)
        if isinstance(node, ast.ClassDef)
        and not (isinstance(parent, ast.ClassDef) and node.name == "Settings")
    )


def test_no_two_classes_share_a_name() -> None:
    assert [name for name, count in class_names().items() if count > 1] == []


def test_no_class_takes_the_name_of_a_standard_one() -> None:
    assert class_names().keys() & {"Mapping", "Sequence", "Path"} == set()
