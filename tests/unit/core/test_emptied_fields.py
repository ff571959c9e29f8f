"""When a field that has no values any more is reported to people."""

from collections import Counter

import pytest

from daemon.importing.drift import emptied_fields, remembered


def memory(records: int, share: float) -> dict[str, object]:
    return {"records": records, "shares": {"candidate.emails": share}}


@pytest.mark.parametrize(
    ("records", "share", "mapped"),
    [(8, 1.0, 8), (8, 1.0, 4), (100_000, 1.0, 30), (100_000, 0.5, 30), (5, 1.0, 5)],
)
def test_a_usual_field_that_a_whole_run_lacks_is_reported(
    records: int, share: float, mapped: int
) -> None:
    emptied = emptied_fields(memory(records, share), Counter(), mapped)

    assert emptied == ["candidate.emails"]


@pytest.mark.parametrize(
    ("records", "share", "mapped"),
    [(2, 1.0, 2), (8, 1.0, 3), (100_000, 1.0, 29), (100_000, 0.4, 500), (8, 0.5, 8)],
)
def test_what_may_be_an_accident_is_not_reported(records: int, share: float, mapped: int) -> None:
    emptied = emptied_fields(memory(records, share), Counter(), mapped)

    assert emptied == []


def test_one_record_that_has_a_value_is_enough() -> None:
    filled = Counter({"candidate.emails": 1})

    assert emptied_fields(memory(100, 1.0), filled, 100) == []
    assert emptied_fields(None, Counter(), 100) == []


def test_what_is_empty_stays_remembered_as_it_was() -> None:
    before = remembered(None, Counter({"candidate.emails": 8}), 8)

    after = remembered(before, Counter(), 8)

    assert after == {"records": 8, "shares": {"candidate.emails": 1.0}}


@pytest.mark.parametrize("field", ["rejected_at", "rejection_reason", "hired_at"])
def test_applications_in_progress_lack_no_field_of_an_outcome(field: str) -> None:
    archive = {"records": 5_000, "shares": {f"application.{field}": 0.9, "application.job": 1.0}}

    emptied = emptied_fields(archive, Counter({"application.job": 40}), 40)

    assert emptied == []
