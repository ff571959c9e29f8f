"""The store of alerts, as those see it who report conditions."""

from datetime import datetime
from typing import Protocol

from daemon.core.conditions import AlertKind, Condition


class Alerts(Protocol):
    """Takes the conditions that jobs report. No call raises for a channel that is down."""

    async def raise_condition(self, condition: Condition) -> None:
        """Opens the condition, or counts it again if it is open already."""

    async def resolve(self, key: str) -> None:
        """Closes the condition if it is open; otherwise nothing happens."""


class AlertLedger(Alerts, Protocol):
    """Alerts whose open conditions can be listed: those of an earlier process have to be closed."""

    async def open_keys(
        self, kind: AlertKind, *, seen_before: datetime | None = None
    ) -> frozenset[str]:
        """Returns the keys of this kind that are open, and were not seen since then."""
