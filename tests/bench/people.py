"""Small records for the push: a person and one application in each, and the stages of the account."""

from collections.abc import Mapping

import msgspec

from tests.bench.records import PER_PAGE

STAGES = [
    {"id": "s1", "name": "Application Review"},
    {"id": "s2", "name": "Phone Screen"},
    {"id": "s3", "name": "Interview"},
    {"id": "s4", "name": "Offer"},
]
FIRST_STAGE = "s1"


def application_row(key: str, stage: str | None) -> dict[str, object]:
    """One application as the ATS shows it."""
    return {
        "id": key,
        "candidate_id": f"c{key}",
        "name": "Ada Example",
        "email": f"{key}@people.example",
        "job_id": "j1",
        "stage_id": stage or FIRST_STAGE,
        "updated_at": "2026-01-01T00:00:00.000Z",
    }


def application_page(number: int, total: int, stages: Mapping[str, str]) -> bytes:
    """Page `number`, counted from 0."""
    first = number * PER_PAGE
    keys = [f"a{at}" for at in range(first, min(first + PER_PAGE, total))]
    return msgspec.json.encode([application_row(key, stages.get(key)) for key in keys])
