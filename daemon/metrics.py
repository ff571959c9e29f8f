"""Numbers for Prometheus, by the names that jobs use. No label carries personal data."""

from collections.abc import Mapping
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

PREFIX = "ats_sync_"
_SECONDS = (0.001, 0.005, 0.015, 0.06, 0.25, 1.0, 5.0, 30.0, 120.0)


class PrometheusMetrics:
    """`daemon.ports.metrics.Metrics` over a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._known: dict[tuple[str, tuple[str, ...]], MetricWrapperBase] = {}

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        metric = self._metric(Counter, name, labels)
        (metric.labels(**labels) if labels else metric).inc(by)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        metric = self._metric(Gauge, name, labels)
        (metric.labels(**labels) if labels else metric).set(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        metric = self._metric(Histogram, name, labels)
        (metric.labels(**labels) if labels else metric).observe(value)

    def _metric(
        self, kind: type[Counter | Gauge | Histogram], name: str, labels: Mapping[str, str]
    ) -> "Counter | Gauge | Histogram":
        key = (name, tuple(sorted(labels)))
        if key not in self._known:
            options = {"buckets": _SECONDS} if kind is Histogram else {}
            self._known[key] = kind(
                PREFIX + name,
                name.replace("_", " "),
                labelnames=key[1],
                registry=self.registry,
                **options,
            )
        return self._known[key]  # type: ignore[return-value]  # only these three kinds are made

    def render(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)


class ConnectorMetrics:
    """`connectors.base.Observer`: counts requests, remembers who waits until when."""

    def __init__(self, metrics: PrometheusMetrics) -> None:
        self._metrics = metrics
        self.waiting_until: dict[str, tuple[datetime, str]] = {}

    def request_sent(self, *, integration: str, operation: str) -> None:
        self._metrics.count("ats_requests", integration=integration, operation=operation)

    def answer_received(
        self, *, integration: str, operation: str, status: int | None, seconds: float
    ) -> None:
        answered = "none" if status is None else f"{status // 100}xx"
        self._metrics.count(
            "ats_answers", integration=integration, operation=operation, status=answered
        )
        self._metrics.observe("ats_answer_seconds", seconds, integration=integration)

    def waiting(self, *, integration: str, until: datetime, reason: str) -> None:
        self.waiting_until[integration] = (until, reason)
        seconds = max((until - datetime.now(UTC)).total_seconds(), 0.0)
        self._metrics.observe("ats_wait_seconds", seconds, integration=integration)

    def warned(self, *, integration: str, message: str) -> None:
        self._metrics.count("ats_warnings", integration=integration)
