"""Numbers for Prometheus, by the names that jobs use. No label carries personal data."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from connectors.http.rate_limits import SLOW_DOWN
from daemon.runtime.rate_limit_monitor import RateLimitMonitor

log = structlog.get_logger("daemon.connector")

PREFIX = "ats_sync_"
TOO_MANY_REQUESTS = 429
_histogram_of_seconds = partial(
    Histogram, buckets=(0.001, 0.005, 0.015, 0.06, 0.25, 1.0, 5.0, 30.0, 120.0)
)


class PrometheusMetrics:
    """`daemon.ports.metrics.Metrics` over a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._metrics: dict[str, Any] = {}
        self._children: dict[tuple[str, ...], Any] = {}
        """By name and labels, because looking a child up costs more than counting."""

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        self._child(Counter, name, labels).inc(by)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self._child(Gauge, name, labels).set(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        self._child(_histogram_of_seconds, name, labels).observe(value)

    def _child(self, make: Callable[..., Any], name: str, labels: Mapping[str, str]) -> Any:
        key = (name, *labels, *labels.values())
        found = self._children.get(key)
        if found is None:
            if name not in self._metrics:
                text = name.replace("_", " ")
                self._metrics[name] = make(
                    PREFIX + name, text, sorted(labels), registry=self.registry
                )
            metric = self._metrics[name]
            found = self._children[key] = metric.labels(**labels) if labels else metric
        return found

    def render(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)


class ConnectorMetrics:
    """`connectors.connector.Observer`: counts requests, and notes which ATS asks to slow down."""

    def __init__(self, metrics: PrometheusMetrics, limits: RateLimitMonitor) -> None:
        self._metrics = metrics
        self._limits = limits

    def request_sent(self, *, integration: str, operation: str) -> None:
        self._metrics.count("ats_requests", integration=integration, operation=operation)

    def answer_received(
        self, *, integration: str, operation: str, status: int | None, seconds: float
    ) -> None:
        if status == TOO_MANY_REQUESTS:
            self._limits.asked_to_slow_down(integration)
        answered = "none" if status is None else f"{status // 100}xx"
        self._metrics.count(
            "ats_answers", integration=integration, operation=operation, status=answered
        )
        self._metrics.observe("ats_answer_seconds", seconds, integration=integration)

    def waiting(self, *, integration: str, until: datetime, reason: str) -> None:
        if reason == SLOW_DOWN:
            self._limits.asked_to_slow_down(integration, until)
        seconds = max((until - datetime.now(UTC)).total_seconds(), 0.0)
        self._metrics.observe("ats_wait_seconds", seconds, integration=integration)

    def warned(self, *, integration: str, message: str) -> None:
        log.warning("ats_warned", integration=integration, message=message)
        self._metrics.count("ats_warnings", integration=integration)
