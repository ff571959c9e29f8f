"""The export job on real MongoDB: each period once, in order, whatever happens to the process."""

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from connectors.errors import (
    AtsError,
    AuthRefused,
    FieldUnknown,
    Forbidden,
    GuardRefused,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from daemon.core.analytics import Period, floor_to
from daemon.core.runs import RunFailed
from daemon.store.connection import Mongo
from models.documents import ClearViewApplication, ClearViewCandidate
from models.times import iso
from tests.support.alerts import listed
from tests.support.exporting import Fate, Killed, LeaseLost, RecordingAts, World
from tests.support.hiring_history import Application, History, Move, write_history
from tests.support.moving_clock import START, MovingClock

pytestmark = pytest.mark.mongo
DAY = timedelta(days=1)
MIDNIGHT = floor_to(START, DAY)


def a_world(mongo: Mongo, analytics: Any = "report", **changes: Any) -> World:
    return World(mongo, MovingClock(), RecordingAts(analytics), **changes)


def key(days_from: int, days_to: int) -> str:
    return Period(MIDNIGHT + days_from * DAY, MIDNIGHT + days_to * DAY).key


async def test_the_first_run_exports_the_latest_complete_period(opened: Mongo) -> None:
    world = a_world(opened)
    outcome = await world.job().run()

    assert [sent for sent, _ in world.ats.reports] == [key(-1, 0)]
    assert [period.key for period in outcome.exported] == [key(-1, 0)]
    (row,) = await world.logged()
    assert row["status"] == "Success"
    assert row["metrics"] == {"period": key(-1, 0)}
    assert row["attempts"] == row["sent"] == 1


async def test_nothing_due_leaves_no_trace(opened: Mongo) -> None:
    world = a_world(opened)
    await world.job().run()
    world.clock.advance(timedelta(hours=3))
    before = await opened.own.sync_runs.count_documents({})
    outcome = await world.job().run()

    assert outcome.exported == ()
    assert await opened.own.sync_runs.count_documents({}) == before == 1


async def test_missed_periods_are_exported_in_order_and_a_bounded_number_at_a_time(
    opened: Mongo,
) -> None:
    world = a_world(opened)
    await world.job().run()
    world.clock.advance(5 * DAY)
    await world.job(periods_per_run=3).run()
    assert [sent for sent, _ in world.ats.reports][1:] == [key(0, 1), key(1, 2), key(2, 3)]

    await world.job().run()

    assert [sent for sent, _ in world.ats.reports][4:] == [key(3, 4), key(4, 5)]


async def test_a_failed_period_is_logged_reported_and_exported_later_before_newer_ones(
    opened: Mongo,
) -> None:
    world = a_world(opened)
    world.ats.errors = [Unavailable("The ATS answered 503.")]
    outcome = await world.job().run()

    assert outcome.failed is not None
    (row,) = await world.logged()
    assert (row["status"], row["error_message"]) == ("Failed", "The ATS answered 503.")
    assert [alert["kind"] for alert in await listed(world.alerts)] == ["export_missed"]

    world.clock.advance(DAY)
    await world.job().run()

    assert [sent for sent, _ in world.ats.reports] == [key(-1, 0), key(0, 1)]
    assert [(r["status"], r["attempts"]) for r in await world.logged()] == [
        ("Success", 2),
        ("Success", 1),
    ]
    assert await listed(world.alerts) == []


async def test_a_failed_period_rests_unless_asked_for(opened: Mongo) -> None:
    world = a_world(opened)
    world.ats.errors = [AuthRefused("The ATS answered 401.")]
    await world.job().run()
    resting = await world.job().run()
    assert resting.reason == "resting after a failure"
    assert world.ats.reports == []

    asked = await world.job().run(at_once=True)

    assert [period.key for period in asked.exported] == [key(-1, 0)]


async def test_an_ats_without_the_operation_is_distinguished_from_a_failure(opened: Mongo) -> None:
    world = a_world(opened, analytics=None)
    outcome = await world.job().run()

    assert outcome.ok
    assert outcome.reason == "Example ATS takes no analytics: it has no custom fields"
    assert await world.logged() == []


async def test_one_replica_exports_at_a_time(opened: Mongo) -> None:
    world = a_world(opened)
    await world.leases.acquire(f"export:{world.name}")
    outcome = await world.job().run()

    assert outcome.reason == "another replica is exporting"
    assert world.ats.reports == []


async def test_changing_the_length_of_periods_leaves_no_gap_and_no_overlap(opened: Mongo) -> None:
    world = a_world(opened)
    await world.job().run()
    world.every = timedelta(hours=36)
    world.clock.advance(4 * DAY)
    await world.job().run()
    world.every = timedelta(hours=6)
    world.clock.advance(DAY)
    await world.job().run()

    assert_tiled(await world.logged())


async def test_a_crash_and_new_length_at_once_leave_no_overlap(opened: Mongo) -> None:
    world = a_world(opened)
    await world.job().run()
    world.clock.advance(DAY)
    with pytest.raises(Killed):
        # lease, position, attempts, run start, report, log: all done, but not the position
        await world.job(Fate(at_call=7)).run()
    assert len(await world.logged()) == 2
    world.every = timedelta(hours=6)
    world.clock.advance(DAY)
    await world.job().run()

    assert_tiled(await world.logged())


@pytest.mark.parametrize(
    "error", [KeyError("ada@example.org"), asyncio.CancelledError(), ZeroDivisionError()], ids=repr
)
async def test_an_export_that_breaks_has_failed_and_its_period_is_exported_later(
    opened: Mongo, error: BaseException
) -> None:
    world = a_world(opened)
    world.ats.errors = [error]
    with pytest.raises(RunFailed) as failed:
        await world.job().run()
    run = await opened.own.sync_runs.find_one({"_id": failed.value.run.id})
    [broken] = await world.logged()
    again = await world.job().run(at_once=True)
    [row] = await world.logged()

    assert run is not None
    assert run["outcome"] == "failed"
    assert run["error_message"].startswith(f"unexpected {type(error).__name__} at ")
    assert "ada@" not in repr(run) + repr(broken)
    assert again.ok
    assert row["status"] == "Success"


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.fault
async def test_each_period_once_under_crashes_missed_days_and_replicas(
    opened: Mongo, seed: int
) -> None:
    world = a_world(opened)
    dice = random.Random(seed)
    await world.job().run()
    for _ in range(12):
        world.clock.advance(timedelta(hours=dice.choice([1, 9, 24, 30, 80])))
        if dice.random() < 0.2:
            world.ats.errors = [None] * dice.randint(0, 2) + [Unavailable("down")]
        with suppress(Killed, LeaseLost):
            await world.job(a_fate(world, dice)).run(at_once=True)
        world.ats.errors = []
        world.clock.advance(world.leases.ttl)
    await world.job().run(at_once=True)

    rows = await world.logged()
    assert_tiled(rows)
    assert {row["status"] for row in rows} == {"Success"}
    assert rows[-1]["period_end"] == floor_to(world.clock.now(), DAY)
    sent = list(dict.fromkeys(key for key, _ in world.ats.reports))
    assert sent == [f"{iso(r['period_start'])}/{iso(r['period_end'])}" for r in rows]
    # Only a process that died or stalled between the effect and its record repeats a report.
    assert len(world.ats.reports) - len(sent) <= 12


def a_fate(world: World, dice: random.Random) -> Fate:
    match dice.choice(["live", "die", "die", "stall"]):
        case "die":
            return Fate(at_call=dice.randint(1, 14), after_effect=dice.random() < 0.5)
        case "stall":
            return Fate(at_call=dice.randint(2, 14), pause=lambda: taken_over(world))
        case _:
            return Fate()


async def taken_over(world: World) -> None:
    """The process sleeps past its lease, and another one does the work meanwhile."""
    world.clock.advance(2 * world.leases.ttl)
    await world.job().run(at_once=True)


def assert_tiled(rows: list[dict[str, Any]]) -> None:
    """The periods follow one another without gap and without overlap."""
    assert len(rows) > 1
    assert all(row["period_end"] == following["period_start"] for row, following in pairwise(rows))
    assert all(row["period_start"] < row["period_end"] for row in rows)


async def people_with(world: World, *applications: Application) -> None:
    await write_history(world.mongo, world.integration_id, History(list(applications), []))
    await world.mongo.collection(ClearViewCandidate).insert_many(
        {
            "_id": application.candidate_id,
            "integration_id": world.integration_id,
            "external_id": f"c-{application.id}",
            "created_at": application.created_at,
            "updated_at": application.created_at,
        }
        for application in applications
    )


def an_open_application(status: str = "new", **changes: Any) -> Application:
    return Application(MIDNIGHT - 10 * DAY, status, [], **changes)


async def move(world: World, application: Application, new: str) -> None:
    """The status changes now, in ClearView and in the history."""
    row = {
        "_id": uuid4(),
        "ats_integration_id": world.integration_id,
        "candidate_id": application.candidate_id,
        "application_id": application.id,
        "changed_at": world.clock.now(),
        "run_id": None,
        "path": f"applications.{application.id}.status",
        "old": application.status,
        "new": new,
        "origin": "clearview",
    }
    await world.mongo.own.candidate_changes.insert_one(row)
    await world.mongo.collection(ClearViewApplication).update_one(
        {"_id": application.id}, {"$set": {"status": new}}
    )
    application.status = new


async def test_values_go_only_where_they_changed(opened: Mongo) -> None:
    world = a_world(opened, "per_application")
    people = [an_open_application() for _ in range(7)]
    await people_with(world, *people)
    await world.job(field_name="pipeline").run()
    assert len(world.ats.writes) == 7

    await move(world, people[3], "interview")
    world.clock.advance(DAY)
    await world.job(field_name="pipeline").run()

    ref, value, field_name = world.ats.writes[-1]
    assert len(world.ats.writes) == 8
    assert (ref.external_id, ref.candidate_external_id) == (
        str(people[3].id),
        f"c-{people[3].id}",
    )
    assert (value, field_name) == ("interview 5/8 day 10 since 2026-03-02", "pipeline")


async def test_an_old_closed_application_is_left_alone(opened: Mongo) -> None:
    world = a_world(opened, "per_application")
    old = an_open_application("rejected")
    closed_now = an_open_application("hired", applied_at=MIDNIGHT - 20 * DAY)
    closed_now.moves = [Move(MIDNIGHT - DAY, "offer", "hired")]
    await people_with(world, old, closed_now)
    await world.job().run()

    assert world.ats.values == {str(closed_now.id): "hired 8/8 day 19 since 2026-03-01"}


async def test_a_late_export_sends_what_was_true_then(opened: Mongo) -> None:
    world = a_world(opened, "per_application")
    application = an_open_application()
    await people_with(world, application)
    await world.job().run()
    world.clock.advance(DAY)
    await move(world, application, "screening")
    world.clock.advance(DAY)
    await move(world, application, "offer")
    world.clock.advance(DAY)
    await world.job().run()

    assert [value.split()[0] for _, value, _ in world.ats.writes] == ["new", "screening", "offer"]


async def test_one_refused_application_does_not_stop_the_others(opened: Mongo) -> None:
    world = a_world(opened, "per_application")
    people = [an_open_application() for _ in range(5)]
    await people_with(world, *people)
    world.ats.refuses = {str(people[2].id): Rejected("422")}
    outcome = await world.job().run()

    assert outcome.ok
    assert len(world.ats.values) == 4
    (row,) = await world.logged()
    assert (row["status"], row["sent"]) == ("Success", 4)
    assert row["error_message"] == (
        '1 refused by the ATS for the field "clearview_status", the last one: 422'
    )


@pytest.mark.parametrize("applications", [1, 30])
async def test_a_field_that_has_never_taken_a_value_fails_the_period(
    opened: Mongo, applications: int
) -> None:
    world = a_world(opened, "per_application")
    people = [an_open_application() for _ in range(applications)]
    await people_with(world, *people)
    world.ats.refuses = {str(person.id): Rejected("no such field") for person in people}
    outcome = await world.job().run()

    assert outcome.reason is not None
    assert 'no application took a value for the field "clearview_status"' in outcome.reason
    assert outcome.reason.endswith("The last refusal: no such field")
    (row,) = await world.logged()
    assert row["status"] == "Failed"
    [alert] = await listed(world.alerts)
    assert "clearview_status" in alert["message"]


@pytest.mark.parametrize(
    "error",
    [
        Rejected("400", status=400),
        NotFound("404", status=404),
        GuardRefused("422", status=422),
        Forbidden("403", status=403),
        OutcomeUnknown("500", status=500),
        OutcomeUnknown("a web page", status=200),
    ],
)
async def test_one_application_that_is_always_refused_holds_up_no_period(
    opened: Mongo, error: AtsError
) -> None:
    world = a_world(opened, "per_application")
    people = [an_open_application() for _ in range(4)]
    await people_with(world, *people)
    world.ats.refuses = {str(people[0].id): error}
    for _ in range(3):
        outcome = await world.job().run()
        assert outcome.ok, outcome.reason
        await move(world, people[1], "offer" if people[1].status != "offer" else "interview")
        world.clock.advance(DAY)

    rows = await world.logged()
    assert [(row["status"], row["sent"]) for row in rows] == [
        ("Success", 3),
        ("Success", 1),
        ("Success", 1),
    ]
    assert "1 refused" in rows[-1]["error_message"]


async def test_an_application_that_always_fails_fails_no_period_of_its_own(opened: Mongo) -> None:
    world = a_world(opened, "per_application")
    broken, other = an_open_application(), an_open_application()
    await people_with(world, broken, other)
    world.ats.refuses = {str(broken.id): OutcomeUnknown("500", status=500)}
    for _ in range(3):
        outcome = await world.job().run()
        assert outcome.ok, outcome.reason
        world.clock.advance(DAY)

    assert [row["sent"] for row in await world.logged()] == [1, 0, 0]


@pytest.mark.parametrize(
    ("error", "tries"), [(Rejected("no"), 4), (OutcomeUnknown("500", status=500), 8)]
)
async def test_an_account_of_one_refused_application_goes_on_after_some_tries(
    opened: Mongo, error: AtsError, tries: int
) -> None:
    world = a_world(opened, "per_application")
    application = an_open_application()
    await people_with(world, application)
    world.ats.refuses = {str(application.id): error}
    outcomes = [await world.job().run(at_once=True) for _ in range(tries)]

    assert [outcome.ok for outcome in outcomes] == [False] * (tries - 1) + [True]
    assert [alert["kind"] for alert in await listed(world.alerts)] == ["export_missed"]

    world.ats.refuses = {}
    world.clock.advance(DAY)
    await world.job().run()

    assert len(world.ats.values) == 1
    assert await listed(world.alerts) == []


async def test_a_refused_value_is_sent_later_although_the_application_was_closed(
    opened: Mongo,
) -> None:
    world = a_world(opened, "per_application")
    refused, other = an_open_application(), an_open_application()
    await people_with(world, refused, other)
    world.ats.refuses = {str(refused.id): Rejected("not now")}
    await world.job().run()
    await move(world, refused, "rejected")
    world.clock.advance(3 * DAY)
    await world.job().run()
    world.ats.refuses = {}
    world.clock.advance(DAY)
    await world.job().run()

    assert set(world.ats.values) == {str(refused.id), str(other.id)}


async def test_an_ats_that_is_away_fails_the_period_after_a_few_requests(opened: Mongo) -> None:
    world = a_world(opened, "per_application")
    await people_with(world, *(an_open_application() for _ in range(30)))
    world.ats.errors = [Unavailable("no connection")] * 30
    outcome = await world.job().run()

    assert outcome.reason == "no connection"
    assert len(world.ats.errors) == 27


async def test_a_failure_of_one_request_is_made_good_within_the_period(opened: Mongo) -> None:
    world = a_world(opened, "per_application")
    await people_with(world, *(an_open_application() for _ in range(4)))
    world.ats.errors = [None, OutcomeUnknown("cut off")]
    outcome = await world.job().run()

    assert outcome.ok
    (row,) = await world.logged()
    assert (row["sent"], row["error_message"]) == (4, None)


async def test_a_field_that_the_account_lacks_ends_the_export_at_once(opened: Mongo) -> None:
    world = a_world(opened, "per_application")
    await people_with(world, *(an_open_application() for _ in range(4)))
    world.ats.errors = [FieldUnknown('Example ATS has no field "scor"')] * 4
    outcome = await world.job(field_name="scor").run()

    assert outcome.reason == 'Example ATS has no field "scor"'
    assert len(world.ats.errors) == 3


async def test_a_refusal_by_a_field_that_worked_before_holds_nothing_up(opened: Mongo) -> None:
    world = a_world(opened, "per_application")
    application = an_open_application()
    await people_with(world, application)
    await world.job().run()
    await move(world, application, "offer")
    world.ats.refuses = {str(application.id): Rejected("It is archived.")}
    world.clock.advance(DAY)
    outcome = await world.job().run()

    assert outcome.ok
    assert [row["status"] for row in await world.logged()] == ["Success", "Success"]


@pytest.mark.fault
async def test_values_survive_a_crash_at_every_call(opened: Mongo) -> None:
    for after_effect in (False, True):
        for at_call in range(1, 22):
            world = a_world(opened, "per_application")
            await people_with(world, *(an_open_application() for _ in range(5)))
            with suppress(Killed):
                await world.job(Fate(at_call=at_call, after_effect=after_effect)).run()
            world.clock.advance(world.leases.ttl)
            await world.job().run(at_once=True)

            assert len(world.ats.values) == 5
            assert len(world.ats.writes) <= 6
            assert [row["status"] for row in await world.logged()] == ["Success"]
