"""ClearView's documents are written by others: no change stops the stream, and none is lost silently."""

from typing import Any
from uuid import UUID

import pytest

from daemon.core.status_events import StreamInterrupted
from daemon.pushing.intake import EventIntake
from daemon.pushing.stream_checkpoint import STREAM_KEY
from daemon.store.delivery_queue import MongoDeliveryQueue
from models.status import ApplicationStatus
from tests.support.odd_documents import BROKEN_TEXT, LATEST, ODD, raw_document
from tests.support.push_world import PushWorld

S = ApplicationStatus
pytestmark = pytest.mark.mongo


async def write(world: PushWorld, external_id: str, **fields: Any) -> None:
    """What another system sets in an application."""
    fields = {name.replace("__", "."): value for name, value in fields.items()}
    await world.mongo.clearview["applications"].update_one(
        {"_id": world.id_of(external_id)}, raw_document({"$set": fields})
    )


async def healthy_is_pushed(world: PushWorld) -> None:
    await world.set_status("a2", "offer")
    await world.settle()

    assert world.ats.order_of("a2") == [S.OFFER]
    assert "stream_position_lost" not in world.alerts.kinds


@pytest.mark.parametrize("field", ["stage__moved_at", "notes", "rejection_reason", "stage"])
async def test_a_status_is_pushed_whatever_another_field_of_the_write_holds(
    world: PushWorld, field: str
) -> None:
    expected = []
    for n, value in enumerate(ODD.values()):
        status = (S.SCREENING, S.INTERVIEW)[n % 2]
        await write(world, "a1", status=status.value, **{field: value})
        await write(world, "a1", stage={})
        expected.append(status)
        await world.settle()

    assert world.ats.order_of("a1") == expected
    await healthy_is_pushed(world)


TEXTLIKE = {
    *("invalid UTF-8", "a surrogate", "a number", "a long", "not a number", "a decimal"),
    *("an object id", "a text with a NUL", "an empty text", "another word"),
}


async def test_a_status_that_is_none_ends_as_a_dead_letter_that_names_the_allowed_ones(
    world: PushWorld,
) -> None:
    for value in ODD.values():
        await write(world, "a1", status="x")
        await write(world, "a1", status=value)

    await world.settle()

    written = [row for row in await world.outbox() if row["target_status"] != "x"]
    found = dict(zip(ODD, written, strict=True))
    for name, row in found.items():
        if name in ("null", "undefined"):
            assert (row["state"], row["reason"]) == ("skipped", "no_status"), name
            continue
        reason = "not_canonical" if name in TEXTLIKE else "wrong_type"
        assert (row["state"], row["reason"]) == ("dead", reason), name
        assert "allowed are new, reviewing, screening" in row["last_error"]
        assert row["application_id"] == world.id_of("a1")
    assert "status is of type date" in found["the year 275760"]["last_error"]
    assert "'on_hold' is no canonical status" in found["another word"]["last_error"]
    assert "dead_letters" in world.alerts.kinds
    await healthy_is_pushed(world)


@pytest.mark.parametrize(
    "text", ["ada@example.com", "Ada called, 555-0143", "x" * 4000, "y" * 200_000, "ada.lovelace"]
)
async def test_free_text_in_a_status_reaches_neither_the_outbox_nor_the_log(
    world: PushWorld, text: str
) -> None:
    await write(world, "a1", status=text)
    await world.settle()

    (row,) = await world.outbox()
    (logged,) = await world.log()
    assert (row["state"], row["target_status"], logged["status"]) == ("dead", "", "")
    assert text not in f"{row}{logged}"


async def test_an_odd_stage_alone_is_a_dead_letter_or_nothing_to_do(world: PushWorld) -> None:
    for value in ODD.values():
        await write(world, "a1", stage={"name": "Applied"})
        await write(world, "a1", stage=value)

    await world.settle()

    assert {row["state"] for row in await world.outbox()} <= {"dead", "skipped"}
    reasons = {row["last_error"] for row in await world.outbox(reason="wrong_type")}
    assert any(reason.startswith("stage is of type date; allowed") for reason in reasons)
    await healthy_is_pushed(world)


@pytest.mark.parametrize("field", ["_id", "integration_id", "external_id", "candidate_id"])
async def test_documents_with_any_id_are_passed(world: PushWorld, field: str) -> None:
    applications = world.mongo.clearview["applications"]
    wrong = {"a list", "a list of documents", "an expression", "undefined"}
    for name, value in ODD.items():
        if field == "_id" and name in wrong:
            continue
        whole = {
            "_id": UUID(int=len(name)),
            "integration_id": world.integration.id,
            "external_id": f"odd-{name}",
            "candidate_id": UUID(int=2),
            "status": "interview",
        }
        await applications.delete_one({"_id": UUID(int=len(name))})
        await applications.insert_one(raw_document({**whole, field: value}))

    await world.settle()

    assert {row["state"] for row in await world.outbox()} <= {"dead", "skipped"}
    await healthy_is_pushed(world)


async def test_a_document_of_16_mb_is_passed(world: PushWorld) -> None:
    blob = "x" * (16 * 1024 * 1024 - 4096)
    await world.mongo.clearview["applications"].update_one(
        {"_id": world.id_of("a1")}, {"$set": {"status": "interview", "blob": blob}}
    )
    row = await world.clearview("a1")
    await world.mongo.clearview["applications"].replace_one(
        {"_id": row["_id"]}, {**row, "status": "offer"}
    )

    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW, S.OFFER]


async def test_an_id_of_megabytes_costs_no_more_than_a_comparison(world: PushWorld) -> None:
    await world.set_status("a1", "interview")
    for size in (1_000_000, 7_000_000):
        await world.mongo.clearview["applications"].insert_one(
            {"_id": "x" * size, "status": "interview"}
        )
    await world.set_status("a2", "offer")

    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]
    assert world.ats.order_of("a2") == [S.OFFER]


async def test_the_comparison_of_all_passes_odd_documents(world: PushWorld) -> None:
    applications = world.mongo.clearview["applications"]
    for n, value in enumerate(ODD.values()):
        await applications.insert_one(
            raw_document(
                {
                    "_id": UUID(int=n + 100),
                    "integration_id": world.integration.id,
                    "external_id": f"odd-{n}",
                    "status": value,
                    "rejection_reason": value,
                    "candidate_id": value,
                    "import_id": value,
                }
            )
        )
    await world.set_status("a1", "interview")
    await world.mongo.own["checkpoints"].delete_one({"_id": STREAM_KEY})
    world.restart()

    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]
    await healthy_is_pushed(world)


async def test_what_came_before_a_push_is_a_push_and_no_dead_letter(world: PushWorld) -> None:
    await world.set_status("a1", "screening")
    await write(world, "a1", status="on_hold")
    await write(world, "a1", status=LATEST)
    await world.set_status("a1", "offer")
    await world.daemon.intake.catch_up()
    queue = MongoDeliveryQueue(world.mongo, world.integration, fence=1)
    [pushes] = (await queue.due(now=world.clock.now(), limit=9, busy=[])).values()

    before = await queue.before(pushes[-1])

    assert [push.status for push in pushes] == [S.SCREENING, S.OFFER]
    assert before is not None
    assert before.status is S.SCREENING


async def test_an_event_that_fails_three_times_is_passed_by_what_its_document_says(
    world: PushWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that makes planning fail, as a mistake of ours would."""
    intake = world.daemon.intake._ports.intake
    known_of, tries = intake.known_of, []

    async def fails_on_a_stage(events: Any) -> Any:
        listed = list(events)
        if any(getattr(event, "stage", None) for event in listed):
            tries.append(len(listed))
            raise KeyError("stage")
        return await known_of(listed)

    monkeypatch.setattr(EventIntake, "known_of", lambda _, events: fails_on_a_stage(events))
    await write(world, "a1", status="interview", stage__name="Onsite")
    await healthy_is_pushed(world)

    assert world.ats.order_of("a1") == [S.INTERVIEW]
    assert tries == [2, 1]


async def test_an_event_that_always_fails_is_a_dead_letter_with_its_document(
    world: PushWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = world.daemon.intake._ports.intake
    known_of = intake.known_of

    async def fails_on_one(events: Any) -> Any:
        listed = list(events)
        if any(event.application_id == world.id_of("a1") for event in listed):
            raise ValueError("secret of the document")
        return await known_of(listed)

    monkeypatch.setattr(EventIntake, "known_of", lambda _, events: fails_on_one(events))
    await write(world, "a1", status="interview", rejection_reason=BROKEN_TEXT)
    await healthy_is_pushed(world)

    [row] = await world.outbox(state="dead")
    assert (row["reason"], row["application_id"]) == ("unreadable", world.id_of("a1"))
    assert str(world.id_of("a1")) in row["last_error"]
    assert "secret" not in row["last_error"]
    assert "dead_letters" in world.alerts.kinds


async def test_a_position_that_cannot_be_read_three_times_is_passed_by_a_comparison(
    world: PushWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = world.daemon.intake._ports.source
    open_stream, opened = source.open, []

    async def open_and_fail(token: Any, *, epoch: int) -> Any:
        stream = await open_stream(token, epoch=epoch)
        opened.append(token)
        if len(opened) <= 3:

            async def fail() -> Any:
                raise StreamInterrupted("InvalidBSON", by_content=True)

            monkeypatch.setattr(stream, "next_batch", fail)
        return stream

    monkeypatch.setattr(source, "open", open_and_fail)
    await world.set_status("a1", "interview")
    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]
    assert opened[:3] == [opened[0]] * 3
    assert world.alerts.kinds == ["stream_position_lost"]
