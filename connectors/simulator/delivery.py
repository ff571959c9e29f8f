"""Sends a reply to the client, whole or broken in the way a fault asks for."""

import asyncio
import zlib
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
        fault = self.fault
        if fault is None:
            return self._whole(self.reply.body)
        broken = {
            "timeout": self._never,
            "unanswered": self._never,
            "reset": self._nothing,
            "lost_answer": self._nothing,
            "reset_mid_body": self._half_then_cut,
            "drip": self._dripped,
            "huge": self._padded,
            "gzip_bomb": self._bomb,
        }.get(fault.kind)
        return await broken(fault) if broken is not None else self._changed(fault)

    def _changed(self, fault: Fault) -> web.Response:
        body = self.reply.body
        if fault.kind == "truncated":
            return self._whole(body[: len(body) // 2])
        if fault.kind == "html":
            return self._whole(HTML, content_type="text/html")
        if fault.kind == "wrong_type":
            return self._whole(body, content_type="text/plain")
        return self._whole(body)

    async def _never(self, _: Fault) -> web.StreamResponse:
        await self.stopping.wait()
        return self._cut()

    async def _nothing(self, _: Fault) -> web.StreamResponse:
        return self._cut()

    def _whole(self, body: bytes, *, content_type: str | None = None) -> web.Response:
        kind = content_type or self.reply.content_type
        headers = {**self.reply.headers}
        if body:
            headers["Content-Type"] = kind
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

    async def _half_then_cut(self, _: Fault) -> web.StreamResponse:
        body = self.reply.body
        response = await self._begin(**{"Content-Length": str(len(body))})
        await response.write(body[: len(body) // 2])
        self._cut()
        return response

    async def _dripped(self, fault: Fault) -> web.StreamResponse:
        response = await self._begin()
        body = self.reply.body
        for start in range(0, len(body), DRIP_BYTES):
            await response.write(body[start : start + DRIP_BYTES])
            await self._pause(fault.seconds)
        await response.write_eof()
        return response

    async def _padded(self, fault: Fault) -> web.StreamResponse:
        response = await self._begin()
        for _ in range(fault.megabytes):
            await response.write(b" " * MEGABYTE)
        await response.write(self.reply.body)
        await response.write_eof()
        return response

    async def _bomb(self, fault: Fault) -> web.StreamResponse:
        response = await self._begin(**{"Content-Encoding": "gzip"})
        packer = zlib.compressobj(level=9, wbits=zlib.MAX_WBITS | 16)
        for _ in range(fault.megabytes):
            await response.write(packer.compress(b" " * MEGABYTE))
        await response.write(packer.compress(self.reply.body) + packer.flush())
        await response.write_eof()
        return response

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return
