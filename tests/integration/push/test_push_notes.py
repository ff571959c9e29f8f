"""The note that comes with a delivered push: one or none, and the push is never sent again for it."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from connectors.errors import AtsError, Forbidden, OutcomeUnknown, Rejected, Unavailable
from daemon.core.push_decision import PushRules
from daemon.core.retry import RetryRule
from models.status import ApplicationStatus
from tests.support.mongo import TestMongo
from tests.support.push_ats import lost_answer
from tests.support.push_world import PushWorld, push_world

S = ApplicationStatus
pytestmark = pytest.mark.mongo
RULES = PushRules(note="Moved from {previous_status} to {status}")
LATER = RetryRule().cap
MOVED = [("a1", "Moved from new to interview")]


@pytest.fixture
async def world(prepared_mongo: TestMongo) -> AsyncIterator[PushWorld]:
    async with push_world(
        prepared_mongo.uri,
        prepared_mongo.database,
        prepared_mongo.clearview,
        rules=RULES,
        jitter=lambda: 0.0,
    ) as world:
        await world.add("a1")
        await world.settle()
        yield world


async def the_log(world: PushWorld) -> tuple[str, str | None, str | None]:
    [row] = await world.log()
    return row["outcome"], row["note"], row["note_error"]


async def test_a_delivered_push_has_one_note(world: PushWorld) -> None:
    await world.set_status("a1", "interview")

    await world.settle()
    await world.settle()

    assert world.ats.notes == MOVED
    assert await the_log(world) == ("Success", "made", None)


async def test_no_note_is_written_unless_the_operator_asks(world: PushWorld) -> None:
    world.rules = PushRules()
    world.restart()
    await world.set_status("a1", "interview")

    await world.settle()

    [row] = await world.log()
    assert world.ats.notes == []
    assert "note" not in row


async def test_a_push_that_finds_the_status_there_has_no_note(world: PushWorld) -> None:
    world.ats.move("a1", S.INTERVIEW)
    await world.set_status("a1", "interview")

    await world.settle()

    [row] = await world.log()
    assert (row["outcome"], world.ats.notes) == ("Skipped", [])


async def test_a_push_whose_answer_was_lost_has_its_note_once_it_is_found(world: PushWorld) -> None:
    world.ats.faults_after_effect.append(lost_answer())
    await world.set_status("a1", "interview")

    await world.settle()
    assert world.ats.notes == []
    world.clock.ahead += LATER
    await world.settle()

    assert world.ats.writes == 1
    assert world.ats.notes == MOVED
    assert await the_log(world) == ("Success", "made", None)


async def test_a_note_that_the_ats_cannot_take_now_is_sent_again(world: PushWorld) -> None:
    world.ats.note_faults.append(Unavailable("connection refused"))
    await world.set_status("a1", "interview")

    await world.settle()

    assert world.ats.notes == MOVED
    assert await the_log(world) == ("Success", "made", None)


@pytest.mark.parametrize(
    ("errors", "note"),
    [
        ([Unavailable("connection refused")] * 3, "failed"),
        ([Rejected("note: refused", status=422)], "failed"),
        ([Forbidden("note: no permission", status=403)], "failed"),
        ([OutcomeUnknown("no answer")], "unknown"),
    ],
    ids=["away", "refused", "forbidden", "unknown"],
)
async def test_a_note_that_is_not_made_is_in_the_log_and_the_push_is_delivered(
    world: PushWorld, errors: list[AtsError], note: str
) -> None:
    world.ats.note_faults.extend(errors)
    await world.set_status("a1", "interview")

    await world.settle()
    world.clock.ahead += LATER
    await world.settle()

    outcome, noted, error = await the_log(world)
    assert (outcome, noted) == ("Success", note)
    assert type(errors[0]).__name__ in (error or "")
    assert world.ats.notes == []
    assert world.ats.writes == 1
    assert world.alerts.kinds == []
    assert not world.ats.note_faults


async def test_a_note_whose_answer_is_lost_is_not_sent_again(world: PushWorld) -> None:
    world.ats.note_faults_after_effect.append(lost_answer())
    await world.set_status("a1", "interview")

    await world.settle()
    world.clock.ahead += LATER
    await world.settle()

    assert world.ats.notes == MOVED
    assert (await the_log(world))[:2] == ("Success", "unknown")


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_kill_while_the_note_is_sent_leaves_one_at_most(
    world: PushWorld, *, after_effect: bool
) -> None:
    def kill(_: str) -> None:
        raise Killed

    if after_effect:
        world.ats.note_faults_after_effect.append(Killed())  # type: ignore[arg-type]
    else:
        world.ats.on_note = kill
    await world.set_status("a1", "interview")
    with pytest.raises(BaseExceptionGroup):
        await world.settle()
    before = list(world.ats.notes)
    world.ats.on_note = lambda _: None

    world.restart()
    await world.settle()

    assert world.ats.writes == 1
    assert world.ats.notes == before == (MOVED if after_effect else [])
    assert (await the_log(world))[:2] == ("Success", "unknown")


async def test_a_kill_between_the_move_and_its_note_loses_neither(world: PushWorld) -> None:
    world.ats.faults_after_effect.append(Killed())  # type: ignore[arg-type]
    await world.set_status("a1", "interview")
    with pytest.raises(BaseExceptionGroup):
        await world.settle()

    world.restart()
    await world.settle()

    assert world.ats.writes == 1
    assert world.ats.notes == MOVED
    assert await the_log(world) == ("Success", "made", None)


async def test_an_ats_that_takes_the_note_with_the_status_gets_no_second_one(
    world: PushWorld,
) -> None:
    capabilities = world.connector.capabilities
    world.connector.capabilities = replace(capabilities, carries_note=frozenset({S.REJECTED}))
    await world.set_status("a1", "rejected")

    await world.settle()

    assert world.ats.notes == []
    assert await the_log(world) == ("Success", "made", None)


async def test_a_hire_that_wants_fields_gets_clearviews_application(world: PushWorld) -> None:
    world.connector.capabilities = replace(world.connector.capabilities, hired_fields=True)
    await world.set_status("a1", "hired", custom_fields={"first_day": "2027-01-04"})

    await world.settle()

    target = world.connector.targets[-1]
    assert target.application["custom_fields"] == {"first_day": "2027-01-04"}
    assert target.application["hired_at"] is not None, "the moment of the change"
