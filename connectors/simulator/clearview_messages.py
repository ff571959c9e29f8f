"""The messages that ClearView's services accept, field by field; any other is refused with the reason."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(min_length=1)]
Moment = Annotated[datetime, Meta(tz=True)]
Status = Literal[
    "new",
    "reviewing",
    "screening",
    "assessment",
    "interview",
    "background_check",
    "offer",
    "hired",
    "rejected",
    "withdrawn",
]
MAX_BATCH = 500


class Strict(Struct, forbid_unknown_fields=True, kw_only=True):
    """A message in which an unknown field is a mistake."""


class ContactPoint(Strict):
    value: str
    type: str | None


class Attachment(Strict):
    external_id: str | None
    name: str | None
    kind: str | None
    url: str | None
    url_expires_at: Moment | None


class NamedRef(Strict):
    external_id: str | None
    name: str | None


class ApplicationUpsert(Strict):
    """One application: the fields to set. A field that is left out stays as it is."""

    id: UUID
    external_id: Text
    if_absent: bool = False
    unset: list[Text] = []
    expected_status: Status | None = None
    job: NamedRef | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    stage: NamedRef | UnsetType = UNSET
    rejection_reason: str | UnsetType | None = UNSET
    source: str | UnsetType | None = UNSET
    custom_fields: dict[str, Any] | UnsetType = UNSET
    applied_at: Moment | UnsetType | None = UNSET
    rejected_at: Moment | UnsetType | None = UNSET
    hired_at: Moment | UnsetType | None = UNSET
    external_updated_at: Moment | UnsetType | None = UNSET


class CandidateUpsert(Strict):
    """One candidate: the fields to set. `custom_fields` are merged, everything else replaced."""

    id: UUID
    integration_id: UUID
    external_id: Text
    import_id: UUID | None = None
    if_absent: bool = False
    unset: list[Text] = []
    applications: list[ApplicationUpsert] = []
    first_name: str | UnsetType | None = UNSET
    last_name: str | UnsetType | None = UNSET
    emails: list[ContactPoint] | UnsetType = UNSET
    phones: list[ContactPoint] | UnsetType = UNSET
    addresses: list[ContactPoint] | UnsetType = UNSET
    company: str | UnsetType | None = UNSET
    title: str | UnsetType | None = UNSET
    links: list[ContactPoint] | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    source: str | UnsetType | None = UNSET
    custom_fields: dict[str, Any] | UnsetType = UNSET
    attachments: list[Attachment] | UnsetType = UNSET
    is_private: bool | UnsetType = UNSET
    external_created_at: Moment | UnsetType | None = UNSET
    external_updated_at: Moment | UnsetType | None = UNSET


class BatchUpsert(Strict):
    candidates: Annotated[list[CandidateUpsert], Meta(min_length=1, max_length=MAX_BATCH)]


class Delete(Strict):
    """Marks a candidate as deleted, with all applications or with those named."""

    deleted_at: Moment
    import_id: UUID | None = None
    applications: list[UUID] | None = None


class Notification(Strict):
    key: Text
    kind: Text
    severity: Literal["info", "warning", "error", "critical"]
    state: Literal["open", "resolved"]
    integration: str | None
    title: Text
    message: Text
    opened_at: Moment
    details: dict[str, Any]


ResultStatus = Literal["created", "updated", "unchanged", "failed"]


class Result(Struct, omit_defaults=True):
    """The result of one record of a batch."""

    id: UUID
    status: ResultStatus
    error: str | None = None
    applications: list["Result"] = []
