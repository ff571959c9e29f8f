"""Sends a reply to the client, whole or broken in the way a fault asks for."""

import asyncio
import zlib
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from connectors.simulator.faults import Fault
from connectors.simulator.messages import Reply

HTML = b"<!doctype html><html><head><title>Maintenance</title></head><body>Back soon</body></html>"
MEGABYTE = 1024 * 1024
DRIP_BYTES = 64


@dataclass(slots=True)
class Delivery:
    """One answer on its way."""

    request: web.Request
    reply: Reply
    fault: Fault | None
    stopping: asyncio.Event

    async def send(self) -> web.StreamResponse:
        """Send the reply as the fault wants it, or just send it."""
        fault, body = self.fault, self.reply.body
        if fault is None:
            return self._whole(body)
        answer: web.StreamResponse
        match fault.kind:
            case "timeout" | "unanswered":
                await self.stopping.wait()
                answer = self._cut()
            case "reset" | "lost_answer":
                answer = self._cut()
            case "reset_mid_body":
                answer = await self._half_then_cut()
            case "drip":
                answer = await self._dripped(fault.seconds)
            case "huge":
                answer = await self._padded(fault.megabytes)
            case "gzip_bomb":
                answer = await self._bomb(fault.megabytes)
            case kind:
                changed = {
                    "truncated": (body[: len(body) // 2], None),
                    "html": (HTML, "text/html"),
                    "wrong_type": (body, "text/plain"),
                }
                answer = self._whole(*changed.get(kind, (body, None)))
        return answer

    def _whole(self, body: bytes, content_type: str | None = None) -> web.Response:
        headers = {**self.reply.headers}
        if body:
            headers["Content-Type"] = content_type or self.reply.content_type
        return web.Response(body=body or None, status=self.reply.status, headers=headers)

    def _cut(self) -> web.StreamResponse:
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response(status=500)

    async def _begin(self, **headers: str) -> web.StreamResponse:
        response = web.StreamResponse(status=self.reply.status, headers=self.reply.headers)
        response.headers["Content-Type"] = self.reply.content_type
        response.headers.update(headers)
        await response.prepare(self.request)
        return response

    async def _half_then_cut(self) -> web.StreamResponse:
        body = self.reply.body
        response = await self._begin(**{"Content-Length": str(len(body))})
        await response.write(body[: len(body) // 2])
        self._cut()
        return response

    async def _dripped(self, pause_s: float) -> web.StreamResponse:
        response = await self._begin()
        body = self.reply.body
        for start in range(0, len(body), DRIP_BYTES):
            await response.write(body[start : start + DRIP_BYTES])
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), pause_s)
        await response.write_eof()
        return response

    async def _padded(self, megabytes: int) -> web.StreamResponse:
        response = await self._begin()
        for _ in range(megabytes):
            await response.write(b" " * MEGABYTE)
        await response.write(self.reply.body)
        await response.write_eof()
        return response

    async def _bomb(self, megabytes: int) -> web.StreamResponse:
        response = await self._begin(**{"Content-Encoding": "gzip"})
        packer = zlib.compressobj(level=9, wbits=zlib.MAX_WBITS | 16)
        for _ in range(megabytes):
            await response.write(packer.compress(b" " * MEGABYTE))
        await response.write(packer.compress(self.reply.body) + packer.flush())
        await response.write_eof()
        return response
