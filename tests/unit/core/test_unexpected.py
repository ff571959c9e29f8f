"""What may be shown of an error of no known kind: type and line, and nothing that it quotes."""

import json
from collections.abc import Callable

import pytest

from connectors.definition.placeholders import fill_text
from daemon.core.unexpected import first_unlike, stack, unexpected
from daemon.store.runs import MongoRunLog
from models.times import to_milliseconds

PERSON = "ada@example.org"


def caught(raises: Callable[[], object]) -> BaseException:
    try:
        raises()
    except BaseException as error:
        return error
    raise AssertionError


def in_our_code() -> object:
    return to_milliseconds(PERSON)  # type: ignore[arg-type]


def in_a_library() -> object:
    return json.loads(f"[{PERSON}]")


def a_group() -> object:
    raise ExceptionGroup(PERSON, [ExceptionGroup(PERSON, [KeyError(PERSON)]), OSError(PERSON)])


def the_systems() -> object:
    raise ConnectionResetError(104, PERSON)


@pytest.mark.parametrize(
    ("raises", "begins"),
    [
        (in_our_code, "AttributeError at models.times:"),
        (in_a_library, "JSONDecodeError at json.decoder:"),
        (a_group, "KeyError at tests.unit.core.test_unexpected:"),
        (the_systems, "ConnectionResetError (code 104) at tests.unit.core.test_unexpected:"),
    ],
)
def test_an_error_is_reported_by_type_and_line(raises: Callable[[], object], begins: str) -> None:
    error = caught(raises)

    assert str(unexpected(error)).startswith(begins)
    assert PERSON not in str(unexpected(error)) + stack(error)


def test_the_line_is_the_innermost_of_our_own_and_the_librarys_is_named_beside_it() -> None:
    found = unexpected(caught(lambda: MongoRunLog(None, None)))  # type: ignore[arg-type]
    deeper = unexpected(caught(lambda: fill_text("{a}", lambda _: json.loads("["))))

    assert found.location.startswith("daemon.store.runs:")
    assert found.raised_in is None
    assert deeper.location.startswith("connectors.definition.placeholders:")
    assert deeper.raised_in is not None
    assert deeper.raised_in.startswith("json.decoder:")


def test_an_error_that_was_never_raised_has_no_line() -> None:
    assert str(unexpected(KeyError(PERSON))) == "KeyError at an unknown line"


def test_the_stack_is_short_and_the_innermost_line_comes_first() -> None:
    def deep(left: int) -> int:
        return deep(left - 1) if left else 1 // 0

    lines = stack(caught(lambda: deep(500))).split(" < ")

    assert len(lines) == 12
    assert all(line.startswith("tests.unit.core.test_unexpected:") for line in lines)


@pytest.mark.parametrize(
    ("leaves", "decides"),
    [
        ([OSError(), KeyError()], KeyError),
        ([KeyError(), OSError()], KeyError),
        ([OSError(), OSError()], OSError),
        ([ExceptionGroup("", [OSError(), TypeError()])], TypeError),
    ],
)
def test_of_a_group_what_no_one_knows_decides(
    leaves: list[Exception], decides: type[Exception]
) -> None:
    assert type(first_unlike(ExceptionGroup("", leaves), (OSError,))) is decides
