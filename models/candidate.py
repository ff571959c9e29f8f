"""Candidates and applications as every part of the daemon speaks of them.

Records are plain dictionaries with fixed keys, because the import path encodes and compares
hundreds of thousands of them: the same shape is mapped, compared, stored in a snapshot and
written to ClearView without a conversion in between. Absent optional values are None (or an empty
list), never a missing key, so that two records can be compared key by key.
"""

from datetime import datetime
from typing import Any, TypedDict

from models.status import ApplicationStatus


class ContactPointRecord(TypedDict):
    """An e-mail address, phone number, postal address or link."""

    value: str
    type: str | None


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


CANDIDATE_FIELDS: tuple[str, ...] = tuple(CandidateRecord.__annotations__)
APPLICATION_FIELDS: tuple[str, ...] = tuple(ApplicationRecord.__annotations__)

META_FIELDS = frozenset({"external_updated_at"})
"""Fields that say when something changed and are no change by themselves."""


def empty_candidate(external_id: str) -> CandidateRecord:
    """Returns a candidate of whom only the id is known."""
    return CandidateRecord(
        external_id=external_id,
        first_name=None,
        last_name=None,
        emails=[],
        phones=[],
        addresses=[],
        company=None,
        title=None,
        links=[],
        tags=[],
        source=None,
        custom_fields={},
        attachments=[],
        is_private=False,
        external_created_at=None,
        external_updated_at=None,
    )


def empty_application(external_id: str, candidate_external_id: str) -> ApplicationRecord:
    """Returns an application of which only the ids are known; its status is that of an unmapped stage."""
    return ApplicationRecord(
        external_id=external_id,
        candidate_external_id=candidate_external_id,
        job=AtsRef(external_id=None, name=None),
        status=ApplicationStatus.REVIEWING,
        stage=AtsRef(external_id=None, name=None),
        rejection_reason=None,
        source=None,
        custom_fields={},
        applied_at=None,
        rejected_at=None,
        hired_at=None,
        external_updated_at=None,
    )
