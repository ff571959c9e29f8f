"""Both sides change, answers are lost, the daemon dies between any two steps: both sides end equal.

Every generated story runs on a real MongoDB. Whatever happened in it, afterwards each application
is the same at the ATS, in the snapshot and in ClearView, or is an open conflict; and what the ATS
was pushed is a subsequence of what recruiters did: nothing twice, nothing out of order.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import Unavailable
from daemon.core.conflict import decide_status
from daemon.pushing.stream_checkpoint import STREAM_KEY
from daemon.store.delivery_queue import MongoDeliveryQueue
from daemon.store.outbox import MongoOutbox
from daemon.store.push_results import PushResults
from models.status import ApplicationStatus
from tests.support.mongo import PreparedDatabases
from tests.support.push_ats import STAGES, lost_answer
from tests.support.push_world import PushWorld, push_world

S = ApplicationStatus
pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(170)]

numbers = st.integers(0, 2)
statuses = st.sampled_from(list(STAGES))
steps = st.one_of(
    st.tuples(st.just("edit"), numbers, statuses),
    st.tuples(st.just("ats_move"), numbers, statuses),
    st.tuples(st.just("poll"), numbers),
    st.tuples(st.just("push")),
    st.tuples(st.just("refuse_once")),
    st.tuples(st.just("lose_an_answer")),
    st.tuples(st.just("die_before_rows")),
    st.tuples(st.just("die_before_place")),
    st.tuples(st.just("die_after_send")),
    st.tuples(st.just("die_before_end")),
    st.tuples(st.just("read_again")),
    st.tuples(st.just("lose_place")),
    st.tuples(st.just("time_passes")),
)


class Died(Exception):
    """The process was killed here."""


class Story:
    """One generated story, with applications of its own."""

    def __init__(self, world: PushWorld, number: int) -> None:
        self.world = world
        self.names = [f"s{number}-{i}" for i in range(3)]
        self.edits: dict[str, list[S]] = {name: [] for name in self.names}
        self.unseen: dict[str, S] = {}
        """What the ATS was moved to by its own people and no poll has seen: not to be overruled."""

    async def begin(self) -> None:
        self.world.restart()
        self.world.ats.effects.clear()
        await self.world.add(*self.names)
        await self.world.settle()
        self.first_place = await self._place()

    async def _place(self) -> dict[str, Any]:
        row = await self.world.mongo.own["checkpoints"].find_one({"_id": STREAM_KEY})
        assert row is not None
        return dict(row["value"])

    async def take(self, step: tuple[Any, ...]) -> None:
        effects_before = len(self.world.ats.effects)
        await getattr(self, step[0])(*step[1:])
        for effect in self.world.ats.effects[effects_before:]:
            assert self.unseen.get(effect.application) != effect.before

    async def edit(self, number: int, status: S) -> None:
        name = self.names[number]
        if (await self.world.clearview(name))["status"] != status:
            self.edits[name].append(status)
            await self.world.set_status(name, status)

    async def ats_move(self, number: int, status: S) -> None:
        name = self.names[number]
        self.world.ats.move(name, status)
        if (await self.world.snapshot(name))["status"] == status:
            self.unseen.pop(name, None)
        else:
            self.unseen[name] = status

    async def poll(self, number: int) -> None:
        """An import of this application, by the same rule that the importer uses."""
        name, world = self.names[number], self.world
        self.unseen.pop(name, None)
        base = S((await world.snapshot(name))["status"])
        ats = S(world.ats.applications[name]["status"])
        held = S((await world.clearview(name))["status"])
        if ats == base:
            return
        winner = decide_status(base=base, ats=ats, clearview=held, policy="ats_wins")
        if winner == "ats":
            await world.imported(name, ats)
            return
        await world.mongo.own["candidate_snapshots"].update_one(
            {"external_id": name}, {"$set": {"applications": [dict(world.ats.applications[name])]}}
        )
        if winner is None:
            await self._open_conflict(name, base, ats, held)

    async def _open_conflict(self, name: str, base: S, ats: S, held: S) -> None:
        await self.world.mongo.own["conflicts"].insert_one(
            {
                "ats_integration_id": self.world.integration.id,
                "application_id": self.world.id_of(name),
                "base": base,
                "ats": ats,
                "clearview": held,
                "policy": "ats_wins",
                "winner": None,
                "state": "open",
                "detected_at": self.world.clock.now(),
            }
        )

    async def push(self) -> None:
        await self.world.settle()

    async def refuse_once(self) -> None:
        self.world.ats.faults.append(Unavailable("503", status=503))
        await self.world.settle()

    async def lose_an_answer(self) -> None:
        self.world.ats.faults_after_effect.append(lost_answer())
        await self.world.settle()

    async def die_before_rows(self) -> None:
        await self._die_in(MongoOutbox, "add")

    async def die_before_place(self) -> None:
        await self._die_in(MongoOutbox, "add", after=True)

    async def die_after_send(self) -> None:
        await self._die_in(MongoDeliveryQueue, "record")

    async def die_before_end(self) -> None:
        """What follows from the push is written, that it ended is not."""
        await self._die_in(PushResults, "apply", after=True)

    async def _die_in(self, where: type, method: str, *, after: bool = False) -> None:
        original: Callable[..., Awaitable[Any]] = getattr(where, method)

        async def deadly(*args: Any, **kwargs: Any) -> None:
            if after:
                await original(*args, **kwargs)
            raise Died

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(where, method, deadly)
            try:
                await self.world.settle()
            except* Died:
                pass
        self.world.restart()

    async def read_again(self) -> None:
        """The position is that of the story's start: everything is delivered a second time."""
        await self._set_place(token=self.first_place["token"])

    async def lose_place(self) -> None:
        await self._set_place(token={"_data": "lost"})

    async def _set_place(self, **fields: Any) -> None:
        changes = {f"value.{key}": value for key, value in fields.items()}
        await self.world.mongo.own["checkpoints"].update_one({"_id": STREAM_KEY}, {"$set": changes})
        self.world.restart()

    async def time_passes(self) -> None:
        self.world.clock.ahead += timedelta(minutes=20)

    async def end(self) -> None:
        """Calm weather: polls and pushes until nothing moves any more."""
        self.world.ats.faults.clear()
        self.world.ats.faults_after_effect.clear()
        for _ in range(4):
            self.world.clock.ahead += timedelta(minutes=31)
            await self.world.settle()
            for number in range(len(self.names)):
                await self.poll(number)

    async def check(self) -> None:
        for name in self.names:
            pushed = self.world.ats.order_of(name)
            assert is_subsequence(pushed, self.edits[name]), (pushed, self.edits[name])
            ats = self.world.ats.applications[name]["status"]
            assert (await self.world.snapshot(name))["status"] == ats
            if (await self.world.clearview(name))["status"] != ats:
                query = {"application_id": self.world.id_of(name), "state": "open"}
                assert await self.world.mongo.own["conflicts"].count_documents(query) == 1
        assert not {"pending", "retrying", "in_flight"} & set(await self.world.states())
        await self._check_conservation()

    async def _check_conservation(self) -> None:
        """Every event has one row, every row one line in the log, every written status one more."""
        ids = [self.world.id_of(name) for name in self.names]
        query = {"application_id": {"$in": ids}}
        rows = await self.world.outbox(**query)
        log = self.world.mongo.own["application_status_update_log"]
        assert await log.count_documents(query) == len(rows)
        written = [row["subject"] for row in await self.world.audited()]
        for row in await log.find({**query, "outcome": "Success"}).to_list():
            assert written.count(str(row["_id"])) == 1
        events = [row for row in rows if not row["event_id"].startswith("repair:")]
        assert len(events) <= sum(len(edits) for edits in self.edits.values())


def is_subsequence(pushed: list[S], edits: list[S]) -> bool:
    remaining = iter(edits)
    return all(status in remaining for status in pushed)


def test_both_sides_end_equal_whatever_happens(prepared_databases: PreparedDatabases) -> None:
    numbers = itertools.count()

    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(story=st.lists(steps, max_size=14))
    def replay(story: list[tuple[Any, ...]]) -> None:
        async def run() -> None:
            one = Story(world, next(numbers))
            await one.begin()
            for step in story:
                await one.take(step)
            await one.end()
            await one.check()

        runner.run(run())

    async def enter(context: Any) -> Any:
        return await context.__aenter__()

    async def leave(context: Any) -> None:
        await context.__aexit__(None, None, None)

    with asyncio.Runner() as runner:
        databases = prepared_databases.lend()
        mongo = runner.run(enter(databases))
        opened = push_world(mongo.uri, mongo.database, mongo.clearview)
        world = runner.run(enter(opened))
        try:
            replay()
        finally:
            runner.run(leave(opened))
            runner.run(leave(databases))
