"""The HTTP port: its paths, its start and its end."""

import asyncio
import errno
from collections.abc import Callable, Iterable, Mapping

import msgspec
import structlog
from aiohttp import web
from pydantic import SecretStr

from daemon.http.api import ApiRoutes
from daemon.http.api_services import ApiServices
from daemon.http.body_limits import MOST_WEBHOOK_BYTES
from daemon.http.connections import HttpLimits, limits_of_process, whole_requests
from daemon.http.guard import (
    add_headers,
    is_loopback,
    only_for_operators,
    only_known_hosts,
    problems,
)
from daemon.http.heartbeat import Heartbeat
from daemon.http.listener import Listener
from daemon.http.page import StatusPage
from daemon.http.probes import Probes
from daemon.http.request_rates import RequestLimiter, limited_clients, limited_tokens
from daemon.ports.clock import Clock
from daemon.runtime.readiness import ReadinessCheck
from models.errors import UserError

log = structlog.get_logger("daemon.app")


class HttpParts(msgspec.Struct, frozen=True):
    """Everything that the port shows and asks."""

    services: ApiServices
    checks: Mapping[str, ReadinessCheck]
    """Readiness checks by the name of what they check."""
    render_metrics: Callable[[], bytes]
    clock: Clock
    limiter: RequestLimiter
    admin_token: SecretStr | None = None
    routes: Iterable[web.RouteDef] = msgspec.field(default=())
    """Further routes, such as those of webhooks."""
    limits: HttpLimits = msgspec.field(default_factory=limits_of_process)
    hosts: tuple[str, ...] | None = None
    """Names by which the port may be asked for; None as `only_known_hosts` says."""


class HttpServer:
    """Serves until stopped."""

    def __init__(self, parts: HttpParts, *, heartbeat: Heartbeat | None = None) -> None:
        self._parts = parts
        self._heartbeat = heartbeat or Heartbeat()
        self.listening = asyncio.Event()
        self.port = 0
        """The port that `serve` listens on, once `listening` is set."""
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    async def serve(self, host: str, port: int, stop: asyncio.Event) -> None:
        """Listens until `stop` is set.

        Raises:
            UserError: host or port cannot be used; names the setting to change.
        """
        self.port = await self.start(host, port)
        log.info("http_listening", host=host, port=self.port)
        self.listening.set()
        try:
            await stop.wait()
        finally:
            await self.stop()

    async def start(self, host: str, port: int) -> int:
        """Listen; 0 takes a free port. The result is the port that was bound.

        Raises:
            UserError: host or port cannot be had; names the setting to change.
        """
        self._runner = web.AppRunner(self._app(host), shutdown_timeout=1.0, handle_signals=False)
        await self._runner.setup()
        assert self._runner.server is not None
        self._listener = Listener(self._runner.server, self._parts.limits)
        try:
            bound = await self._listener.start(host, port)
        except OSError as error:
            await self.stop()
            raise _cannot_listen(host, port, error) from None
        self._heartbeat.start()
        return bound

    async def stop(self) -> None:
        """Answer what is being answered, then close; stopping twice does nothing more."""
        runner, self._runner = self._runner, None
        if self._listener is not None:
            self._listener.stop()
        await self._heartbeat.stop()
        if runner is not None:
            await runner.cleanup()

    def _app(self, host: str) -> web.Application:
        parts = self._parts
        is_open = parts.admin_token is None and is_loopback(host)
        app = web.Application(
            middlewares=[
                problems,
                limited_clients(parts.limiter),
                only_for_operators(parts.admin_token),
                limited_tokens(parts.limiter),
                only_known_hosts(parts.hosts, loopback_only=is_open),
                whole_requests(parts.limits),
            ],
            client_max_size=MOST_WEBHOOK_BYTES,
        )
        app.on_response_prepare.append(add_headers)
        probes = Probes(self._heartbeat, parts.checks, parts.render_metrics)
        page = StatusPage(parts.services.overview, probes.reasons, parts.clock)
        app.add_routes([*probes.routes(), *page.routes(), *ApiRoutes(parts.services).routes()])
        app.add_routes(parts.routes)
        return app


def _cannot_listen(host: str, port: int, error: OSError) -> UserError:
    if error.errno == errno.EADDRINUSE:
        return UserError(
            f"port {port} on {host} is in use",
            remedy="stop what uses it, or set ATS_SYNC_HTTP_PORT to another one (0 = a free one)",
        )
    if error.errno == errno.EACCES:
        return UserError(
            f"port {port} may not be used by this user",
            remedy="set ATS_SYNC_HTTP_PORT to a port above 1023",
        )
    return UserError(
        f"cannot listen on {host}, port {port}: {error.strerror or error}",
        remedy="set ATS_SYNC_HTTP_HOST to an address of this machine",
    )
