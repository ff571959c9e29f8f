"""Classes of the canonical fields: which say something about a person, and how much."""

from typing import Literal

FieldClass = Literal["none", "personal", "sensitive"]
CLASSES: tuple[FieldClass, ...] = ("none", "personal", "sensitive")
FIELD_CLASSES: dict[str, FieldClass] = {
    "candidate.external_id": "none",
    "candidate.first_name": "personal",
    "candidate.last_name": "personal",
    "candidate.emails": "personal",
    "candidate.phones": "personal",
    "candidate.addresses": "personal",
    "candidate.company": "personal",
    "candidate.title": "personal",
    "candidate.links": "personal",
    "candidate.tags": "personal",
    "candidate.source": "none",
    "candidate.custom_fields": "sensitive",
    "candidate.attachments": "sensitive",
    "candidate.is_private": "none",
    "candidate.external_created_at": "none",
    "candidate.external_updated_at": "none",
    "application.external_id": "none",
    "application.candidate_external_id": "none",
    "application.job": "none",
    "application.status": "none",
    "application.stage": "none",
    "application.rejection_reason": "sensitive",
    "application.source": "none",
    "application.custom_fields": "sensitive",
    "application.applied_at": "none",
    "application.rejected_at": "none",
    "application.hired_at": "none",
    "application.external_updated_at": "none",
}
"""By field of `CandidateRecord` and `ApplicationRecord`. `sensitive`: judgements, files, and fields of free content."""

NEEDED = frozenset({
    *("candidate.external_id", "candidate.external_updated_at", "candidate.is_private"),
    *("application.external_id", "application.candidate_external_id", "application.job"),
    *("application.status", "application.stage", "application.external_updated_at"),
})  # fmt: skip
"""Fields that synchronisation cannot do without."""
HASHABLE = frozenset({
    *("candidate.first_name", "candidate.last_name", "candidate.emails", "candidate.phones"),
    *("candidate.addresses", "candidate.company", "candidate.title", "candidate.links"),
    *("candidate.tags", "candidate.source"),
    *("application.rejection_reason", "application.source"),
})  # fmt: skip
"""Fields of text; any single custom field can be hashed as well."""
