"""Metrics that keep nothing."""


class NoMetrics:
    """Takes all metrics and keeps none."""

    def count(self, name: str, by: int = 1, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None: ...
