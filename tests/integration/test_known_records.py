"""What a poll asks of MongoDB about a page: whether each record's bytes are the known ones."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from daemon.core.snapshot import Snapshot
from daemon.store.encoding import stored
from daemon.store.known_applications import MongoKnownApplications
from daemon.store.snapshots import MongoSnapshots
from models.documents import CandidateSnapshot

pytestmark = pytest.mark.mongo
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def snapshot(external_id: str, **fields: Any) -> Snapshot:
    known: dict[str, Any] = {
        "external_id": external_id,
        "fingerprint": b"f" * 16,
        "digest": external_id.encode() * 16,
        "candidate": {"external_id": external_id, "first_name": "Ada"},
        "applications": [],
        "mapping_version": "1",
        "seen_at": NOW,
        "import_id": uuid4(),
    }
    return Snapshot(**{**known, **fields})


async def test_a_record_counts_as_known_by_its_bytes_only_while_nothing_need_be_done_about_it(
    opened: Any,
) -> None:
    snapshots = MongoSnapshots(opened, uuid4())
    await snapshots.write("people", [snapshot(e) for e in "abcd"], [])
    await snapshots.write("people", [snapshot("e", mapping_version="0")], [])
    await snapshots.mark_missing("people", ["b"], NOW)
    await snapshots.mark_deleted("people", ["c"], NOW)
    await snapshots.mark_missing("people", ["d"], NOW)
    await snapshots.mark_seen("people", {"d": b"found again"})

    digests = await snapshots.digests("people", list("abcdex"), mapping_version="1")

    assert digests == {"a": b"a" * 16, "b": None, "c": None, "d": b"found again", "e": None}


async def test_an_application_is_found_by_the_index_among_records_that_have_none(
    opened: Any, unrestricted: Any
) -> None:
    integration = uuid4()
    applications = [{"external_id": "a1", "status": "new", "stage": None}]
    people = [snapshot(f"p{n}") for n in range(20)]
    with_one = snapshot("x", candidate=None, applications=applications)
    await MongoSnapshots(opened, integration).write("all", [*people, with_one], [])
    await unrestricted.own.command("profile", 2)

    found = await MongoKnownApplications(opened).load(integration, ["a1", "a2"])

    await unrestricted.own.command("profile", 0)
    name = opened.collection(CandidateSnapshot).full_name
    profiled = await unrestricted.own["system.profile"].find_one({"ns": name, "op": "query"})
    assert set(found) == {"a1"}
    assert (profiled["docsExamined"], profiled["nreturned"]) == (1, 1)


async def test_a_list_counts_as_empty_until_its_first_snapshot(opened: Any) -> None:
    snapshots = MongoSnapshots(opened, uuid4())
    assert not await snapshots.has_any("people")

    await snapshots.write("people", [snapshot("a")], [])
    await snapshots.mark_deleted("people", ["a"], NOW)

    assert await snapshots.has_any("people")
    assert not await snapshots.has_any("others")


async def test_a_page_is_looked_up_in_the_index_alone(opened: Any) -> None:
    integration = uuid4()
    await MongoSnapshots(opened, integration).write("people", [snapshot(e) for e in "abc"], [])
    collection = opened.collection(CandidateSnapshot)

    plan = await opened.own.command(
        "explain",
        {
            "find": collection.name,
            "filter": {
                "ats_integration_id": stored(integration),
                "list": "people",
                "external_id": {"$in": ["a", "b", "x"]},
            },
            "projection": {"_id": 0, "external_id": 1, "digest": 1, "mapping_version": 1},
        },
        verbosity="executionStats",
    )

    assert plan["executionStats"]["nReturned"] == 2
    assert plan["executionStats"]["totalDocsExamined"] == 0


async def test_what_is_written_loads_as_the_document_that_is_declared(opened: Any) -> None:
    written = snapshot("a", previous={"candidate": None, "applications": [], "seen_at": NOW})
    await MongoSnapshots(opened, uuid4()).write("people", [written], [])

    (loaded,) = await CandidateSnapshot.find_all().to_list()

    assert (loaded.external_id, loaded.candidate) == ("a", written.candidate)
    assert (loaded.digest, loaded.import_id) == (written.digest, written.import_id)
    assert loaded.previous == written.previous
