"""The words and the position of an error of the YAML parser. No message quotes the file."""

import yaml
from yaml.reader import ReaderError

from config.nodes import Mark
from config.problems import ConfigIssue

_TAB = "a tab cannot indent or separate YAML; use spaces"
_UNKNOWN = "is not valid YAML here"

_BY_START: tuple[tuple[str, str], ...] = (
    (
        "mapping values are not allowed",
        "a `:` is not expected here; check this line's indentation, or quote a text that contains `: `",
    ),
    ("could not find expected ':'", "a `:` is missing after this key"),
    ("found unexpected end of stream", "the quote that opens here is never closed"),
    ("found unexpected document separator", "the quote that opens here is never closed"),
    ("found unknown escape character", "an escape in \"…\" is unknown; write \\\\ or use '…'"),
    ("expected escape sequence", "an escape in \"…\" is incomplete; write \\\\ or use '…'"),
    ("expected ',' or ']'", "the list that opens with `[` is not closed, or a `,` is missing"),
    ("expected ',' or '}'", "the mapping that opens with `{` is not closed, or a `,` is missing"),
    ("expected <block end>", "does not fit the lines above; check indentation, quotes and `-`"),
    ("expected the node content", "a value was expected before this character"),
    ("block sequence entries are not allowed", "a `- ` list item cannot start here"),
    ("sequence entries are not allowed", "a `- ` list item cannot start here"),
    ("mapping keys are not allowed", "a `? ` key cannot start here"),
    ("expected chomping", "text after `|` or `>` belongs on the next, indented line"),
    (
        "expected a comment or a line break",
        "text after `|` or `>` belongs on the next, indented line",
    ),
)
_AT_CONTEXT = ("could not find expected ':'", "found unexpected end", "found unexpected document")
"""The parser finds these far below the mistake."""

_NEVER_CLOSED = ("expected ',' or ']'", "expected ',' or '}'")

_SPECIAL_FIRST = "a text cannot start with this character; put it in quotes"


def explain_syntax_error(error: Exception, file: str, text: str) -> ConfigIssue:
    """Returns the parser's error as an issue at the position of the mistake."""
    match error:
        case ReaderError():
            mark = mark_at(text, error.position)
            return _at(file, mark, "a control character is not allowed; remove or escape it")
        case yaml.MarkedYAMLError():
            return _at(file, _where(error), _sentence(error, text))
        case _:
            return _at(file, Mark(1, 1), "an escape or number in this file is out of range")


def not_utf8(file: str, content: bytes, error: UnicodeDecodeError) -> ConfigIssue:
    """Returns the issue of a file in another encoding, at its first wrong byte."""
    before = content[: error.start].decode("utf-8-sig", errors="replace")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        name = "UTF-32" if content.startswith(b"\xff\xfe\0\0") else "UTF-16"
        return _at(file, Mark(1, 1), f"the file is {name}; save it as UTF-8")
    return _at(
        file, mark_at(before, len(before)), "the file is not UTF-8 from here; save it as UTF-8"
    )


def mark_at(text: str, index: int) -> Mark:
    """Returns the position of one character of a text."""
    before = text[:index]
    return Mark(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


def _at(file: str, mark: Mark, message: str) -> ConfigIssue:
    return ConfigIssue(file, mark.line, mark.column, "", message)


def _where(error: yaml.MarkedYAMLError) -> Mark:
    mark = error.problem_mark
    if (error.problem or "").startswith(_AT_CONTEXT):
        mark = error.context_mark or mark
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)


def _sentence(error: yaml.MarkedYAMLError, text: str) -> str:
    problem = error.problem or ""
    if problem.startswith("found character") and "cannot start any token" in problem:
        at = error.problem_mark.index if error.problem_mark else len(text)
        return _TAB if text[at : at + 1] == "\t" else _SPECIAL_FIRST
    message = next((message for start, message in _BY_START if problem.startswith(start)), _UNKNOWN)
    if problem.startswith(_NEVER_CLOSED) and error.context_mark:
        message += f" (opened on line {error.context_mark.line + 1})"
    return message
