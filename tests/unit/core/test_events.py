"""Rows of the logs become events, or none."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.core.events import (
    ALERTS,
    CONFLICTS,
    EXPORTS,
    IMPORTS,
    UPDATES,
    Event,
    LogRow,
    Naming,
    event_of,
    rounds,
)
from daemon.events.encoding import LARGEST, encoded
from models.event_types import EventType
from tests.support.log_rows import (
    ACME,
    alert_row,
    conflict_row,
    export_row,
    import_row,
    update_row,
)
from tests.support.sample_rows import NOW

NAMING = Naming({ACME: "acme"})


def event(collection: str, row: dict[str, Any], *written: str, naming: Naming = NAMING) -> Event:
    found = event_of(LogRow(collection, row, frozenset(written) if written else None), naming)
    assert found is not None
    return found


def is_none(collection: str, row: dict[str, Any], *written: str) -> bool:
    found = event_of(LogRow(collection, row, frozenset(written) if written else None), NAMING)
    return found is None


@pytest.mark.parametrize(
    ("collection", "row", "topic"),
    [
        (IMPORTS, import_row(change="created"), "candidate.created"),
        (IMPORTS, import_row(change="updated"), "candidate.updated"),
        (IMPORTS, import_row(change="deleted"), "candidate.deleted"),
        (UPDATES, update_row(outcome="Success"), "application.pushed"),
        (UPDATES, update_row(outcome="Failed", reason="refused"), "application.failed"),
        (UPDATES, update_row(outcome="Skipped", reason="conflict"), "application.conflict"),
        (UPDATES, update_row(outcome="Skipped", reason="conflict_open"), "application.conflict"),
        (UPDATES, update_row(outcome="Skipped", reason="impossible"), "application.failed"),
        (CONFLICTS, conflict_row(), "application.conflict"),
        (EXPORTS, export_row(), "analytics.exported"),
        (ALERTS, alert_row(), "integration.broken"),
    ],
)
def test_a_row_is_an_event_with_its_id(collection: str, row: dict[str, Any], topic: str) -> None:
    found = event(collection, row)

    assert (found.id, found.topic) == (str(row["_id"]), f"{topic}.acme")
    assert found.type == f"clearview.ats.{topic}"


@pytest.mark.parametrize(
    ("collection", "row"),
    [
        (IMPORTS, import_row(status="Failed")),
        (UPDATES, update_row(outcome="Skipped", reason="echo")),
        (UPDATES, update_row(outcome="Skipped", reason="superseded")),
        (EXPORTS, export_row(status="Failed")),
        (ALERTS, alert_row(kind="unmapped_stages")),
        (ALERTS, alert_row(kind="version_sunset", severity="error")),
        (ALERTS, alert_row(kind="not_ready", integration=None)),
        (CONFLICTS, conflict_row(details={"found_by": "push"})),
        ("sync_runs", {"_id": uuid4()}),
    ],
)
def test_what_no_subscriber_wants_is_no_event(collection: str, row: dict[str, Any]) -> None:
    assert is_none(collection, row)


def test_the_envelope_is_cloudevents_1_0() -> None:
    row = import_row(changed_fields=["company", "applications.7.status"])
    envelope = event(IMPORTS, row).envelope()

    assert envelope == {
        "specversion": "1.0",
        "id": str(row["_id"]),
        "source": "/ats-sync/integrations/acme",
        "type": "clearview.ats.candidate.updated",
        "subject": str(row["candidate_id"]),
        "time": NOW,
        "partitionkey": str(row["candidate_id"]),
        "datacontenttype": "application/json",
        "data": {
            "integration_id": ACME,
            "candidate_id": str(row["candidate_id"]),
            "external_id": "1",
            "changed_fields": ["company", "applications.7.status"],
            "run_id": UUID(int=7),
        },
    }


def test_a_row_that_grew_is_a_second_event_with_an_id_of_its_own() -> None:
    row = import_row(changed_fields=["company", "title"], merged=True)
    found = event(IMPORTS, row, "changed_fields.1", "merged")

    assert found.id == f"{row['_id']}.2"
    assert event(IMPORTS, row).id == found.id


def test_an_update_of_a_log_row_that_changes_no_field_is_no_event() -> None:
    assert is_none(IMPORTS, import_row(merged=True), "error_message")
    assert is_none(IMPORTS, import_row(), "changed_fields")


def test_the_outcome_after_a_replay_is_no_repetition_of_the_first() -> None:
    entry = uuid4()
    kept = update_row(outcome="Failed", replay_of=entry)
    later = update_row(_id=entry)
    naming = Naming({ACME: "acme"}, {(entry, NOW): 1})

    assert event(UPDATES, kept, naming=naming).id == str(entry)
    assert event(UPDATES, later, naming=naming).id == f"{entry}.1"


def test_an_alert_that_ends_is_an_event_with_an_id_of_its_own() -> None:
    row = alert_row(resolved_at=NOW)
    found = event(ALERTS, row, "resolved_at")

    assert (found.id, found.type) == (
        f"{row['_id']}.resolved",
        EventType.INTEGRATION_RECOVERED,
    )
    assert is_none(ALERTS, row, "count")


def test_an_export_that_fails_at_first_is_published_when_it_succeeds() -> None:
    assert is_none(EXPORTS, export_row(status="Failed", attempts=2), "attempts")
    assert event(EXPORTS, export_row(attempts=3), "attempts", "status").data["sent"] == 1


def test_an_event_has_no_free_text_of_people_or_systems() -> None:
    person = "Erika Mustermann"
    rows = [
        (UPDATES, update_row(outcome="Failed", status=person, error_message=person)),
        (IMPORTS, import_row(error_message=person)),
        (CONFLICTS, conflict_row(clearview=person, details={"name": person})),
        (ALERTS, alert_row(message=person, details={"name": person})),
        (EXPORTS, export_row(error_message=person, metrics={person: 1})),
    ]

    assert not [1 for collection, row in rows if person.encode() in encoded(event(collection, row))]


def test_an_integration_that_is_not_known_any_more_has_its_id_for_a_name() -> None:
    found = event(IMPORTS, import_row(), naming=Naming({}))

    assert found.topic == f"candidate.updated.{ACME}"


def test_a_document_that_is_too_large_is_left_out() -> None:
    small = event(IMPORTS, import_row())
    large = replace(small, data={**small.data, "candidate": {"note": "x" * LARGEST}})

    assert encoded(large) == encoded(replace(small, data={**small.data, "left_out": ["candidate"]}))


KEYS = st.lists(st.sampled_from("abcd"), max_size=30)


@given(KEYS)
def test_rounds_keep_the_order_of_each_key_and_lose_nothing(keys: list[str]) -> None:
    base = event(IMPORTS, import_row())
    events = [replace(base, id=str(n), key=key) for n, key in enumerate(keys)]

    found = rounds(events)

    assert sorted(e.id for part in found for e in part) == sorted(e.id for e in events)
    assert all(len({e.key for e in part}) == len(part) for part in found)
    in_order = [e for part in found for e in part]
    for key in set(keys):
        assert [e.id for e in in_order if e.key == key] == [e.id for e in events if e.key == key]
