"""Port of the audit log: what operators did, and what was written to an ATS."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

AuditAction = Literal[
    "alert.mute",
    "alert.unmute",
    "attachments.retry",
    "configuration.apply",
    "erasure.lift",
    "integration.add",
    "integration.change",
    "integration.pause",
    "integration.resume",
    "integration.poll",
    "integration.remove",
    "integration.sweep",
    "legal_hold.release",
    "legal_hold.set",
    "keys.rotate",
    "outbox.drop",
    "outbox.replay",
    "person.erase",
    "person.export",
    "status.push",
]


class AuditTrail(Protocol):
    """Takes the actions of one actor."""

    async def record(
        self,
        action: AuditAction,
        subject: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes an action down, before it is carried out; durable when it returns."""
