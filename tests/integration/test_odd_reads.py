"""Whatever ClearView's documents hold, reports, comparisons and looks at them go on."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from config.operator_clearview import ClearView
from daemon.core.analytics import Period
from daemon.core.verification import Held, Remembered, Said, compare_record
from daemon.runtime.clock import SystemClock
from daemon.store.analytics_values import MongoStandpoints
from daemon.store.candidate_history import MongoCandidateHistory
from daemon.store.clearview_backends import ClearViewBackends
from daemon.store.clearview_reader import MongoClearViewReader
from daemon.store.connection import Mongo
from daemon.store.hiring_metrics import MongoMetrics
from daemon.store.overview_counts import OverviewCounts
from models.ids import application_id, candidate_id, integration_id
from tests.support.odd_documents import ODD, raw_document
from tests.support.records import empty_application, empty_candidate

pytestmark = pytest.mark.mongo
ACME = integration_id("acme")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
OF_APPLICATIONS = (
    *("candidate_id", "job", "job.name", "status", "stage", "source", "applied_at", "created_at"),
    *("hired_at", "deleted_at", "custom_fields", "updated_at", "rejection_reason"),
)
OF_CANDIDATES = ("first_name", "emails", "custom_fields", "tags", "deleted_at", "created_at")


def application(external_id: str, person: str, **fields: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict(empty_application(external_id, person))
    del row["candidate_external_id"]
    return row | {
        "_id": application_id(ACME, external_id),
        "candidate_id": candidate_id(ACME, person),
        "integration_id": ACME,
        "job": {"external_id": "j", "name": "Cook"},
        "status": "hired",
        "applied_at": NOON,
        "hired_at": NOON,
        "created_at": NOON,
        **fields,
    }


def person(external_id: str, **fields: Any) -> dict[str, Any]:
    known = {"_id": candidate_id(ACME, external_id), "integration_id": ACME, "created_at": NOON}
    return {**empty_candidate(external_id), **known, **fields}


def put(row: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    top, _, inner = path.partition(".")
    return {**row, top: {**row[top], inner: value} if inner else value}


@pytest.fixture
async def odd(opened: Mongo) -> tuple[list[str], list[str]]:
    """Every odd value in every field, and one document that is as it should be."""
    values = [(n, v) for n, v in enumerate(ODD.values()) if not isinstance(v, str) or len(v) < 100]
    people = [person("good")]
    people += [put(person(f"{f}-{n}"), f, value) for f in OF_CANDIDATES for n, value in values]
    applications = [application("good", "good")]
    applications += [
        put(application(f"{f}-{n}", "good"), f, value)
        for f in OF_APPLICATIONS
        for n, value in values
    ]
    for name, rows in (("candidates", people), ("applications", applications)):
        await opened.clearview[name].insert_many(map(raw_document, rows))
    return [row["external_id"] for row in people], [row["external_id"] for row in applications]


async def test_metrics_and_values_are_counted_of_what_can_be_read(
    opened: Mongo, odd: tuple[list[str], list[str]]
) -> None:
    metrics = await MongoMetrics(opened).metrics(ACME, JUNE)
    batches = [rows async for rows in MongoStandpoints(opened).batches(ACME, JUNE)]

    found = {row.external_id for rows in batches for row in rows}
    assert metrics["funnel"]["hired"] >= len(found) > len(odd[1]) / 2
    assert "good" in found
    assert found <= set(odd[1])


async def test_a_comparison_reads_every_document(
    opened: Mongo, odd: tuple[list[str], list[str]]
) -> None:
    reader = MongoClearViewReader(opened, ACME)
    people, applications = await reader.candidates(odd[0]), await reader.applications(odd[1])
    live = {key async for key in reader.live_applications()}

    for key in odd[1]:
        record = empty_application(key, "good")
        remembered = Remembered(None, {key: record}, deleted=False)
        said = Said(key, "applications", None, {key: record})
        list(compare_record(said, remembered, Held(people, applications, frozenset())))
    for key in odd[0]:
        remembered = Remembered(empty_candidate(key), {}, deleted=False)
        said = Said(key, "candidates", empty_candidate(key), {})
        list(compare_record(said, remembered, Held(people, applications, frozenset())))
    assert (set(people), set(applications)) == (set(odd[0]), set(odd[1]))
    assert "good" in live


async def test_the_history_of_every_candidate_can_be_shown(
    opened: Mongo, odd: tuple[list[str], list[str]]
) -> None:
    await opened.own["ats_integration_settings"].insert_one(
        {
            "_id": ACME,
            "name": "acme",
            "ats_name": "x",
            "connector": "x",
            "api_endpoint": "",
            "api_key": None,
            "managed_by": "file",
            "enabled": True,
            "state": "active",
            "created_at": NOON,
            "updated_at": NOON,
        }
    )
    history = MongoCandidateHistory(opened)

    for external_id in odd[0]:
        [subject] = await history.find(external_id, integration="acme")
        assert await history.events(subject.id) == []
    shown = await history.applications(candidate_id(ACME, "good"))
    assert len(shown) > len(odd[1]) / 2


async def test_counts_leave_out_what_is_not_ours(
    opened: Mongo, odd: tuple[list[str], list[str]]
) -> None:
    await opened.clearview["candidates"].insert_many(
        [{"integration_id": {"a": 1}, "external_id": "x"}, {"integration_id": ACME}, {}]
    )
    counts = OverviewCounts(opened, SystemClock())
    people, applications = await counts.of("candidates"), await counts.of("applications")

    assert people == {ACME: {"all": len(odd[0])}}
    assert applications is not None
    assert sum(applications[ACME].values()) == len(odd[1])


async def test_the_service_over_http_gets_the_owners_that_can_be_read(
    opened: Mongo, odd: tuple[list[str], list[str]]
) -> None:
    clearview = ClearView.model_validate(
        {"candidates": {"mode": "http", "url": "http://127.0.0.1:1", "token": "x"}}
    )
    services = ClearViewBackends(clearview, opened, SystemClock())
    try:
        store: Any = services.candidates(ACME)
        owners = await store._owners(odd[1])
    finally:
        await services.close()

    assert owners["good"].id == candidate_id(ACME, "good")
    assert all(isinstance(owner.id, UUID) for owner in owners.values())
