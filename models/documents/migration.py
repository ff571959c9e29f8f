"""`migrations`: the steps that brought this database up to date."""

from pydantic import Field

from models.documents.base import StoredDocument, UtcTime


class AppliedMigration(StoredDocument):
    """One step of `models/migrations` that was applied to this database."""

    id: str
    """The name of the step."""
    applied_at: UtcTime
    release: str
    """The release that brought the step."""
    counts: dict[str, int] = Field(default_factory=dict)
    """The documents that the step changed, by kind; a step that was killed and repeated counts what remained."""

    class Settings:
        name = "migrations"
