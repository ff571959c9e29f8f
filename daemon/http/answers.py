"""The answers of the port: JSON, problems, and a query that is checked before it is used."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from aiohttp import web

from config.problems import did_you_mean
from daemon.runtime.json_values import to_json
from models.times import to_milliseconds

T = TypeVar("T")
DEFAULT_LIMIT = 100
MOST = 1_000


class Problem(Exception):
    """A request that is not granted; becomes an answer of type `application/problem+json`."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """`more` are further members, such as a list of mistakes."""
        super().__init__(title)
        self.more = dict(more or {})
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})

    def answer(self) -> web.Response:
        """RFC 9457, without a type of its own."""
        body = {"type": "about:blank", "status": self.status, "title": self.title, **self.more}
        if self.detail:
            body["detail"] = self.detail
        answer = answered(body, status=self.status, content_type="application/problem+json")
        answer.headers.update(self.headers)
        if self.status == 401:
            answer.headers["WWW-Authenticate"] = 'Bearer realm="ats-sync"'
        return answer


def answered(
    value: object, *, status: int = 200, content_type: str = "application/json"
) -> web.Response:
    """A value as JSON; UUIDs as text, moments in ISO 8601 with a final Z."""
    text = json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"))
    body = text.encode("utf-8", "replace")
    return web.Response(body=body, status=status, content_type=content_type)


def known_only(request: web.Request, *names: str) -> Mapping[str, str]:
    """The query, each name once and all of them known.

    Raises:
        Problem: 400, naming the parameter.
    """
    query = request.query
    for name in query:
        if name not in names:
            hint = did_you_mean(name, names)
            meant = f'did you mean "{hint}"?' if hint else f"known are: {', '.join(names)}"
            raise Problem(400, f'unknown parameter "{name[:40]}"', meant)
        if len(query.getall(name)) > 1:
            raise Problem(400, f"the parameter {name} is given more than once")
    return query


def limit_of(query: Mapping[str, str]) -> int:
    """Returns the number of rows to read.

    Raises:
        Problem: 400, with the range.
    """
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MOST):
        raise Problem(400, f"limit must be a whole number from 1 to {MOST}")
    return int(text)


def one_of(query: Mapping[str, str], name: str, known: tuple[str, ...]) -> str | None:
    """The parameter, which must be one of these words.

    Raises:
        Problem: 400, with the words.
    """
    value = query.get(name)
    if value is not None and value not in known:
        raise Problem(400, f"{name} must be one of: {', '.join(known)}")
    return value


def uuid_of(text: str, name: str) -> UUID:
    """The UUID that a text holds.

    Raises:
        Problem: 400.
    """
    return _read(text, name, UUID, "a UUID")


def moment_of(text: str, name: str) -> datetime:
    """The moment that a text holds.

    Raises:
        Problem: 400.
    """
    return _read(text, name, _moment, "a moment such as 2026-11-23T08:00:00Z")


def _moment(text: str) -> datetime:
    return to_milliseconds(datetime.fromisoformat(text))


def _read(text: str, name: str, read: Callable[[str], T], wanted: str) -> T:
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise Problem(400, f"{name} must be {wanted}") from None


async def json_object(request: web.Request) -> Mapping[str, Any]:
    """The body, which is empty or a JSON object.

    Raises:
        Problem: 400.
    """
    body = await request.read()
    try:
        value = json.loads(body) if body.strip() else {}
        json.dumps(value, ensure_ascii=False).encode()  # refuses half characters
    except ValueError:  # covers text that is not UTF-8, too
        raise Problem(400, "the body must be JSON") from None
    except RecursionError:
        raise Problem(400, "the body is nested too deeply") from None
    if not isinstance(value, dict):
        raise Problem(400, "the body must be a JSON object")
    return value
