"""A daemon's HTTP port on real MongoDB, and a client whose addresses are relative to it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from aiohttp import web
from msgspec.structs import replace
from pydantic import SecretStr

from config.encryption_key import encryption_keys
from connectors.errors import Unavailable
from daemon.http.api_services import ApiServices
from daemon.http.connections import HttpLimits, limits_of_process
from daemon.http.heartbeat import Heartbeat
from daemon.http.request_rates import RequestLimiter, RequestRates
from daemon.http.server import HttpParts, HttpServer
from daemon.runtime.checked_config import CheckedConfig, load_checked_config
from daemon.runtime.integration_admin import IntegrationAdmin, Trial, TryIntegration
from daemon.runtime.metrics import PrometheusMetrics
from daemon.runtime.readiness import ReadinessCheck
from daemon.store.alerts import AlertMutes
from daemon.store.audit_log import Actor, MongoAuditTrail
from daemon.store.candidate_history import MongoCandidateHistory
from daemon.store.connection import Mongo
from daemon.store.integration_data import MongoIntegrationData
from daemon.store.integrations import MongoIntegrations
from daemon.store.leases import MongoLeases
from daemon.store.outbox_admin import MongoOutboxAdmin
from daemon.store.overview import Overview
from daemon.store.secret_encryption import Keyring
from daemon.store.stored_integrations import MongoStoredIntegrations
from tests.support.erasing import erasing
from tests.support.moving_clock import MovingClock
from tests.support.sample_rows import NOW

Serve = Callable[..., Awaitable[aiohttp.ClientSession]]


async def _untried(_checked: CheckedConfig, name: str) -> Trial:
    raise Unavailable(f"{name}: no ATS is asked here")


@asynccontextmanager
async def serving(mongo: Mongo) -> AsyncIterator[Serve]:
    """Starts any number of ports, which end together."""
    async with AsyncExitStack() as ending:

        async def start(
            token: str | None = None,
            *,
            checks: dict[str, ReadinessCheck] | None = None,
            heartbeat: Heartbeat | None = None,
            port: int = 0,
            limits: HttpLimits | None = None,
            version: aiohttp.HttpVersion = aiohttp.HttpVersion11,
            rates: RequestRates | None = None,
            hosts: tuple[str, ...] | None = None,
            routes: Iterable[web.RouteDef] = (),
            trial: TryIntegration = _untried,
        ) -> aiohttp.ClientSession:
            secret = None if token is None else SecretStr(token)
            parts = _parts(mongo, secret, checks or {}, trial, rates or RequestRates())
            parts = replace(
                parts,
                limits=limits or limits_of_process(),
                hosts=hosts,
                routes=routes,
            )
            server = HttpServer(parts, heartbeat=heartbeat)
            bound = await server.start("127.0.0.1", port)
            ending.push_async_callback(server.stop)
            client = aiohttp.ClientSession(f"http://127.0.0.1:{bound}", version=version)
            return await ending.enter_async_context(client)

        yield start


def _file_without_integrations() -> CheckedConfig:
    with TemporaryDirectory() as folder:
        path = Path(folder, "ats-sync.yaml")
        path.write_text("version: 1\nintegrations: {}\n")
        return load_checked_config(path)


def _parts(
    mongo: Mongo,
    token: SecretStr | None,
    checks: dict[str, ReadinessCheck],
    trial: TryIntegration,
    rates: RequestRates,
) -> HttpParts:
    clock, metrics = MovingClock(NOW), PrometheusMetrics()
    metrics.count("runs", job="import_poll")
    audit = MongoAuditTrail(mongo, clock, Actor("admin token", "api"))
    stored = MongoStoredIntegrations(mongo, Keyring(encryption_keys("k" * 40)), clock)
    file = _file_without_integrations()
    services = ApiServices(
        Overview(mongo, clock),
        MongoIntegrations(mongo, clock, audit=audit),
        MongoOutboxAdmin(mongo, clock, audit=audit),
        AlertMutes(mongo, clock, audit=audit),
        MongoCandidateHistory(mongo),
        erasing(mongo, clock).requests(),
        stored,
        IntegrationAdmin(stored, lambda: file, trial, audit),
        MongoIntegrationData(mongo, MongoLeases(mongo, clock), clock).purge,
        clock,
    )
    return HttpParts(
        services=services,
        checks=checks,
        render_metrics=metrics.render,
        clock=clock,
        limiter=RequestLimiter(rates, metrics),
        admin_token=token,
    )
