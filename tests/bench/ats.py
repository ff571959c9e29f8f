"""An ATS that answers at once: pages of ready bytes, and writes that it only notes the moment of.

Run as a process of its own: `python -m tests.bench.ats` prints its port and serves until its
standard input ends.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from tests.bench.people import STAGES, application_page, application_row
from tests.bench.records import PER_PAGE, ROTATING, Variant, page_of, page_templates


@dataclass(slots=True)
class Listing:
    """All pages of one answer, made before anybody measures."""

    variant: str
    records: int
    pages: list[bytes]


@dataclass(slots=True)
class BenchAts:
    """What it serves and what it noticed."""

    templates: list[bytes] = field(default_factory=page_templates)
    listing: Listing | None = None
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    """Kind of request, what it was about, when it came (nanoseconds of the monotonic clock, which
    all processes of the machine share)."""
    writes: int = 0
    stages: dict[str, str] = field(default_factory=dict)
    """By application: where a write has put it."""
    signature: int = 0

    def routes(self) -> list[web.RouteDef]:
        base = "/{variant}/{records}"
        return [
            web.post(f"{base}/prepare", self.prepare),
            web.get(f"{base}/candidates", self.candidates),
            web.get(f"{base}/applications", self.applications),
            web.get(f"{base}/applications/{{key}}", self.application),
            web.post(f"{base}/applications/{{key}}/move", self.move),
            web.get(f"{base}/stages", self.all_stages),
            web.get("/noticed", self.noticed),
            web.get("/written", self.written),
            web.post("/forget", self.forget),
        ]

    def _note(self, kind: str, about: str = "") -> None:
        self.requests.append((kind, about, time.monotonic_ns()))

    async def prepare(self, request: web.Request) -> web.Response:
        """Make every page of this listing now: then serving one costs next to nothing."""
        name, records = request.match_info["variant"], int(request.match_info["records"])
        if name.startswith(ROTATING) or not self._is_ready(name, records):
            self.listing = None  # before the next one, or both are in memory
            variant = self._variant(name)
            pages = [
                page_of(self.templates, number, variant)
                for number in range(-(-records // PER_PAGE))
            ]
            self.listing = Listing(name, records, pages)
        return _json(b"{}")

    def _is_ready(self, name: str, records: int) -> bool:
        ready = self.listing
        return ready is not None and (ready.variant, ready.records) == (name, records)

    async def candidates(self, request: web.Request) -> web.Response:
        """A page of the listing; `Link` names the next one."""
        self._note("list")
        number = int(request.query.get("page", "0"))
        name, total = request.match_info["variant"], int(request.match_info["records"])
        if self.listing is not None and self._is_ready(name, total):
            body = self.listing.pages[number]
        else:
            body = page_of(self.templates, number, self._variant(name))
        return _page(request, body, number, total)

    def _variant(self, name: str) -> Variant:
        kind, _, edition = name.partition("-")
        if kind == ROTATING:
            self.signature += 1
            return Variant(signature=str(self.signature))
        if kind == "changed":
            return Variant(edition=int(edition))
        return Variant()

    async def applications(self, request: web.Request) -> web.Response:
        """A page of small records: candidate and application in one."""
        self._note("list")
        number = int(request.query.get("page", "0"))
        total = int(request.match_info["records"])
        return _page(request, application_page(number, total, self.stages), number, total)

    async def application(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        self._note("read", key)
        return _json(msgspec.json.encode(application_row(key, self.stages.get(key))))

    async def move(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        self._note("write", key)
        self.writes += 1
        self.stages[key] = str(msgspec.json.decode(await request.read())["to"])
        return _json(b"{}")

    async def all_stages(self, request: web.Request) -> web.Response:
        return _json(msgspec.json.encode(STAGES))

    async def noticed(self, request: web.Request) -> web.Response:
        return _json(msgspec.json.encode(self.requests))

    async def written(self, request: web.Request) -> web.Response:
        """How many writes there were: asked again and again, it must cost nothing."""
        return _json(msgspec.json.encode(self.writes))

    async def forget(self, request: web.Request) -> web.Response:
        self.requests.clear()
        self.writes = 0
        self.stages.clear()
        return _json(b"{}")


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _page(request: web.Request, body: bytes, number: int, total: int) -> web.Response:
    response = _json(body)
    if (number + 1) * PER_PAGE < total:
        following = request.url.update_query(page=str(number + 1))
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


async def serve() -> None:
    """Until standard input ends."""
    app = web.Application()
    app.add_routes(BenchAts().routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
