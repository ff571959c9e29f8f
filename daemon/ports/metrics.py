"""Numbers that jobs count and measure, by name; the composition root wires them to an exporter."""

from typing import Protocol


class Metrics(Protocol):
    """Counters and gauges. No call blocks or raises."""

    def count(self, name: str, by: int = 1, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None:
        """One measured value of a distribution."""
        ...


class NoMetrics:
    """No one is counting."""

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Nothing to keep."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Nothing to keep."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Nothing to keep."""
