"""ClearView's own rules refuse some documents: each fails by itself, with a reason that names fields."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from pymongo.errors import PyMongoError

from daemon.core.clearview_batch import ClearViewBatch, ClearViewOutcome, Patch
from daemon.store.clearview_candidates import MongoCandidateManagement
from daemon.store.connection import Mongo
from models.ids import application_id
from models.status import ApplicationStatus as S
from tests.support.mongo import TestMongo
from tests.support.moving_clock import START
from tests.support.odd_documents import ODD, raw_document
from tests.support.records import empty_application, empty_candidate

pytestmark = pytest.mark.mongo
INTEGRATION = UUID(int=77)
UNIQUE = "refused by a unique index on emails.value: another document has the same values"


@pytest.fixture
def store(opened: Mongo) -> MongoCandidateManagement:
    return MongoCandidateManagement(opened, INTEGRATION)


def person(external_id: str, email: str = "", **fields: Any) -> dict[str, Any]:
    emails = [{"value": email, "type": "work"}] if email else []
    return {**empty_candidate(external_id), "emails": emails, **fields}


def application(external_id: str, candidate: str = "c1", **fields: Any) -> dict[str, Any]:
    return {**empty_application(external_id, candidate), "status": S.NEW, **fields}


def batch(**changes: Any) -> ClearViewBatch:
    return ClearViewBatch(import_id=uuid4(), at=START, **changes)


async def one_address_each(mongo: TestMongo) -> None:
    """A rule of ClearView's own."""
    await mongo.clearview_db["candidates"].create_index(
        "emails.value", unique=True, sparse=True, name="one_address_each"
    )


async def stored(mongo: TestMongo, collection: str = "candidates") -> Mapping[str, Any]:
    rows = await mongo.clearview_db[collection].find({}, {"_id": 0}).to_list()
    return {row["external_id"]: row for row in rows}


async def test_a_new_candidate_that_a_unique_index_refuses_fails_and_is_not_there(
    store: MongoCandidateManagement, mongo: TestMongo
) -> None:
    await one_address_each(mongo)
    people = [person("c1", "ada@x.org"), person("c2", "ada@x.org"), person("c3", "bob@x.org")]

    outcome = await store.apply(batch(new_candidates=people))

    assert outcome == ClearViewOutcome(failed_candidates={"c2": UNIQUE})
    assert set(await stored(mongo)) == {"c1", "c3"}


async def test_a_patch_that_a_unique_index_refuses_fails_and_the_others_are_made(
    store: MongoCandidateManagement, mongo: TestMongo
) -> None:
    await store.apply(batch(new_candidates=[person(f"c{n}", f"{n}@x.org") for n in range(4)]))
    await one_address_each(mongo)
    taken = [{"value": "0@x.org", "type": "work"}]

    outcome = await store.apply(
        batch(
            candidate_patches=[
                Patch("c1", {"title": "Baker"}),
                Patch("c2", {"emails": taken}),
                Patch("c3", {"title": "Cook"}),
            ]
        )
    )

    rows = await stored(mongo)
    assert outcome.failed_candidates == {"c2": UNIQUE}
    assert (rows["c1"]["title"], rows["c3"]["title"]) == ("Baker", "Cook")
    assert rows["c2"]["emails"] == [{"value": "2@x.org", "type": "work"}]


async def test_another_document_with_our_ids_refuses_ours(
    store: MongoCandidateManagement, mongo: TestMongo
) -> None:
    await mongo.clearview_db["candidates"].insert_one(
        raw_document({"_id": "theirs", "integration_id": INTEGRATION, "external_id": "c1"})
    )

    outcome = await store.apply(batch(new_candidates=[person("c1"), person("c2")]))

    assert list(outcome.failed_candidates) == ["c1"]
    assert "integration_id, external_id" in outcome.failed_candidates["c1"]
    assert outcome.existing_candidates == frozenset()


async def test_a_validator_refuses_an_insert_and_a_patch_by_the_names_of_fields(
    store: MongoCandidateManagement, mongo: TestMongo
) -> None:
    await store.apply(batch(new_applications=[application("a1"), application("a2")]))
    rules = {"$jsonSchema": {"required": ["team"], "properties": {"source": {"enum": ["x", None]}}}}
    await mongo.clearview_db.command(
        {"collMod": "applications", "validator": rules, "validationLevel": "moderate"}
        | {"validationAction": "error"}
    )
    await mongo.clearview_db["applications"].update_one(
        {"external_id": "a1"}, {"$set": {"team": "red"}}
    )

    outcome = await store.apply(
        batch(
            new_applications=[application("a3")],
            application_patches=[Patch("a1", {"source": "y"}), Patch("a2", {"source": "y"})],
        )
    )

    refused = "refused by the collection's validator"
    assert outcome.failed_applications == {"a3": f"{refused} (team)", "a1": f"{refused} (source)"}
    assert (await stored(mongo, "applications"))["a2"]["source"] == "y"


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ({"custom_fields.x": 2**70}, "cannot be stored in MongoDB: OverflowError"),
        ({"title": "\ud800"}, "cannot be stored in MongoDB: UnicodeEncodeError"),
        ({"title": "x" * 16_000_000}, "cannot be stored in MongoDB: 16000"),
        ({"custom_fields.x": 1}, "refused by MongoDB (code 28): a field that should hold fields"),
        ({"custom_fields.": 1}, "refused by MongoDB (code 56): a field has an empty name"),
        ({"tags": ["x" * 9_000_000]}, "refused by MongoDB (code 10334): the document is too"),
    ],
)
async def test_what_cannot_be_stored_fails_alone(
    store: MongoCandidateManagement, mongo: TestMongo, patch: dict[str, Any], reason: str
) -> None:
    await store.apply(batch(new_candidates=[person("c1"), person("c2")]))
    odd = {"custom_fields": "a text", "notes": "x" * 9_000_000}
    await mongo.clearview_db["candidates"].update_one({"external_id": "c1"}, {"$set": odd})

    outcome = await store.apply(
        batch(candidate_patches=[Patch("c1", patch), Patch("c2", {"title": "Cook"})])
    )

    assert list(outcome.failed_candidates) == ["c1"]
    assert outcome.failed_candidates["c1"].startswith(reason)
    assert (await stored(mongo))["c2"]["title"] == "Cook"


async def test_a_document_that_is_gone_fails_and_is_not_made_again(
    store: MongoCandidateManagement, mongo: TestMongo
) -> None:
    await store.apply(
        batch(
            new_candidates=[person("c1"), person("c2")],
            new_applications=[application("a1"), application("a2")],
        )
    )
    await mongo.clearview_db["candidates"].delete_one({"external_id": "c1"})
    await mongo.clearview_db["applications"].delete_one({"external_id": "a1"})
    moved = Patch("a1", {"status": S.OFFER}, expected_status=S.NEW)

    outcome = await store.apply(
        batch(
            candidate_patches=[Patch("c1", {"title": "Baker"}), Patch("c2", {"title": "Cook"})],
            application_patches=[moved, Patch("a2", {"source": "x"})],
        )
    )

    assert outcome.failed_candidates["c1"].startswith("ClearView no longer has this candidate")
    assert outcome.failed_applications["a1"].startswith("ClearView no longer has this application")
    assert outcome.moved_applications == frozenset()
    assert set(await stored(mongo)) == {"c2"}
    assert (await stored(mongo, "applications"))["a2"]["source"] == "x"


async def test_a_refusal_and_a_moved_status_are_distinguished(
    store: MongoCandidateManagement, mongo: TestMongo
) -> None:
    await store.apply(batch(new_applications=[application(f"a{n}") for n in range(3)]))
    applications = mongo.clearview_db["applications"]
    await applications.update_one({"external_id": "a1"}, {"$set": {"status": "on_hold"}})
    await applications.create_index(
        "source", unique=True, partialFilterExpression={"source": {"$type": "string"}}
    )

    patches = [
        Patch(f"a{n}", {"status": S.OFFER, "source": "same"}, expected_status=S.NEW)
        for n in range(3)
    ]
    outcome = await store.apply(batch(application_patches=patches))

    rows = await stored(mongo, "applications")
    assert outcome.moved_applications == frozenset()
    assert set(outcome.failed_applications) == {"a1", "a2"}
    assert [rows[f"a{n}"]["status"] for n in range(3)] == ["offer", "on_hold", "new"]
    assert all("unique index on source" in r for r in outcome.failed_applications.values())


async def test_a_deletion_that_is_refused_is_named_and_the_others_are_made(
    store: MongoCandidateManagement, mongo: TestMongo
) -> None:
    await store.apply(
        batch(
            new_candidates=[person(f"c{n}") for n in range(3)],
            new_applications=[application(f"a{n}", f"c{n}") for n in range(3)],
        )
    )
    for collection in ("candidates", "applications"):
        await mongo.clearview_db.command(
            {"collMod": collection, "validationAction": "error", "validationLevel": "strict"}
            | {
                "validator": {
                    "$or": [{"external_id": {"$nin": ["c1", "a1"]}}, {"deleted_at": None}]
                }
            }
        )

    refused = await store.delete(
        candidates=["c0", "c1", "c2"], applications=["a0"], at=START, import_id=uuid4()
    )

    assert set(refused) == {"c1"}
    assert refused["c1"].startswith("refused by the collection's validator")
    for collection in ("candidates", "applications"):
        rows = await stored(mongo, collection)
        assert [rows[k]["deleted_at"] is None for k in sorted(rows)] == [False, True, False]


async def test_an_outage_is_no_refusal(opened: Mongo) -> None:
    await opened.close()
    store = MongoCandidateManagement(opened, INTEGRATION)

    with pytest.raises(PyMongoError):
        await store.apply(batch(candidate_patches=[Patch("c1", {"title": "x"})]))


async def test_whatever_clearview_holds_statuses_are_those_that_are_canonical(
    store: MongoCandidateManagement, mongo: TestMongo
) -> None:
    rows = {f"odd-{n}": {"status": value} for n, value in enumerate(ODD.values())}
    rows |= {"unset": {}, "good": {"status": "offer"}}
    for external_id, fields in rows.items():
        key = application_id(INTEGRATION, external_id)
        await mongo.clearview_db["applications"].insert_one(raw_document({"_id": key, **fields}))

    assert await store.statuses(list(rows)) == {"good": S.OFFER}


async def test_a_repeated_batch_changes_nothing_more(
    store: MongoCandidateManagement, mongo: TestMongo
) -> None:
    first = batch(
        new_candidates=[person("c1")],
        new_applications=[application("a1")],
    )
    await store.apply(first)
    again = batch(application_patches=[Patch("a1", {"status": S.OFFER}, expected_status=S.NEW)])

    outcomes = [await store.apply(again) for _ in range(2)]

    assert outcomes == [ClearViewOutcome(), ClearViewOutcome()]
    row = await mongo.clearview_db["applications"].find_one({"external_id": "a1"})
    assert row is not None
    assert row["status"] == "offer"
