"""The content of a message about conditions, and its channels. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from daemon.core.alerting import AlertMessage, AlertState, Phase

SEVERITIES = ("info", "warning", "error", "critical")


def payload_of(message: AlertMessage) -> dict[str, Any]:
    """Returns the notification in the format of ClearView's Notification Service."""
    first = message.alerts[0]
    if len(message.alerts) > 1:
        return _storm_payload(message, first)
    return {
        "key": first.key,
        "kind": first.kind,
        "severity": first.severity,
        "state": _state(message.phase),
        "integration": first.integration,
        "title": _title(message.phase, first.title),
        "message": first.message,
        "opened_at": first.opened_at,
        "details": {
            **first.details,
            "times_seen": first.count,
            **({"resolved_at": first.resolved_at} if message.phase == "resolved" else {}),
            **({"reminder": first.messages} if message.phase == "reminder" else {}),
        },
    }


def _storm_payload(message: AlertMessage, first: AlertState) -> dict[str, Any]:
    integrations = sorted({a.integration for a in message.alerts if a.integration})
    where = f"{len(integrations) or len(message.alerts)} integrations: {first.kind}"
    return {
        "key": f"{first.kind}:storm:{first.id}",
        "kind": first.kind,
        "severity": max((a.severity for a in message.alerts), key=SEVERITIES.index),
        "state": _state(message.phase),
        "integration": None,
        "title": _title(message.phase, where.replace("_", " ")),
        "message": f"{len(message.alerts)} conditions share one cause. {first.message}",
        "opened_at": min(a.opened_at for a in message.alerts),
        "details": {
            "count": len(message.alerts),
            "integrations": integrations,
            "keys": sorted(a.key for a in message.alerts),
        },
    }


def _state(phase: Phase) -> Literal["open", "resolved"]:
    return "resolved" if phase == "resolved" else "open"


def _title(phase: Phase, title: str) -> str:
    prefix = {"opened": "", "reminder": "Still: ", "resolved": "Resolved: "}[phase]
    return prefix + title


def channels_for(payload: Mapping[str, Any], channels: Sequence[str]) -> list[str]:
    """Returns every channel but the one that the message itself reports as broken."""
    broken = payload["details"].get("channel")
    return [channel for channel in channels if channel != broken]
