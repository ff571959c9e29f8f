"""What an import does about odd pages, records and lists: the rest is imported, nothing is lost."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.errors import (
    AtsError,
    BrokenAnswer,
    Misdirected,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedPayload,
    UnreadablePage,
)
from connectors.values import ReadIssue
from daemon.core import unread_fields
from daemon.core.clearview_batch import ClearViewBatch, ClearViewOutcome
from daemon.core.runs import Run, RunFailed, RunRequest
from daemon.core.snapshot import Snapshot
from daemon.jobs.import_poll import ImportFailed, ImportPoll
from daemon.store.clearview_candidates import MongoCandidateManagement
from daemon.store.connection import Mongo
from daemon.store.snapshots import MongoSnapshots
from models.ids import candidate_id
from tests.support.fake_ats import START, FakeAts, ids
from tests.support.importing import ImportBench, import_ports
from tests.support.moving_clock import MovingClock
from tests.support.wild_connector import WildConnector

pytestmark = pytest.mark.mongo
PEOPLE = 7
"""Three on a page: three pages of each list."""


@pytest.fixture
def bench(opened: Mongo) -> ImportBench:
    connector = WildConnector(FakeAts(), newest_first=False)
    bench = ImportBench(opened, connector, MovingClock(START))
    for person in ids(PEOPLE):
        put(bench, person, name=f"P{person}", company="Old")
    return bench


def put(bench: ImportBench, person: str, *, list_name: str = "candidates", **fields: Any) -> None:
    bench.connector.ats.tick()
    bench.connector.ats.put(list_name, person, **fields)


def wild(bench: ImportBench) -> WildConnector:
    assert isinstance(bench.connector, WildConnector)
    return bench.connector


async def names(bench: ImportBench) -> dict[str, Any]:
    rows = await bench.rows("candidates", deleted_at=None)
    return {row["external_id"]: row["first_name"] for row in rows}


async def alerts(bench: ImportBench) -> set[str]:
    return {row["kind"] for row in await bench.rows("alerts", resolved_at=None)}


async def failing_poll(bench: ImportBench, **request: Any) -> Run:
    with pytest.raises(ImportFailed) as failed:
        await bench.poll(**request)
    return failed.value.run


EVERYBODY = {person: f"P{person}" for person in ids(PEOPLE)}


@pytest.mark.parametrize(
    "error",
    [
        Misdirected("the next address is on another host"),
        NotFound("page", status=404),
        UnexpectedPayload("the answer has no list"),
        UnreadablePage("page 2"),
    ],
)
@pytest.mark.parametrize("sweep", [False, True])
async def test_a_position_that_cannot_be_followed_is_forgotten_and_the_window_begins_again(
    bench: ImportBench, error: AtsError, *, sweep: bool
) -> None:
    wild(bench).raises["candidates", 1] = error

    run = await failing_poll(bench, sweep=sweep)

    assert run.outcome == "partial"
    assert set(await names(bench)) == {"1", "2", "3"}
    assert "import_incomplete" in await alerts(bench)
    wild(bench).raises.clear()
    healed = await bench.poll(sweep=sweep)
    assert (healed.outcome, healed.details["resumed"]) == ("success", False)
    assert await names(bench) == EVERYBODY
    assert "import_incomplete" not in await alerts(bench)


@pytest.mark.parametrize(
    "error", [Unavailable("no answer"), RateLimited("slow down")], ids=["away", "limited"]
)
async def test_an_outage_keeps_the_position_however_long_it_lasts(
    bench: ImportBench, error: AtsError
) -> None:
    wild(bench).raises["candidates", 1] = error
    for _ in range(5):
        await failing_poll(bench)
    wild(bench).raises.clear()
    before = bench.connector.requests_sent

    run = await bench.poll()

    assert run.details["resumed"]
    assert bench.connector.requests_sent - before == 2 + 1
    assert await names(bench) == EVERYBODY


@pytest.mark.parametrize(
    "error",
    [Unavailable("500", status=500), BrokenAnswer("cut short"), KeyError("Ada Lovelace")],
    ids=["500", "broken", "bug"],
)
async def test_a_page_that_fails_again_and_again_does_not_hold_the_list_at_its_spot(
    bench: ImportBench, error: Exception
) -> None:
    wild(bench).raises["candidates", 1] = error
    for _ in range(3):
        with pytest.raises(RunFailed):
            await bench.poll()
    put(bench, "1", name="Changed")
    with pytest.raises(RunFailed):
        await bench.poll()

    assert (await names(bench))["1"] == "Changed"


async def test_a_failing_list_does_not_stop_the_lists_after_it(bench: ImportBench) -> None:
    for person in ids(PEOPLE):
        put(bench, person, list_name="applications", status="new")
    wild(bench).raises["candidates", 1] = UnreadablePage("candidates page 2")

    run = await failing_poll(bench)

    assert (run.outcome, await bench.count("applications")) == ("partial", PEOPLE)


async def test_a_record_without_a_usable_id_is_counted_and_never_stored(bench: ImportBench) -> None:
    wild(bench).nameless = 2

    run = await bench.poll()

    assert (run.outcome, run.details["records_without_id"]) == (
        "success",
        {"candidates": 6, "applications": 2},
    )
    assert await names(bench) == EVERYBODY
    assert await bench.count("failed_records") == 0
    assert await bench.count("candidates_import_log", status="Failed") == 0


async def test_no_one_is_gone_from_a_listing_that_shows_a_record_without_a_usable_id(
    bench: ImportBench,
) -> None:
    await bench.poll()
    bench.connector.ats.drop("candidates", "4")
    wild(bench).nameless = 1

    for _ in range(3):
        await bench.poll(sweep=True, accept_deletions=True)

    assert await names(bench) == EVERYBODY


async def test_a_failed_record_without_an_id_of_an_earlier_release_is_never_read(
    bench: ImportBench,
) -> None:
    store = import_ports(bench.mongo, bench.integration, bench.clock).failed
    await store.add("candidates", "", error="no id", now=START)
    bench.clock.advance(timedelta(hours=1))

    run = await bench.poll()

    assert run.outcome == "success"
    [row] = await bench.rows("failed_records")
    assert row["attempts"] == 1


async def test_a_bug_met_by_one_record_fails_that_record_and_quotes_nothing_of_it(
    bench: ImportBench,
) -> None:
    wild(bench).poison = {"2", "6"}

    run = await bench.poll()

    assert (run.outcome, run.counts.failed) == ("success", 2)
    assert await names(bench) == {p: n for p, n in EVERYBODY.items() if p not in ("2", "6")}
    failed = await bench.rows("failed_records")
    assert {row["external_id"] for row in failed} == {"2", "6"}
    [reason] = {row["error_message"] for row in failed}
    assert reason.startswith("unexpected KeyError at ")


async def test_many_failing_records_open_an_alert_that_ends_with_them(bench: ImportBench) -> None:
    wild(bench).poison = {"1", "2", "3"}
    await bench.poll(sweep=True)
    assert "records_failing" in await alerts(bench)

    wild(bench).poison = set()
    bench.clock.advance(timedelta(hours=7))
    await bench.poll(sweep=True)

    assert await alerts(bench) == set()
    assert await names(bench) == EVERYBODY


class PoisonClearView(MongoCandidateManagement):
    """Meets a bug with one candidate, whatever else is in the batch."""

    async def apply(self, batch: ClearViewBatch) -> ClearViewOutcome:
        if any(c["external_id"] == "2" for c in batch.new_candidates):
            raise RecursionError("Ada")
        return await super().apply(batch)


class PoisonSnapshots(MongoSnapshots):
    """Cannot write one record's snapshot."""

    async def write(
        self, list_name: str, created: Sequence[Snapshot], replaced: Sequence[Snapshot]
    ) -> dict[str, str]:
        if any(s.external_id == "2" for s in created):
            raise OverflowError("Ada")
        return dict(await super().write(list_name, created, replaced))


@pytest.mark.parametrize(("where", "failing_runs"), [("snapshots", 2), ("clearview", 3)])
async def test_a_page_that_failed_twice_is_split_and_its_bad_record_set_aside(
    bench: ImportBench, where: str, failing_runs: int
) -> None:
    """A page that was announced and written counts from the first run that resumes it."""
    ports = import_ports(bench.mongo, bench.integration, bench.clock)
    if where == "snapshots":
        ports = replace(ports, snapshots=PoisonSnapshots(bench.mongo, bench.integration))
    else:
        ports = replace(ports, clearview=PoisonClearView(bench.mongo, bench.integration))
    job = ImportPoll(bench.connector, bench.integration, ports, bench.rules)

    failures = 0
    while failures < 4:
        try:
            run = await job.run(RunRequest(fence=1))
        except RunFailed:
            failures += 1
        else:
            break

    assert (failures, run.outcome) == (failing_runs, "success")
    assert await names(bench) == {p: n for p, n in EVERYBODY.items() if p != "2"}
    [row] = await bench.rows("failed_records")
    assert (row["external_id"], row["error_message"].split()[0]) == ("2", "unexpected")
    bench.clock.advance(timedelta(hours=7))
    await bench.poll()
    assert await names(bench) == EVERYBODY


@pytest.mark.parametrize("page", [0, 2], ids=["before the newer one", "after the newer one"])
async def test_of_two_versions_in_one_walk_the_newest_counts_in_any_order(
    bench: ImportBench, page: int
) -> None:
    old = wild(bench).version("candidates", "5")
    put(bench, "5", name="Newer")
    wild(bench).also_shown["candidates", page] = [old]

    await bench.poll()

    assert (await names(bench))["5"] == "Newer"


@pytest.mark.parametrize("newest_first", [False, True])
async def test_of_two_versions_on_one_page_the_newest_counts_in_any_order(
    bench: ImportBench, *, newest_first: bool
) -> None:
    old = wild(bench).version("candidates", "5")
    put(bench, "5", name="Newer")
    if newest_first:
        new = wild(bench).version("candidates", "5")
        wild(bench).also_shown["candidates", 1] = [new, old]
    else:
        wild(bench).also_shown["candidates", 1] = [old]

    run = await bench.poll()

    assert (run.outcome, (await names(bench))["5"]) == ("success", "Newer")


async def test_an_older_version_in_a_later_walk_is_imported_for_the_ats_went_back(
    bench: ImportBench,
) -> None:
    await bench.poll()
    bench.clock.advance(timedelta(seconds=1))
    bench.connector.ats.put("candidates", "5", stamp=START - timedelta(days=1), name="Restored")

    await bench.poll(sweep=True)

    assert (await names(bench))["5"] == "Restored"


async def test_an_older_version_after_a_known_one_in_the_same_walk_changes_nothing(
    bench: ImportBench,
) -> None:
    old = wild(bench).version("candidates", "1")
    put(bench, "1", name="Newer")
    await bench.poll()
    wild(bench).also_shown["candidates", 2] = [old]
    logged = await bench.count("candidates_import_log")

    run = await bench.poll(sweep=True)

    assert (await names(bench))["1"] == "Newer"
    assert (run.counts.updated, await bench.count("candidates_import_log")) == (0, logged)


def archive(bench: ImportBench, *people: str) -> None:
    for person in people:
        fields = bench.connector.ats.rows["candidates"].pop(person).fields
        put(bench, person, list_name="archived", **fields)


async def test_a_person_who_moves_to_another_list_of_the_same_kind_is_not_gone(
    bench: ImportBench,
) -> None:
    wild(bench).archive = True
    bench.connector.reads_by_id = False
    await bench.poll(sweep=True)
    own = {"_id": candidate_id(bench.integration, "4")}
    await bench.mongo.clearview["candidates"].update_one(own, {"$set": {"title": "Edited"}})
    archive(bench, *ids(5))

    for _ in range(3):
        run = await bench.poll(sweep=True)

    assert (run.counts.deleted, run.details.get("brakes")) == (0, None)
    assert await names(bench) == EVERYBODY
    [row] = await bench.rows("candidates", external_id="4")
    assert row["title"] == "Edited"
    log = await bench.rows("candidates_import_log")
    assert [line["changed_fields"] for line in log if line["change"] != "created"] == []


async def test_no_one_is_gone_while_a_list_of_the_same_kind_cannot_be_read(
    bench: ImportBench,
) -> None:
    wild(bench).archive = True
    bench.connector.reads_by_id = False
    put(bench, "50", list_name="archived", name="P50")
    await bench.poll(sweep=True)
    bench.connector.ats.drop("candidates", "4")
    wild(bench).raises["archived", 0] = UnreadablePage("archived page 1")

    for _ in range(3):
        await failing_poll(bench, sweep=True, accept_deletions=True)

    assert "4" in await names(bench)
    wild(bench).raises.clear()
    for _ in range(3):
        await bench.poll(sweep=True, accept_deletions=True)
    assert "4" not in await names(bench)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("page", "partial"), ("scope", "partial"), ("join", "success"), ("field", "success")],
)
async def test_what_could_not_be_read_is_named_on_the_run_and_in_one_alert(
    bench: ImportBench, kind: Any, outcome: str
) -> None:
    class Passing(WildConnector):
        async def prepare_mapping(self, list_name: str) -> str:
            self.issues.append(ReadIssue(kind, "jobs of 7", "HTTP 502"))
            return ""

    bench.connector = Passing(bench.connector.ats, newest_first=False)

    run = await bench.poll()

    assert run.outcome == outcome
    assert await names(bench) == EVERYBODY
    [stored] = await bench.rows("sync_runs")
    assert stored["details"]["issues"][0]["name"] == "jobs of 7"
    [alert] = await bench.rows("alerts", kind="import_incomplete")
    assert "jobs of 7 (HTTP 502)" in alert["message"]


async def incomplete(bench: ImportBench) -> str | None:
    """The message of the open alert; None if it is resolved."""
    found = await bench.rows("alerts", kind="import_incomplete", resolved_at=None)
    return found[0]["message"] if found else None


async def test_the_alert_of_an_unreadable_field_stays_open_until_its_record_is_mapped_well(
    bench: ImportBench,
) -> None:
    wild(bench).unreadable_fields, wild(bench).unreadable_of = (
        frozenset({"candidate.company"}),
        {"2"},
    )
    await bench.poll()
    put(bench, "5", name="Another")

    idle = await bench.poll()

    assert idle.counts.updated == 1
    assert "candidate.company (in 1 records of candidates)" in (await incomplete(bench) or "")
    put(bench, "2", name="Corrected")
    wild(bench).unreadable_of = set()
    await bench.poll()
    assert await incomplete(bench) is None


async def test_the_alert_of_an_unreadable_field_is_resolved_once_its_record_is_gone(
    bench: ImportBench,
) -> None:
    wild(bench).unreadable_fields, wild(bench).unreadable_of = (
        frozenset({"candidate.company"}),
        {"2"},
    )
    await bench.poll()
    bench.connector.ats.drop("candidates", "2")

    for _ in range(2):
        await bench.poll(sweep=True, accept_deletions=True)

    assert await bench.count("candidates", external_id="2", deleted_at=None) == 0
    assert await incomplete(bench) is None


async def test_a_sweep_maps_all_records_where_too_many_have_an_unreadable_field(
    bench: ImportBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread_fields, "MOST_RECORDS", 2)
    wild(bench).unreadable_fields = frozenset({"candidate.company"})
    await bench.poll()
    wild(bench).unreadable_of = set()
    await bench.poll()
    assert "in 2 or more records" in (await incomplete(bench) or "")

    await bench.poll(sweep=True)

    assert await incomplete(bench) is None


async def test_an_optional_list_that_is_away_empties_nothing_and_fills_in_later(
    bench: ImportBench,
) -> None:
    await bench.poll()
    put(bench, "50", name="New", company="Known to the list")
    put(bench, "1", name="Changed", company="Old")
    wild(bench).join_is_away = True

    await bench.poll()

    people = {row["external_id"]: row for row in await bench.rows("candidates")}
    assert (people["1"]["first_name"], people["1"]["company"]) == ("Changed", "Old")
    assert (people["50"]["first_name"], people["50"]["company"]) == ("New", None)
    wild(bench).join_is_away = False
    await bench.poll(sweep=True)
    [row] = await bench.rows("candidates", external_id="50")
    assert row["company"] == "Known to the list"


async def test_a_field_that_cannot_be_read_keeps_what_is_known_of_it(bench: ImportBench) -> None:
    await bench.poll()
    put(bench, "1", name="Changed", company="Odd")
    wild(bench).unreadable_fields = frozenset({"candidate.company"})

    await bench.poll()

    [row] = await bench.rows("candidates", external_id="1")
    assert (row["first_name"], row["company"]) == ("Changed", "Old")
