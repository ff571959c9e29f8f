"""The daemon's own port: the API, the page, the probes and the webhooks, with what they read."""

from collections.abc import Mapping
from functools import partial

from config.settings import Settings
from connectors.read.webhooks import WebhookReader, webhook_reader
from daemon.app.jobs import try_integration
from daemon.app.services import AppServices
from daemon.http.api_services import ApiServices
from daemon.http.request_rates import RequestLimiter, RequestRates
from daemon.http.server import HttpParts, HttpServer
from daemon.http.webhooks import Webhooks
from daemon.runtime.checked_config import CurrentConfig
from daemon.runtime.config_sources import ConfigSources
from daemon.runtime.integration_admin import IntegrationAdmin
from daemon.runtime.metrics import PrometheusMetrics
from daemon.runtime.readiness import ReadinessCheck
from daemon.store.alerts import AlertMutes
from daemon.store.audit_log import Actor, MongoAuditTrail
from daemon.store.candidate_history import MongoCandidateHistory
from daemon.store.integrations import MongoIntegrations
from daemon.store.outbox_admin import MongoOutboxAdmin
from daemon.store.overview import Overview
from daemon.store.webhook_events import MongoWebhookEventStore


def http_server(
    settings: Settings,
    app: AppServices,
    sources: ConfigSources,
    checks: Mapping[str, ReadinessCheck],
    metrics: PrometheusMetrics,
) -> HttpServer:
    """Returns the server, which answers by the configuration in force at each request."""
    limiter = RequestLimiter(RequestRates(), metrics)
    webhooks = Webhooks(
        partial(_webhook_reader, sources.current),
        MongoWebhookEventStore(app.mongo, erased=app.erased),
        app.clock,
        metrics,
        limiter,
    )
    return HttpServer(
        HttpParts(
            services=_api_services(settings, app, sources),
            checks=checks,
            render_metrics=metrics.render,
            clock=app.clock,
            limiter=limiter,
            admin_token=settings.admin_token,
            hosts=settings.http_hosts,
            routes=webhooks.routes(),
        )
    )


def _api_services(settings: Settings, app: AppServices, sources: ConfigSources) -> ApiServices:
    mongo, clock = app.mongo, app.clock
    name = "this machine" if settings.admin_token is None else "admin token"
    audit = MongoAuditTrail(mongo, clock, Actor(name, "api"))
    return ApiServices(
        overview=Overview(mongo, clock),
        integrations=MongoIntegrations(mongo, clock, audit=audit),
        outbox=MongoOutboxAdmin(mongo, clock, audit=audit),
        mutes=AlertMutes(mongo, clock, audit=audit),
        history=MongoCandidateHistory(mongo),
        people=app.requests_by(audit),
        stored=app.stored,
        admin=IntegrationAdmin(
            app.stored, lambda: sources.file, partial(try_integration, app), audit
        ),
        purge=app.integration_data.purge,
        clock=clock,
    )


def _webhook_reader(config: CurrentConfig, name: str) -> WebhookReader | None:
    integration = config.loaded.value.integrations.get(name)
    if integration is None or not integration.enabled:
        return None
    return webhook_reader(config.checked.definition_of(name).model, integration)
