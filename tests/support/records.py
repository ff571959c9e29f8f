"""Records of which only the ids are known."""

from models.candidate import ApplicationRecord, AtsRef, CandidateRecord
from models.status import ApplicationStatus


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
