"""Imports against a model of the ATS, under everything that disturbs a listing.

Rules edit the account (also between two pages), delete, shift pages, fail pages, skew the clock the
records are stamped with, leave records without a timestamp, poll and sweep. Whatever happened, one
undisturbed sweep later ClearView holds exactly what the ATS holds, and a full comparison of ATS,
snapshots and ClearView finds no drift; on the way no record is deleted
that the ATS still has, none is doubled, and edits with a timestamp arrive with the next poll.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from copy import deepcopy
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from daemon.core.verification import Drift
from daemon.jobs.import_poll import ImportFailed
from daemon.store.opening import open_mongo
from models.status import ApplicationStatus
from tests.support.child_state import verification
from tests.support.fake_ats import START, FakeAts, FakeConnector, Row
from tests.support.importing import ImportBench
from tests.support.mongo import PreparedDatabases
from tests.support.moving_clock import MovingClock

pytestmark = [pytest.mark.mongo, pytest.mark.fault]

T = TypeVar("T")
people = st.integers(1, 9).map(str)
names = st.sampled_from(["Ada", "Bo", "Cy"])
statuses = st.sampled_from(["new", "screening", "interview", "offer"])


class ImportMachine(RuleBasedStateMachine):
    """One account, one daemon, and the truth beside them."""

    databases: PreparedDatabases
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(
        shape=st.sampled_from(["split", "joined"]),
        by_id=st.booleans(),
        newest_first=st.booleans(),
        incremental=st.booleans(),
        sizes=st.sampled_from([(2, 1_000), (5, 2), (3, 1)]),
        count=st.integers(0, 8),
    )
    def begin(
        self,
        *,
        shape: str,
        by_id: bool,
        newest_first: bool,
        incremental: bool,
        sizes: tuple[int, int],
        count: int,
    ) -> None:
        self.stack = AsyncExitStack()
        lent = self.run(self.stack.enter_async_context(self.databases.lend()))
        mongo = self.run(
            open_mongo(
                lent.uri, database=lent.database, clearview_database=lent.clearview, prepare=False
            )
        )
        connector = FakeConnector(
            FakeAts(),
            shape=shape,
            page_size=sizes[0],
            part_size=sizes[1],
            reads_by_id=by_id,
            newest_first=newest_first,
            incremental=incremental,
        )
        self.earlier: list[dict[str, dict[str, Row]]] = []
        self.bench = ImportBench(mongo, connector, MovingClock(START))
        self.bench.ruled(max_percent=100.0, overlap=timedelta(minutes=11))
        self.quiet = True
        """No edit since the last poll that a poll may not see."""
        for number in range(1, count + 1):
            self.add(str(number), "Ada")

    @property
    def ats(self) -> FakeAts:
        return self.bench.connector.ats

    @property
    def lists(self) -> list[str]:
        return [facts.name for facts in self.bench.connector.lists]

    def add(self, external_id: str, name: str) -> None:
        for list_name in self.lists:
            fields: dict[str, Any] = {} if list_name == "applications" else {"name": name}
            self.ats.put(list_name, external_id, person=external_id, **fields)

    @rule(person=people, name=names)
    def someone_applies_or_is_renamed(self, person: str, name: str) -> None:
        self.ats.tick()
        self.add(person, name)

    @rule(person=people, status=statuses)
    def someone_is_moved(self, person: str, status: str) -> None:
        list_name = self.lists[-1]
        if person in self.ats.rows.get(list_name, {}):
            self.ats.tick()
            self.ats.put(list_name, person, status=status)

    @rule(person=people, status=statuses, minutes=st.integers(-5, 5))
    def someone_is_moved_under_a_skewed_clock(self, person: str, status: str, minutes: int) -> None:
        list_name = self.lists[-1]
        if person in self.ats.rows.get(list_name, {}):
            stamp = self.ats.tick() + timedelta(minutes=minutes)
            self.ats.put(list_name, person, stamp=stamp, status=status)

    @rule(person=people, name=names)
    def someone_is_edited_and_the_timestamp_stays(self, person: str, name: str) -> None:
        row = self.ats.rows.get(self.lists[0], {}).get(person)
        if row is not None:
            row.fields["name"] = name
            self.quiet = False

    @rule(persons=st.lists(people, max_size=4), name=names)
    def several_are_edited_in_the_same_instant(self, persons: list[str], name: str) -> None:
        stamp = self.ats.tick()
        for person in persons:
            if person in self.ats.rows.get(self.lists[0], {}):
                self.ats.put(self.lists[0], person, stamp=stamp, name=name)

    @rule()
    def the_account_is_noted(self) -> None:
        self.earlier.append(deepcopy(self.ats.rows))

    @precondition(lambda self: self.earlier)
    @rule(data=st.data())
    def everything_is_as_it_was_before(self, data: st.DataObject) -> None:
        """Byte for byte, old timestamps included."""
        self.ats.rows = deepcopy(data.draw(st.sampled_from(self.earlier)))
        self.quiet = False

    @rule(person=people)
    def someone_is_deleted(self, person: str) -> None:
        for list_name in self.lists:
            self.ats.rows.get(list_name, {}).pop(person, None)
        self.quiet = False

    @rule(person=people, page=st.integers(0, 3), status=statuses, name=names)
    def the_account_is_edited_between_two_pages(
        self, person: str, page: int, status: str, name: str
    ) -> None:
        def edit(_list_name: str, number: int) -> None:
            if number == page:
                self.bench.connector.on_page = None
                self.someone_applies_or_is_renamed(person, name)
                self.someone_is_moved(person, status)

        self.bench.connector.on_page = edit

    @rule(page=st.integers(0, 3), index=st.integers(0, 1))
    def a_page_will_fail(self, page: int, index: int) -> None:
        self.bench.connector.fail_at.add((self.lists[min(index, len(self.lists) - 1)], page))

    @rule(refuse=st.booleans())
    def positions_expire(self, *, refuse: bool) -> None:
        self.bench.connector.refuse_positions = refuse

    @rule(person=people)
    def a_record_cannot_be_mapped(self, person: str) -> None:
        self.ats.broken.add(person)

    @rule()
    def all_records_can_be_mapped_again(self) -> None:
        self.ats.broken.clear()
        self.bench.clock.advance(timedelta(hours=7))

    @rule(sweep=st.booleans())
    def the_daemon_polls(self, *, sweep: bool) -> None:
        with suppress(ImportFailed):
            self.run(self.bench.poll(sweep=sweep))
        self.ats.tick()

    @precondition(lambda self: not self.ats.broken)
    @rule()
    def an_undisturbed_poll_misses_no_stamped_change(self) -> None:
        self.calm()
        self.run(self.bench.poll())
        if self.quiet:
            self.compare(deletions=False)

    @precondition(lambda self: not self.ats.broken)
    @rule()
    def undisturbed_sweeps_make_both_sides_equal(self) -> None:
        self.calm()
        for _ in range(3):
            self.run(self.bench.poll(sweep=True, accept_deletions=True))
        self.quiet = True
        self.compare(deletions=True)
        assert self.run(self.drift()) == []

    async def drift(self) -> list[Drift]:
        found = verification(self.bench).differences()
        return [item async for item in found if item.is_drift]

    def calm(self) -> None:
        self.bench.connector.fail_at.clear()
        self.bench.connector.on_page = None
        self.ats.tick()
        self.bench.clock.advance(timedelta(hours=7))

    def compare(self, *, deletions: bool) -> None:
        stored = {row["external_id"]: row for row in self.run(self.bench.rows("candidates"))}
        moved = {row["external_id"]: row for row in self.run(self.bench.rows("applications"))}
        for person, row in self.ats.rows.get(self.lists[0], {}).items():
            assert stored[person]["first_name"] == row.fields["name"]
        for key, row in self.ats.rows.get(self.lists[-1], {}).items():
            assert moved[key]["status"] == row.fields.get("status", ApplicationStatus.NEW)
        if deletions:
            alive = {key for key, row in stored.items() if row["deleted_at"] is None}
            assert alive == set(self.ats.rows.get(self.lists[0], {}))

    @invariant()
    def no_one_is_doubled_and_no_one_present_was_deleted_for_good(self) -> None:
        if not hasattr(self, "bench"):
            return
        rows = self.run(self.bench.rows("candidates"))

        assert len({row["external_id"] for row in rows}) == len(rows)

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.run(self.bench.mongo.close())
            self.run(self.stack.aclose())


@pytest.fixture
def machine(prepared_databases: PreparedDatabases) -> Iterator[type[ImportMachine]]:
    with asyncio.Runner() as runner:
        yield type("Machine", (ImportMachine,), {"databases": prepared_databases, "runner": runner})


@pytest.mark.timeout(300)
def test_no_change_is_missed_and_nothing_is_doubled_or_deleted_wrongly(
    machine: type[ImportMachine],
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
