"""`audit_log`: one action of an operator, or one erasure. Rows are only added."""

from typing import Any, Literal

from pymongo import ASCENDING, DESCENDING, IndexModel

from models.documents.base import StoredDocument, UtcTime

AuditVia = Literal["cli", "api", "file", "daemon"]


class AuditEntry(StoredDocument):
    """One action. It is written before the action is carried out, and names no candidate."""

    at: UtcTime
    actor: str
    """Who: the user of the machine, `admin token`, `this machine`, the file, or `ats-sync` itself."""
    via: AuditVia
    action: str
    """Such as `integration.pause`."""
    subject: str
    """An integration, a push's id, an alert's key, a receipt's id, or the file."""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None

    class Settings:
        name = "audit_log"
        indexes = [
            IndexModel([("at", DESCENDING)], name="at"),
            IndexModel([("subject", ASCENDING), ("at", DESCENDING)], name="subject"),
        ]
