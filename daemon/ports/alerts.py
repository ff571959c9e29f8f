"""The store of alerts, as those see it who report conditions."""

from datetime import datetime
from typing import Protocol

from daemon.core.conditions import AlertKind, Condition


class Alerts(Protocol):
    """Where jobs report conditions. Neither call raises for a channel that is down."""

    async def raise_condition(self, condition: Condition) -> None:
        """Open the condition, or count it once more if it is open already."""
        ...

    async def resolve(self, key: str) -> None:
        """Close the condition if it is open; otherwise nothing happens."""
        ...


class AlertLedger(Alerts, Protocol):
    """Conditions that can also be asked for: what an earlier process left open has to be closed."""

    async def open_keys(
        self, kind: AlertKind, *, seen_before: datetime | None = None
    ) -> frozenset[str]:
        """Returns the keys of this kind that are open, and were not seen since then."""
        ...
