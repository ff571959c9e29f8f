"""Candidates' files: fetched from the ATS into ClearView, once per content, and deleted with them."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast
from uuid import uuid4

import pytest

from connectors.errors import AuthRefused
from connectors.simulator import Fault, Simulator, create_simulator
from connectors.values import FileRef
from daemon.attachments.poller import AttachmentPoller
from daemon.core.attachments import AttachmentRules, FileFailure
from daemon.store.attachments import MongoFileQueue, integrations_with_files
from daemon.store.connection import Mongo
from tests.support.attachments import FilesBench
from tests.support.waiting import until

pytestmark = pytest.mark.mongo


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    account = create_simulator("greenhouse", candidates=12, unlimited=True)
    account.clock.freeze()
    await account.start()
    yield account
    await account.stop()


@pytest.fixture
async def bench(opened: Mongo, simulator: Simulator) -> AsyncIterator[FilesBench]:
    made = FilesBench(opened, simulator)
    yield made
    await made.close()


async def test_every_file_is_in_clearview_byte_by_byte(bench: FilesBench) -> None:
    bench.give(bench.owners()[0], "cv.docx", "letter.pdf")

    await bench.poll()
    await bench.fetch()

    assert len(bench.owners()) > 2
    assert await bench.wrong() == []
    assert await bench.states() == {"fetched"}
    assert await bench.orphans() == set()
    assert bench.simulator.violations == []


async def test_a_second_fetch_asks_the_ats_for_nothing(bench: FilesBench) -> None:
    await bench.poll()
    await bench.fetch()
    before = sum(bench.simulator.recorder.requests.values())

    await bench.fetch()

    assert sum(bench.simulator.recorder.requests.values()) == before


async def test_an_import_keeps_the_files_of_attachments_that_stay(bench: FilesBench) -> None:
    person = bench.owners()[0]
    bench.give(person, "cv.pdf")
    await bench.poll()
    await bench.fetch()
    kept = await bench.attachments(person)
    bench.simulator.clock.advance(60)
    bench.simulator.actions.add_files(person, ["more.pdf"])

    await bench.poll()
    imported = {each["name"]: each for each in await bench.attachments(person)}

    assert imported["cv.pdf"]["file_id"] == kept[0]["file_id"]
    assert "file_id" not in imported["more.pdf"]

    await bench.fetch()

    assert await bench.wrong() == []


async def test_a_poll_that_shows_new_addresses_only_keeps_files_and_fetches_none(
    bench: FilesBench,
) -> None:
    person = bench.owners()[0]
    await bench.poll()
    await bench.fetch()
    before = await bench.attachments(person)
    bench.simulator.clock.advance(3600)
    bench.simulator.actions.edit_person(person, {"title": "Lead"})
    fetched = bench.simulator.recorder.requests["file"]

    await bench.poll()
    await bench.fetch()
    after = await bench.attachments(person)

    assert before[0]["url"] != after[0]["url"]
    assert before[0]["file_id"] == after[0]["file_id"]
    assert bench.simulator.recorder.requests["file"] == fetched


async def test_an_expired_address_is_read_again(bench: FilesBench) -> None:
    await bench.poll()
    bench.simulator.clock.advance(8 * 86_400)

    await bench.fetch()

    assert await bench.wrong() == []
    assert bench.simulator.recorder.statuses[403] == 0  # the stale address was not even tried


async def test_an_address_that_is_refused_before_its_time_is_read_again(bench: FilesBench) -> None:
    await bench.poll()
    bench.simulator.faults.add(Fault("error", operation="detail", name="file", status=403, count=1))

    await bench.fetch()

    assert await bench.wrong() == []


async def test_a_file_that_is_too_large_is_skipped_and_the_others_are_fetched(
    bench: FilesBench,
) -> None:
    await bench.poll()
    fault = Fault("huge", operation="detail", name="file", megabytes=3, count=1)
    bench.simulator.faults.add(fault)
    bench.rules = AttachmentRules(downloads=True, max_bytes=1024 * 1024)

    await bench.fetch()
    rows = await bench.queue()

    [skipped] = [row for row in rows if row["state"] == "skipped"]
    assert "larger than 1048576 bytes" in skipped["last_error"]
    assert len(await bench.wrong()) == 1
    assert await bench.orphans() == set()


async def test_a_file_on_another_host_is_not_fetched_and_nothing_is_sent_there(
    bench: FilesBench,
) -> None:
    bench.hosts = []
    await bench.poll()

    await bench.fetch()
    rows = await bench.queue()
    alerts = await bench.mongo.own["alerts"].find({"resolved_at": None}).to_list()

    assert {row["state"] for row in rows} == {"dead"}
    assert all("is no file host of Greenhouse" in row["last_error"] for row in rows)
    assert bench.simulator.recorder.requests["file"] == 0
    assert [alert["key"] for alert in alerts] == ["dead_letters:acme:file"]


async def test_a_redirect_to_another_host_is_refused(bench: FilesBench) -> None:
    await bench.poll()
    fault = Fault("redirect", operation="detail", name="file", to="http://127.0.0.1:9/x", count=1)
    bench.simulator.faults.add(fault)

    await bench.fetch()

    assert sorted(row["state"] for row in await bench.queue()).count("dead") == 1
    assert len(await bench.wrong()) == 1


async def test_a_redirect_to_a_known_host_is_followed(bench: FilesBench) -> None:
    person = bench.owners()[0]
    await bench.poll()
    url = (await bench.attachments(person))[0]["url"]
    bench.simulator.faults.add(
        Fault("redirect", operation="detail", name="file", to=url, status=307, count=1)
    )
    for other in bench.owners()[1:]:
        bench.give(other)
    bench.simulator.clock.advance(60)
    await bench.poll()

    await bench.fetch()

    assert await bench.wrong() == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset_mid_body", operation="detail", name="file", count=1),
        Fault("error", operation="detail", name="file", status=503, count=1),
        Fault("web_page", operation="detail", name="file", count=1),
    ],
    ids=lambda fault: fault.kind,
)
async def test_what_fails_for_a_while_is_fetched_later(bench: FilesBench, fault: Any) -> None:
    await bench.poll()
    bench.simulator.faults.add(fault)

    await bench.fetch()
    waiting = [row for row in await bench.queue() if row["state"] == "retrying"]
    unfetched = await bench.wrong()
    bench.simulator.clock.advance(120)
    await bench.fetch()

    assert len(waiting) == len(unfetched) == 1
    assert await bench.wrong() == []
    assert await bench.orphans() == set()


async def test_a_web_page_in_place_of_a_file_is_a_dead_letter_after_a_week(
    bench: FilesBench,
) -> None:
    await bench.poll()
    bench.simulator.faults.add(Fault("web_page", operation="detail", name="file", count=None))

    for _ in range(16):
        await bench.fetch()
        bench.simulator.clock.advance(12 * 3600)
    rows = await bench.queue()

    assert {row["state"] for row in rows} == {"dead"}
    assert {row["last_error"] for row in rows} == {
        "UnwantedContent: the host answered with text/html instead of the file"
    }
    assert await bench.copies() == set()


async def test_the_same_file_of_two_candidates_is_stored_once_until_both_are_gone(
    bench: FilesBench,
) -> None:
    one, two = bench.owners()[:2]
    for person in (one, two):
        bench.give(person, "same.pdf")
    await bench.poll()
    await bench.fetch()
    [first], [second] = await bench.attachments(one), await bench.attachments(two)
    copies = await bench.copies()
    assert first["file_id"] == second["file_id"]

    bench.simulator.clock.advance(60)
    bench.give(one)
    await bench.poll()
    await bench.fetch()
    assert await bench.copies() == copies
    assert await bench.wrong() == []

    bench.simulator.clock.advance(60)
    bench.give(two)
    await bench.poll()
    await bench.fetch()

    assert await bench.copies() == copies - {first["file_id"]}
    assert await bench.orphans() == set()


async def test_files_are_deleted_with_their_candidate_and_fetched_again_if_it_returns(
    bench: FilesBench,
) -> None:
    person = bench.owners()[0]
    await bench.poll()
    await bench.fetch()
    [kept] = await bench.attachments(person)
    world = bench.simulator.world
    applications = {n: world.applications[n] for n in person.applications}
    numbers = list(person.applications)
    bench.simulator.actions.delete_person(person)
    bench.simulator.clock.advance(60)

    await bench.poll(sweep=True, accept_deletions=True)
    await bench.fetch()
    [left] = await bench.attachments(person)

    assert kept["file_id"] not in await bench.copies()
    assert left.keys().isdisjoint({"file_id", "sha256", "size", "content_type"})
    assert await bench.orphans() == set()

    world.people[person.number] = person
    world.applications |= applications
    person.applications[:] = numbers
    world.notify("person", person.number)
    bench.simulator.clock.advance(60)
    await bench.poll(sweep=True)
    await bench.fetch()

    assert await bench.wrong() == []


async def test_only_the_kinds_that_are_wanted_are_fetched(bench: FilesBench) -> None:
    person = bench.owners()[0]
    bench.give(person, "letter.pdf", kind="cover_letter")
    bench.rules = AttachmentRules(downloads=True, kinds=frozenset({"cover_letter"}))

    await bench.poll()
    await bench.fetch()
    [row] = await bench.queue()

    assert row["kind"] == "cover_letter"
    assert len(await bench.copies()) == 1


async def test_other_rules_queue_what_is_known_already(bench: FilesBench) -> None:
    bench.rules = AttachmentRules()
    await bench.poll()
    await bench.fetch()
    assert await bench.queue() == []

    bench.rules = AttachmentRules(downloads=True)
    await bench.fetch()

    assert await bench.wrong() == []


@pytest.mark.parametrize(
    "rules", [AttachmentRules(), AttachmentRules(downloads=True, kinds=frozenset({"other"}))]
)
async def test_what_the_rules_do_not_want_any_more_is_not_fetched_until_they_do(
    bench: FilesBench, rules: AttachmentRules
) -> None:
    bench.give(bench.owners()[0], "cv.pdf", kind="resume")
    await bench.poll()
    before = bench.rules

    bench.rules = rules
    await bench.fetch()
    kinds = {row["kind"]: row["state"] for row in await bench.queue()}
    bench.rules = before
    await bench.fetch()

    assert kinds["resume"] == "skipped"
    assert await bench.wrong() == []


async def test_without_metadata_nothing_is_known_of_files_and_copies_are_deleted(
    bench: FilesBench,
) -> None:
    await bench.poll()
    await bench.fetch()
    await bench.close()
    bench.policy, bench.rules = "none", AttachmentRules()

    await bench.poll(sweep=True)
    await bench.fetch()

    assert all(row["attachments"] == [] for row in await bench.candidates())
    assert await bench.copies() == set()
    assert await bench.queue() == []


async def test_the_job_fetches_when_the_poller_finds_something_due(bench: FilesBench) -> None:
    job, stop = bench.job(), asyncio.Event()
    poller = AttachmentPoller(
        partial(integrations_with_files, bench.mongo),
        bench.clock,
        lambda: {bench.integration: job.wake},
    )

    async def all_fetched() -> bool:
        return await bench.states() == {"fetched"}

    async with asyncio.TaskGroup() as group:
        group.create_task(job.run(stop))
        await bench.poll()
        await poller.poll()
        await until(all_fetched, within=30)
        stop.set()

    assert await bench.wrong() == []


async def test_nothing_is_due_where_everything_is_fetched(bench: FilesBench) -> None:
    due = partial(integrations_with_files, bench.mongo)
    await bench.poll()
    before = await due([bench.integration], bench.clock.now())
    await bench.fetch()

    assert before == {bench.integration}
    assert await due([bench.integration], bench.clock.now()) == frozenset()


async def test_a_former_holder_of_the_lease_changes_no_row(bench: FilesBench) -> None:
    await bench.poll()
    now = bench.clock.now()
    later, former = (
        MongoFileQueue(bench.mongo, bench.integration, fence=fence) for fence in (9, 8)
    )
    file = (await later.due(now=now, limit=1))[0]

    assert await later.begin(file, uuid4(), at=now)
    assert not await former.begin(file, uuid4(), at=now)
    assert not await former.failed(file, FileFailure("dead", "no"), at=now)


async def test_a_file_that_changes_while_it_is_fetched_is_fetched_again(bench: FilesBench) -> None:
    await bench.poll()
    now = bench.clock.now()
    queue = MongoFileQueue(bench.mongo, bench.integration, fence=9)
    file = (await queue.due(now=now, limit=1))[0]
    await bench.mongo.own["attachments_queue"].update_one(
        {"_id": file.id}, {"$set": {"version": "another"}}
    )

    assert not await queue.begin(file, uuid4(), at=now)
    assert len(await queue.due(now=now, limit=1000)) == len(await bench.queue())


async def test_while_the_ats_refuses_the_credential_files_wait(bench: FilesBench) -> None:
    await bench.poll()
    bench.simulator.clock.advance(8 * 86_400)  # every address has to be read again
    bench.simulator.faults.add(Fault("error", operation="any", status=401, count=None))
    await bench.fetch()
    waiting = await bench.states()
    bench.simulator.faults.clear()

    bench.simulator.clock.advance(60)
    await bench.fetch()

    assert waiting == {"pending"}
    assert await bench.wrong() == []


async def test_a_file_for_which_the_credential_is_refused_holds_up_no_other(
    bench: FilesBench,
) -> None:
    await bench.poll()
    [odd, *others] = await bench.queue()
    connector = bench.connector
    fetch_file = connector.fetch_file

    class ForbiddenFile:
        """The account, where one file answers as if the credential were wrong."""

        def __getattr__(self, name: str) -> Any:
            return getattr(connector, name)

        async def fetch_file(self, ref: FileRef, *given: Any, **more: Any) -> Any:
            if ref.attachment_id == odd["external_id"]:
                raise AuthRefused("HTTP 401", status=401)
            return await fetch_file(ref, *given, **more)

    bench._connector = cast("Any", ForbiddenFile())
    states: dict[str, str] = {}
    for _ in range(10):  # each refusal interrupts a file beside it, which the next round completes
        await bench.fetch()
        bench.simulator.clock.advance(61)
        states = {row["_id"]: row["state"] for row in await bench.queue()}
        if list(states.values()).count("fetched") == len(others):
            break

    assert states.pop(odd["_id"]) == "pending"
    assert set(states.values()) == {"fetched"}
    assert len(states) == len(others)


async def test_a_file_of_a_candidate_that_clearview_removed_is_not_kept(bench: FilesBench) -> None:
    await bench.poll()
    person = bench.owners()[0]
    key = bench.simulator.person_key(person)
    await bench.mongo.clearview["candidates"].delete_one({"external_id": key})

    await bench.fetch()
    await bench.fetch()

    assert await bench.orphans() == set()
    assert await bench.states() == {"fetched"}
    assert not any(row["candidate_external_id"] == key for row in await bench.queue())


async def test_an_edit_by_hand_of_an_attachment_stays_when_its_file_is_fetched(
    bench: FilesBench,
) -> None:
    await bench.poll()
    person = bench.owners()[0]
    where = {"external_id": bench.simulator.person_key(person)}
    edit = {"$set": {"attachments.0.note": "read it", "title": "Seen"}}
    await bench.mongo.clearview["candidates"].update_one(where, edit)

    await bench.fetch()
    [found] = await bench.attachments(person)

    assert found["note"] == "read it"
    assert await bench.wrong() == []
