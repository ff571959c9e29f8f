"""For orchestrators: alive, ready, and the numbers."""

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from daemon.http.answers import answered
from daemon.http.heartbeat import Heartbeat
from daemon.runtime.readiness import ReadinessCheck, why_not_ready


class Probes:
    """`/healthz`, `/readyz` and `/metrics`."""

    def __init__(
        self,
        heartbeat: Heartbeat,
        checks: Mapping[str, ReadinessCheck],
        render_metrics: Callable[[], bytes],
    ) -> None:
        self._heartbeat = heartbeat
        self._checks = dict(checks)
        self._render_metrics = render_metrics

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
        ]

    async def healthz(self, _request: web.Request) -> web.Response:
        """A word: `ok` while the loop is alive."""
        if self._heartbeat.alive:
            return web.Response(text="ok")
        return web.Response(text="stuck", status=503)

    async def readyz(self, _request: web.Request) -> web.Response:
        """Answers if the daemon can do its work now, and if not, why."""
        reasons = await self.reasons()
        ready = {"ready": not reasons, "reasons": reasons}
        return answered(ready, status=503 if reasons else 200)

    async def reasons(self) -> list[str]:
        """Why the daemon is not ready; empty if it is."""
        found = await asyncio.gather(*(why_not_ready(*check) for check in self._checks.items()))
        return [reason for reason in found if reason is not None]

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answers with the metrics for Prometheus."""
        answer = web.Response(body=self._render_metrics())
        answer.headers["Content-Type"] = CONTENT_TYPE_PLAIN_0_0_4
        return answer
