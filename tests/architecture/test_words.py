"""Names and prose use the words of the field; the retired ones stay out.

`REMAINING` has, by folder, how many retired words are still there. It only shrinks.
"""

import ast
import io
import re
import tokenize
from collections import Counter, defaultdict
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
VENDORS_WORDS = {"connectors/simulator": {"hire", "hires"}}
"""By folder: what the vendors' own APIs call a thing."""
PUBLIC_NAMES = frozenset({"hire", "time_to_hire"})
"""Whole names that operators see: an operation in a definition, and a metric."""
RETIRED_PROSE = re.compile(
    r"\b(?:told|tells?|anew|mend(?:s|ed)?|nobody|somebody|whoever|stands|behind|bells?|hires?"
    r"|dismiss(?:es|ed)?|places?|board|gate|lane|goes by|is up to|further ado|worked off|works off"
    r"|taken up|made ready)\b",
    re.IGNORECASE,
)
FIRST_WORDS = re.compile(r"(?:What|Whether|Whoever|How|There|That)\b")
REMAINING: dict[str, int] = {}


def sources() -> list[Path]:
    return [path for folder in OURS for path in sorted((ROOT / folder).rglob("*.py"))]


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


def retired_in(path: Path) -> Iterator[str]:
    """Yields each retired word of a file, with its place in the words of an editor."""
    where = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    vendors = VENDORS_WORDS.get(path.parent.relative_to(ROOT).as_posix(), set())
    for line, name in [(1, path.stem), *names_in(tree)]:
        if name.strip("_") in PUBLIC_NAMES:
            continue
        if found := (words_of(name) & RETIRED_NAMES - vendors) | (
            {name.strip("_")} & RETIRED_WHOLE
        ):
            yield f"{where}:{line}: {', '.join(sorted(found))} in the name {name}"
    docstrings = list(docstrings_in(tree))
    for line, prose in [*docstrings, *comments_in(text)]:
        for match in RETIRED_PROSE.finditer(prose):
            if match[0].lower() not in vendors:
                yield f"{where}:{line}: {match[0]!r}: {prose.strip().splitlines()[0][:80]}"
    for line, prose in docstrings:
        if first := FIRST_WORDS.match(prose.strip()):
            yield f"{where}:{line}: begins with {first[0]!r}: {prose.strip()[:60]}"


def retired() -> dict[str, list[str]]:
    """Returns the retired words that are still there, by folder."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sources():
        found[path.parent.relative_to(ROOT).as_posix()] += retired_in(path)
    return {folder: words for folder, words in found.items() if words}


@pytest.mark.parametrize("folder", sorted({path.parent for path in sources()}), ids=str)
def test_no_folder_gains_a_retired_word(folder: Path) -> None:
    name = folder.relative_to(ROOT).as_posix()
    found = [word for path in sorted(folder.glob("*.py")) for word in retired_in(path)]

    assert len(found) <= REMAINING.get(name, 0), "\n".join(found)


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


if __name__ == "__main__":
    for folder, words in retired().items():
        print(f'    "{folder}": {len(words)},')
