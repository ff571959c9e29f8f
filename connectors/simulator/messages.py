"""A request and its answer as a vendor's code sees them, apart from the HTTP server."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

import msgspec
from multidict import CIMultiDictProxy, MultiMapping

from connectors.simulator.faults import Fault

Record = dict[str, Any]
"""A JSON object."""
Operation = Literal["list", "detail", "write", "token"]


@dataclass(slots=True)
class Reply:
    """The answer to the client."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @classmethod
    def of(
        cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> "Reply":
        return cls(status, msgspec.json.encode(value), dict(headers or {}))


@dataclass(eq=False)
class Refusal(Exception):
    """The vendor says no. With a `rule`, the client broke one and that is recorded."""

    status: int
    message: str
    _: KW_ONLY
    rule: str | None = None
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class ListedPage:
    """One page of a listing: rows as they are or encoded, where the next page is, and this one."""

    rows: list[object]
    next: str | None
    here: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `pattern` may hold `{name}` for a path segment."""

    method: str
    pattern: str
    operation: Operation
    name: str
    handler: "Callable[[Call], Reply]"


@dataclass(slots=True)
class Call:
    """One request, read whole."""

    route: Route
    path: str
    query: MultiMapping[str]
    headers: CIMultiDictProxy[str]
    body: bytes
    ids: dict[str, str]
    fault: Fault | None = None
    page: int = 1
    actor: int = 1

    @property
    def params(self) -> set[str]:
        return set(self.query)

    def json_object(self) -> dict[str, object]:
        """The body as a JSON object; an empty body is an empty object.

        Raises:
            Refusal: the body is something else.
        """
        try:
            value = msgspec.json.decode(self.body or b"{}")
        except msgspec.DecodeError:
            raise Refusal(400, "The body is not valid JSON", rule="body_not_json") from None
        if not isinstance(value, dict):
            raise Refusal(400, "The body must be a JSON object", rule="body_not_object")
        return value

    def basic(self) -> tuple[str, str] | None:
        """User and password of HTTP Basic, or None where there is no such header."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            text = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        user, _, password = text.partition(":")
        return user, password

    def bearer(self) -> str | None:
        """The bearer token, or None where there is none."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else None


def seal(state: Mapping[str, object]) -> str:
    """An opaque cursor that carries the state of a walk."""
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode().rstrip("=")


def unseal(cursor: str) -> dict[str, object] | None:
    """The state inside a cursor of ours, or None for anything else."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        state = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError):
        return None
    return state if isinstance(state, dict) else None


def integer(text: object, *, low: int, high: int) -> int | None:
    """A whole number within the bounds, or None."""
    digits = str(text)
    if isinstance(text, bool) or not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits) if low <= int(digits) <= high else None
