"""Queries as people paste them into mongosh: a strict reader of the few forms that our pages use."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pymongo.asynchronous.database import AsyncDatabase

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<pattern>/(?:[^/\\\n]|\\.)+/)
    | (?P<number>-?\d+(?:\.\d+)?(?:e\d+)?)
    | (?P<name>[$A-Za-z_][$\w]*)
    | (?P<sign>[{}()\[\],:.=+-])
    )""",
    re.VERBOSE,
)
_ENTRIES = {"find", "findOne", "countDocuments", "aggregate", "distinct", "updateOne"}
_FOLLOWING = {"sort", "limit"}
_WORDS = {"true": True, "false": False, "null": None}


class NotUnderstood(ValueError):
    """The text is none of the forms that are read here."""


@dataclass(frozen=True, slots=True)
class Name:
    """A variable that an earlier line has set."""

    text: str


@dataclass(frozen=True, slots=True)
class Ago:
    """A moment relative to now."""

    milliseconds: float


@dataclass(slots=True)
class Query:
    """One statement: a call on a collection, and what follows it."""

    database: str
    collection: str
    call: str
    arguments: list[Any]
    following: dict[str, Any] = field(default_factory=dict)
    assigns: str | None = None
    takes: str | None = None
    """The field of the answer that is assigned."""


def read_queries(text: str, database: str) -> tuple[list[Query], str]:
    """The statements of a block, and the database that is in use after it."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("use "):
            database = line.removeprefix("use ")
        else:
            found.append(_Reader(line, database).query())
    return found, database


class _Reader:
    """One line, from left to right."""

    def __init__(self, line: str, database: str) -> None:
        self._line = line
        self._database = database
        self._tokens = list(_tokens(line))
        self._at = 0

    def query(self) -> Query:
        assigns = None
        if self._peek() == ("name", "const"):
            self._at += 1
            assigns = self._name()
            self._sign("=")
        self._word("db")
        self._sign(".")
        collection = self._name()
        self._sign(".")
        query = Query(self._database, collection, self._one_of(_ENTRIES), self._arguments())
        query.assigns = assigns
        self._follow(query)
        if self._peek() is not None:
            raise NotUnderstood(self._line)
        return query

    def _follow(self, query: Query) -> None:
        while self._peek() == ("sign", "."):
            self._at += 1
            if query.assigns is not None and query.call == "findOne":
                query.takes = self._name()
            else:
                call = self._one_of(_FOLLOWING)
                [query.following[call]] = self._arguments()

    def _arguments(self) -> list[Any]:
        return list(self._listed("(", ")"))

    def _listed(self, opening: str, closing: str) -> Iterator[Any]:
        self._sign(opening)
        while self._peek() != ("sign", closing):
            yield self._value()
            if self._peek() != ("sign", closing):
                self._sign(",")
        self._sign(closing)

    def _value(self) -> Any:
        kind, text = self._peek() or ("", "")
        if text == "{":
            return self._object()
        if text == "[":
            return list(self._listed("[", "]"))
        self._at += 1
        match kind:
            case "text":
                return text[1:-1]
            case "number":
                return float(text) if {".", "e"} & set(text) else int(text)
            case "pattern":
                return re.compile(text[1:-1])
            case "name":
                return self._named(text)
        raise NotUnderstood(self._line)

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._sign("{")
        while self._peek() != ("sign", "}"):
            kind, key = self._peek() or ("", "")
            if kind not in {"name", "text"}:
                raise NotUnderstood(self._line)
            self._at += 1
            self._sign(":")
            found[key.strip('"')] = self._value()
            if self._peek() != ("sign", "}"):
                self._sign(",")
        self._sign("}")
        return found

    def _named(self, word: str) -> Any:
        if word in _WORDS:
            return _WORDS[word]
        if word == "UUID":
            [text] = self._arguments()
            return UUID(text)
        if word == "new":
            return self._moment()
        return Name(word)

    def _moment(self) -> Ago:
        """`new Date()` or `new Date(Date.now() - 864e5)`."""
        for word in ("Date", "("):
            self._exactly(word)
        if self._peek() == ("sign", ")"):
            self._at += 1
            return Ago(0)
        for word in ("Date", ".", "now", "(", ")"):
            self._exactly(word)
        sign = self._next()[1]
        number = self._value()
        self._sign(")")
        return Ago(number if sign == "-" else -number)

    def _peek(self) -> tuple[str, str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        if token is None:
            raise NotUnderstood(self._line)
        self._at += 1
        return token

    def _exactly(self, word: str) -> None:
        if self._next()[1] != word:
            raise NotUnderstood(self._line)

    def _sign(self, sign: str) -> None:
        self._exactly(sign)

    def _word(self, word: str) -> None:
        self._exactly(word)

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise NotUnderstood(self._line)
        return text

    def _one_of(self, words: set[str]) -> str:
        word = self._name()
        if word not in words:
            raise NotUnderstood(f"{word} in {self._line}")
        return word


def _tokens(line: str) -> Iterator[tuple[str, str]]:
    at = 0
    while line[at:].strip():
        match = _TOKEN.match(line, at)
        if match is None or match.lastgroup is None:
            raise NotUnderstood(f"{line[at : at + 20]!r} in {line}")
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


def fields_of(query: Query) -> set[str]:
    """Top-level fields of the collection that the query speaks of."""
    spoken: set[str] = set()
    if query.call == "aggregate":
        for stage in query.arguments[0]:
            spoken |= _fields_of_stage(stage)
            if "$group" in stage:
                break
    elif query.call == "updateOne":
        which, change = query.arguments
        spoken = {*which, *(name for part in change.values() for name in part)}
    else:
        spoken = {name for part in query.arguments for name in part}
    spoken |= set(query.following.get("sort", {})) if query.call != "aggregate" else set()
    return {name.partition(".")[0] for name in spoken}


def _fields_of_stage(stage: Mapping[str, Any]) -> set[str]:
    if "$match" in stage:
        return set(stage["$match"])
    return {text[1:] for text in _texts(stage) if text.startswith("$") and text[1:2] != "$"}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


@dataclass(slots=True)
class Shell:
    """Runs queries one after the other, with the variables that they set."""

    databases: Mapping[str, AsyncDatabase[dict[str, Any]]]
    variables: dict[str, Any] = field(default_factory=dict)

    async def run(self, query: Query) -> Any:
        """The answer, as plain values."""
        answer = await self._answer(query)
        if query.assigns is not None:
            self.variables[query.assigns] = answer if query.takes is None else answer[query.takes]
        return answer

    async def _answer(self, query: Query) -> Any:
        collection = self.databases[query.database][query.collection]
        arguments = [self._filled(argument) for argument in query.arguments]
        match query.call:
            case "find":
                cursor = collection.find(*arguments)
                for word, argument in query.following.items():
                    cursor = (
                        cursor.limit(argument)
                        if word == "limit"
                        else cursor.sort(list(argument.items()))
                    )
                return await cursor.to_list()
            case "findOne":
                return await collection.find_one(*arguments)
            case "countDocuments":
                return await collection.count_documents(*arguments)
            case "aggregate":
                return await (await collection.aggregate(*arguments)).to_list()
            case "distinct":
                return await collection.distinct(*arguments)
        return await collection.update_one(*arguments)

    def _filled(self, value: Any) -> Any:
        match value:
            case Name(text):
                return self.variables[text]
            case Ago(milliseconds):
                return datetime.now(UTC) - timedelta(milliseconds=milliseconds)
            case dict():
                return {key: self._filled(each) for key, each in value.items()}
            case list():
                return [self._filled(each) for each in value]
        return value
