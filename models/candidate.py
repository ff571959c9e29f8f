"""Candidates and applications as every part of the daemon speaks of them.

Records are plain dictionaries with fixed keys, because the import path encodes and compares
hundreds of thousands of them: the same shape is mapped, compared, stored in a snapshot and
written to ClearView without a conversion in between. Absent optional values are None (or an empty
list), never a missing key, so that two records can be compared key by key.
"""

from datetime import datetime
from typing import Any, Literal, TypedDict

from models.status import ApplicationStatus


class ContactPointRecord(TypedDict):
    """An e-mail address, phone number, postal address or link."""

    value: str
    type: str | None


AttachmentKind = Literal["resume", "cover_letter", "other"]
"""The kinds of files that an operator chooses from; vendors have many more words."""


class AttachmentRecord(TypedDict):
    """A file at the ATS. URLs are signed and expire, so they never count as a change."""

    external_id: str | None
    name: str | None
    kind: str | None
    url: str | None
    url_expires_at: datetime | None


class CandidateRecord(TypedDict):
    """One person at one ATS, as mapped. Keys are those of ClearView's `candidates`."""

    external_id: str
    first_name: str | None
    last_name: str | None
    emails: list[ContactPointRecord]
    phones: list[ContactPointRecord]
    addresses: list[ContactPointRecord]
    company: str | None
    title: str | None
    links: list[ContactPointRecord]
    tags: list[str]
    source: str | None
    custom_fields: dict[str, Any]
    attachments: list[AttachmentRecord]
    is_private: bool
    external_created_at: datetime | None
    external_updated_at: datetime | None


class AtsRef(TypedDict):
    """A job or a stage at the ATS: its id there, and the name people know it by."""

    external_id: str | None
    name: str | None


class ApplicationRecord(TypedDict):
    """One candidate's application to one job, as mapped. Keys are those of `applications`."""

    external_id: str
    candidate_external_id: str
    job: AtsRef
    status: ApplicationStatus
    stage: AtsRef
    rejection_reason: str | None
    source: str | None
    custom_fields: dict[str, Any]
    applied_at: datetime | None
    rejected_at: datetime | None
    hired_at: datetime | None
    external_updated_at: datetime | None


FILE_FIELDS = frozenset({"file_id", "size", "content_type", "sha256"})
"""Fields of ClearView's attachments whose files are fetched. No ATS says them."""

CANDIDATE_FIELDS: tuple[str, ...] = tuple(CandidateRecord.__annotations__)
APPLICATION_FIELDS: tuple[str, ...] = tuple(ApplicationRecord.__annotations__)

META_FIELDS = frozenset({"external_updated_at"})
"""Fields that say when something changed and are no change by themselves."""
