"""For orchestrators: alive, ready, and the numbers."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from daemon.http.answers import answered
from daemon.http.heartbeat import Heartbeat
from daemon.runtime.timeouts import bounded

log = structlog.get_logger("daemon.http")

ReadinessCheck = Callable[[], Coroutine[Any, Any, str | None]]
"""None if this part is ready, otherwise the reason why not: a sentence without secrets."""
CHECK_LIMIT_S = 3.0


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
        """Where they are."""
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
        """Whether the daemon can do its work now, and if not, why."""
        reasons = await self.reasons()
        ready = {"ready": not reasons, "reasons": reasons}
        return answered(ready, status=503 if reasons else 200)

    async def reasons(self) -> list[str]:
        """Why the daemon is not ready; empty if it is."""
        found = await asyncio.gather(*(ask(*check) for check in self._checks.items()))
        return [reason for reason in found if reason is not None]

    async def metrics(self, _request: web.Request) -> web.Response:
        """What Prometheus reads."""
        answer = web.Response(body=self._render_metrics())
        answer.headers["Content-Type"] = CONTENT_TYPE_PLAIN_0_0_4
        return answer


async def ask(name: str, check: ReadinessCheck) -> str | None:
    """Returns why this part is not ready; None if it is. A check that breaks or hangs is a reason."""
    try:
        return await bounded(check(), CHECK_LIMIT_S, name=f"readiness of {name}")
    except TimeoutError:
        return f"{name} did not answer within {CHECK_LIMIT_S:g} s"
    except Exception as error:  # noqa: BLE001 - a check that breaks is a reason like any other
        log.warning("readiness_check_failed", check=name, error=type(error).__name__)
        return f"{name} could not be checked ({type(error).__name__})"
