"""Numbers that jobs count and measure, by name."""

from typing import Protocol


class Metrics(Protocol):
    """Counters and gauges. No call blocks or raises."""

    def count(self, name: str, by: int = 1, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None:
        """One measured value of a distribution."""
