"""A connector in Python, by entry point, that breaks where and how an integration's options say."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pymongo.errors import WriteError

from connectors.connector import Connector
from connectors.engine import Parts, RestConnector
from connectors.values import Mapped, MappingFailed, Page, RawRecord, StageFacts, Unchanged
from tests.support.tiny_ats import definition_text

PERSON = "Ada Lovelace ada@example.org +44 20 7946 0958"
"""What the text of each of these errors quotes, and no one may read anywhere."""


class Panic(BaseException):
    """As extensions written in Rust raise it: no `Exception`."""


def _recursion() -> BaseException:
    def deeper(depth: int) -> int:
        return deeper(depth + 1) + 1

    try:
        deeper(0)
    except RecursionError as error:
        return error
    raise AssertionError


ERRORS: Mapping[str, Callable[[], BaseException]] = {
    "KeyError": lambda: KeyError(PERSON),
    "ValueError": lambda: ValueError(PERSON),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", PERSON.encode(), 3, 4, PERSON),
    "MemoryError": lambda: MemoryError(PERSON),
    "RecursionError": _recursion,
    "AssertionError": lambda: AssertionError(PERSON),
    "ExceptionGroup": lambda: ExceptionGroup(PERSON, [TypeError(PERSON), KeyError(PERSON)]),
    "OSError": lambda: OSError(5, PERSON),
    "StopAsyncIteration": lambda: StopAsyncIteration(PERSON),
    "CancelledError": lambda: asyncio.CancelledError(PERSON),
    "WriteError": lambda: WriteError(PERSON, 121),
    "Panic": lambda: Panic(PERSON),
}


class Brittle(RestConnector):
    """Works, but for the one method in which it breaks."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        options = parts.operator.options
        self._breaks_at, self._error = (
            options.get("at", "nowhere"),
            options.get("error", "KeyError"),
        )
        self._break_at("create")

    def _break_at(self, place: str) -> None:
        if place == self._breaks_at:
            error = ERRORS[self._error]()
            raise error

    async def open(self) -> None:
        self._break_at("open")
        await super().open()

    async def close(self) -> None:
        await super().close()
        self._break_at("close")

    async def check(self) -> None:
        self._break_at("check")
        await super().check()

    async def stages(self) -> list[StageFacts]:
        self._break_at("stages")
        return await super().stages()

    async def prepare_mapping(self, list_name: str) -> str:
        self._break_at("prepare_mapping")
        return await super().prepare_mapping(list_name)

    async def pages(self, *arguments: Any, **options: Any) -> AsyncIterator[Page]:
        async for page in super().pages(*arguments, **options):
            yield page
            self._break_at("pages")

    async def map_records(
        self, list_name: str, records: Sequence[RawRecord], **options: Any
    ) -> list[Mapped | Unchanged | MappingFailed]:
        self._break_at("map_records")
        return list(await super().map_records(list_name, records, **options))


def connector(parts: Parts) -> Connector:
    """The factory that the entry point names."""
    return Brittle(parts)


def brittle_definition() -> str:
    """A list of people, and the options that say what breaks."""
    options = "options: {at: {description: a place}, error: {description: an error}}"
    request = '{get: /people, query: {at: "{options.at}", error: "{options.error}"}}'
    text = definition_text(request=request, more=options)
    return text.replace("connector: tiny", "connector: brittle")


def installed_in(folder: Path) -> dict[str, str]:
    """Install the entry point as a package would; the environment of a process that finds it."""
    package = folder / "site" / "brittle-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: brittle\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        "[ats_sync.connectors]\nbrittle = tests.support.brittle:connector\n"
    )
    return {"PYTHONPATH": str(package.parent)}
