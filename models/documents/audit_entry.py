"""`audit_log`: one action of an operator, one erasure, one status sent to an ATS. Rows are only added."""

from typing import Any, Literal

from pymongo import DESCENDING, IndexModel

from models.documents.base import StoredDocument, UtcTime

AuditVia = Literal["cli", "api", "file", "daemon"]


class AuditEntry(StoredDocument):
    """One action. It names no candidate. An operator's is written before it is carried out."""

    at: UtcTime
    actor: str
    """Who: the user of the machine, `admin token`, `this machine`, the file, `ats-sync` itself, or
    `clearview`, where a person or code there changed a status."""
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
            IndexModel(["subject", ("at", DESCENDING)], name="subject"),
        ]
