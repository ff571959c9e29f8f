"""The answers of the port: JSON, and problems."""

import json
from collections.abc import Mapping

from aiohttp import web

from daemon.runtime.json_values import to_json


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
