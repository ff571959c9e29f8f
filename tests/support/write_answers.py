"""A proxy before a simulated ATS, which answers the writes for some applications in its own way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from connectors.simulator import Simulator
from connectors.simulator.commands import run_command
from tests.support.wild_writes import Says

_READS = frozenset({"list", "info", "token"})
"""Ends of paths that Ashby and token addresses are read at by POST."""


@dataclass(slots=True)
class WriteAnswers:
    """What each application's writes are answered, while `is_odd`; and which writes came."""

    simulator: Simulator
    says: dict[str, Says] = field(default_factory=dict)
    """By the application's id."""
    rejected_before: set[str] = field(default_factory=set)
    """Applications that a colleague rejects at the ATS, just before the write is answered."""
    writes: list[str] = field(default_factory=list)
    is_odd: bool = True
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        named = self._application(request, body)
        if named is None:
            return await self._forwarded(request, body)
        self.writes.append(named)
        if named in self.rejected_before:
            self.rejected_before.discard(named)
            run_command(self.simulator, {"kind": "reject", "application": named})
        says = self.says.get(named) if self.is_odd else None
        if says is None:
            return await self._forwarded(request, body)
        if says.takes_effect:
            done = await self._forwarded(request, body)
            assert done.status < 300, (request.path, done.text)
        return says.response()

    def _application(self, request: web.Request, body: bytes) -> str | None:
        """The application that a write names, in its path or in its body."""
        end = request.path.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
        if request.method == "GET" or end in _READS:
            return None
        text = f"{request.path} {body.decode()}"
        return next((key for key in self.says if key.split(":")[0] in text), None)

    async def _forwarded(self, request: web.Request, body: bytes) -> web.Response:
        own, here = URL(self.simulator.url).authority, URL(self.url).authority
        kept = {k: v for k, v in request.headers.items() if k not in {"Host", "Content-Length"}}
        target = URL(self.simulator.url).join(URL(request.raw_path, encoded=True))
        async with (
            aiohttp.ClientSession(auto_decompress=True) as client,
            client.request(request.method, target, headers=kept, data=body or None) as answer,
        ):
            raw = (await answer.read()).replace(own.encode(), here.encode())
            headers = {
                name: value.replace(own, here)
                for name, value in answer.headers.items()
                if name not in {"Content-Length", "Content-Encoding", "Transfer-Encoding"}
            }
            return web.Response(status=answer.status, body=raw, headers=headers)


@asynccontextmanager
async def write_answers(simulator: Simulator) -> AsyncIterator[WriteAnswers]:
    """Serves before the simulator until left."""
    proxy = WriteAnswers(simulator)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", proxy.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    proxy.url = str(URL(simulator.url).with_port(runner.addresses[0][1]))
    try:
        yield proxy
    finally:
        await runner.cleanup()
