"""API operations: their inputs and answers are declared once; routes and the document follow.

A query or body is a struct. Its field types check what comes in, give the words of the refusal, and
become the schema in the OpenAPI document.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from aiohttp import web

from config.problems import suggestion
from daemon.http.answers import Problem
from models.times import to_milliseconds

T = TypeVar("T", bound=msgspec.Struct)
D = TypeVar("D")
F = TypeVar("F", bound=Callable[..., Awaitable[web.Response]])
Handler = Callable[..., Awaitable[web.Response]]
MOST_ROWS = 1_000

Limit = Annotated[
    int, msgspec.Meta(ge=1, le=MOST_ROWS, description="The most rows to answer with.")
]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_MARK = "__operation__"
_WORDS: Mapping[type, str] = {
    msgspec.inspect.BoolType: "true or false",
    msgspec.inspect.UUIDType: "a UUID",
    msgspec.inspect.DateTimeType: "a moment such as 2026-11-23T08:00:00Z",
}
_UNSAID = frozenset({"application/octet-stream", "application/x-www-form-urlencoded", "text/plain"})
_FIELD = re.compile(r"`\$\.(\w+)")
_UNKNOWN = re.compile(r"unknown field `(.*?)`", re.DOTALL)


JsonObject = dict[str, Any]
"""A body that its handler checks."""


IfMatch = NewType("IfMatch", str)
"""The `If-Match` header of a change; `*`, which is any revision, if there is none."""


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No parameter, and no body or an empty object."""


class ApiOperation(msgspec.Struct, frozen=True):
    """One method of one path."""

    method: str
    path: str
    handler: Handler
    answer: Mapping[str, Any]
    """The JSON schema of the answer."""
    status: int
    also: tuple[int, ...]
    """Further statuses of the same answer."""
    refusals: tuple[int, ...]
    """Further statuses that it answers, as problems."""
    names: Mapping[str, type]
    """The variable parts of the path, by the handler's parameter: `id_` is `{id}`."""
    query: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    takes: Mapping[str, Any] | None
    """The JSON schema of a body that its handler checks."""
    conditional: bool
    """It has regard to `If-Match`."""

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or "").split("\n")[0].rstrip(".")

    def route(self) -> web.RouteDef:
        """The route, which reads what the operation takes before its handler is called."""
        return web.route(self.method, self.path, self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        found = request.match_info
        taken: dict[str, Any] = {
            name: _named(found[name.rstrip("_")], name.rstrip("_"), kind)
            for name, kind in self.names.items()
        }
        query = read_query(request, self.query or Nothing)
        if self.query is not None:
            taken["query"] = query
        if self.conditional:
            taken["if_match"] = IfMatch(request.headers.get("If-Match", "*"))
        if self.method != "GET":
            body = await request.read()
            if body:
                require_json(request)
            read = read_object(body) if self.takes else read_body(body, self.body or Nothing)
            if self.takes is not None or self.body is not None:
                taken["body"] = read
        return await self.handler(**taken)


def operation(
    method: str,
    path: str,
    *,
    answer: Mapping[str, Any],
    status: int = 200,
    also: tuple[int, ...] = (),
    refusals: tuple[int, ...] = (),
    takes: Mapping[str, Any] | None = None,
) -> Callable[[F], F]:
    """Declares a method to be the handler of an operation.

    What it takes is said by its parameters: the names in the path, `query`, `body` and `if_match`.
    `takes` is the schema of a body that the handler checks itself.
    """

    def declare(handler: F) -> F:
        words = {"method": method, "path": path, "answer": answer, "takes": takes}
        setattr(handler, _MARK, {**words, "status": status, "also": also, "refusals": refusals})
        return handler

    return declare


def operations_of(*owners: object) -> list[ApiOperation]:
    """Returns the operations that the methods of objects, or of classes, are declared to handle."""
    return [
        _operation(getattr(owner, name), get_type_hints(method), getattr(method, _MARK))
        for owner in owners
        for name, method in vars(owner if isinstance(owner, type) else type(owner)).items()
        if hasattr(method, _MARK)
    ]


def _operation(
    handler: Handler, takes: Mapping[str, Any], declared: Mapping[str, Any]
) -> ApiOperation:
    return ApiOperation(
        **declared,
        handler=handler,
        names={n: t for n, t in takes.items() if f"{{{n.rstrip('_')}}}" in declared["path"]},
        query=takes.get("query"),
        body=None if declared["takes"] is not None else takes.get("body"),
        conditional=takes.get("if_match") is IfMatch,
    )


class Field(msgspec.Struct, frozen=True):
    """One field of a query or a body."""

    name: str
    """As it is sent."""
    type: Any
    """Without None, which means that it is not sent."""
    required: bool
    default: Any

    @property
    def is_number(self) -> bool:
        """True if a text has to be converted to it."""
        kind = msgspec.inspect.type_info(self.type)
        while isinstance(kind, msgspec.inspect.Metadata):
            kind = kind.type
        return isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.BoolType)

    @property
    def words(self) -> str:
        """The values that it takes, in words."""
        return _in_words(msgspec.inspect.type_info(self.type))


def fields_of(wanted: type[msgspec.Struct]) -> dict[str, Field]:
    """Returns the fields by the names of their attributes."""
    return {
        field.name: Field(
            field.encode_name,
            _without_none(field.type),
            field.required,
            None if field.default is msgspec.NODEFAULT else field.default,
        )
        for field in msgspec.structs.fields(wanted)
    }


def _named(text: str, name: str, kind: type) -> str | UUID:
    try:
        return UUID(text) if kind is UUID else text
    except ValueError:
        raise Problem(400, f"the {name} must be a UUID") from None


def read_query(request: web.Request, wanted: type[T]) -> T:
    """Returns the query, each name once and all of them known.

    Raises:
        Problem: 400, naming the parameter and what it must be.
    """
    query = request.query
    attributes = {field.name: (name, field) for name, field in fields_of(wanted).items()}
    for name in query:
        if name not in attributes:
            raise Problem(400, f'unknown parameter "{name[:40]}"', suggestion(name, attributes))
        if len(query.getall(name)) > 1:
            raise Problem(400, f"the parameter {name} is given more than once")
    for name, (_, field) in attributes.items():
        if field.required and name not in query:
            raise Problem(400, f"the parameter {name} is missing")
    return wanted(**{attributes[n][0]: _value(text, attributes[n][1]) for n, text in query.items()})


def _value(text: str, field: Field) -> Any:
    try:
        # Not strict, msgspec takes any number for a moment.
        value = msgspec.convert(text, field.type, strict=not field.is_number)
        return to_milliseconds(value) if isinstance(value, datetime) else value
    except (ValueError, OverflowError):
        raise Problem(400, f"{field.name} must be {field.words}") from None


def require_json(request: web.Request) -> None:
    """Refuses a body that says that it is something else than JSON.

    Clients that do not say what they send name one of `_UNSAID`: curl a form, aiohttp a text.

    Raises:
        Problem: 415.
    """
    kind = request.content_type
    if kind in _UNSAID or kind == "application/json" or kind.endswith("+json"):
        if request.headers.get("Content-Encoding", "identity").lower() == "identity":
            return
        raise Problem(415, "the body may not be compressed")
    raise Problem(415, "the body must be JSON", "send Content-Type: application/json")


def read_body(body: bytes, wanted: type[T]) -> T:
    """Returns the body, which is a JSON object or, where nothing is required, empty.

    Raises:
        Problem: 400, naming the field and what it must be.
    """
    try:
        return _decoded(body if body.strip() else b"{}", wanted)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), wanted) from None


def read_object(body: bytes) -> JsonObject:
    """Returns the body, which is a JSON object.

    Raises:
        Problem: 400.
    """
    try:
        return _decoded(body, JsonObject)
    except msgspec.ValidationError:
        raise Problem(400, "the body must be a JSON object") from None


def _decoded(body: bytes, wanted: type[D]) -> D:
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(400, "the body must be JSON") from None
    except RecursionError:
        raise Problem(400, "the body is nested too deeply") from None


def _refusal(said: str, wanted: type[msgspec.Struct]) -> Problem:
    fields = {field.name: field for field in fields_of(wanted).values()}
    unknown = _UNKNOWN.search(said)
    if unknown:
        known = f"known are: {', '.join(fields)}" if fields else "it takes none"
        return Problem(400, f'unknown field "{unknown[1][:40]}"', known)
    named = _FIELD.search(said)
    if named and named[1] in fields:
        return Problem(400, f"{named[1]} must be {fields[named[1]].words}")
    missing = next((name for name in fields if f"required field `{name}`" in said), None)
    if missing:
        return Problem(400, f"the field {missing} is missing")
    return Problem(400, "the body must be a JSON object")


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) not in {Union, UnionType}:
        return annotation
    return reduce(or_, (arg for arg in get_args(annotation) if arg is not NoneType))


def _in_words(kind: msgspec.inspect.Type) -> str:
    match kind:
        case msgspec.inspect.Metadata(type=inner):
            return _in_words(inner)
        case msgspec.inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case msgspec.inspect.LiteralType(values=values):
            return f"one of: {', '.join(map(str, values))}"
        case msgspec.inspect.StrType(max_length=most):
            return f"a text of at most {most} characters" if most else "a text"
    return _WORDS.get(type(kind), "as the OpenAPI document says")
