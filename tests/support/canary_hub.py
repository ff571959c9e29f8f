"""Everything outside of the daemon but ClearView and a healthy ATS: it fails, and repeats all it was sent."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.canary_words import GARBLED
from tests.support.tiny_ats import TinyAts, tiny_ats

ATSS = ("refusing", "mistyped", "failing", "garbled")
RECEIVERS = frozenset({"notify", "chat", "events"})


@dataclass(slots=True)
class Hub:
    """One server with a folder for each service; `requests` has all that each was sent."""

    ats: TinyAts
    answered: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return self.ats.url

    def sent_to(self, folder: str, *, headers: bool = True) -> bytes:
        """Returns the requests to one service as text."""
        found = [
            f"{line}\n{sent if headers else ''}\n".encode() + body
            for line, sent, body in zip(
                self.ats.asked, self.ats.headers, self.ats.bodies, strict=True
            )
            if line.split(" ")[1].startswith(f"/{folder}")
        ]
        return b"\n".join(found)

    async def answer(self, request: web.Request) -> web.Response:
        """Fails as the service's name says; receivers of messages and events do so at first only."""
        name = request.path.split("/")[1].partition("-")[0]
        self.answered[name] += 1
        if name in RECEIVERS and self.answered[name] > 2:
            return web.Response(status=204)
        match name:
            case "mistyped":
                return web.json_response({"rows": _mistyped()})
            case "garbled":
                text = f'{{"rows": [{{"id": "1", "name": "{GARBLED["name in broken JSON"]}'
                return web.Response(text=text, content_type="application/json")
            case "refusing":
                return _repeating(request, 401, "")
            case _:
                return _repeating(request, 503, await request.text())


def _mistyped() -> list[object]:
    return [
        {"id": "m1", "name": {"first": GARBLED["name of a wrong type"]}},
        {"name": GARBLED["name without an id"]},
    ]


def _repeating(request: web.Request, status: int, body: str) -> web.Response:
    """A failure that quotes the credential, the address and the body wherever an answer has room."""
    key = request.headers.get("X-Key", request.headers.get("Authorization", "none")).split()[-1]
    quoted = f"{key} {request.path_qs} {GARBLED['name in an error']} {body[:500]}"
    words = {"code": key, "message": quoted, "errors": [{"title": quoted}]}
    headers = {"X-Message": key, "Content-Type": f"text/{key[:40]}"}
    return web.Response(status=status, text=json.dumps(words), headers=headers, reason=key)


@asynccontextmanager
async def hub() -> AsyncIterator[Hub]:
    async def answer(request: web.Request) -> web.Response:
        return await made.answer(request)

    async with tiny_ats(answer) as ats:
        made = Hub(ats)
        yield made
