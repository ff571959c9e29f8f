"""The alerts that a store holds."""

from typing import Any

from daemon.store.alerts import AlertStore


async def listed(alerts: AlertStore, *, only_open: bool = True) -> list[dict[str, Any]]:
    """The alerts, the latest first."""
    which: dict[str, Any] = {"resolved_at": None} if only_open else {}
    return await alerts._alerts.find(which, sort=[("opened_at", -1)]).to_list()
