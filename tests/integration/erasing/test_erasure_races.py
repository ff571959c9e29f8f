"""An erasure that is requested while a run or a push is writing: the second one cleans up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from config.encryption_key import encryption_keys
from daemon.core.erasure import PersonIds
from daemon.core.integrations import IntegrationRef
from daemon.core.pushes import AtsMove, OpenPush, OutboxRow, PushEnded
from daemon.core.runs import RunRequest
from daemon.core.service_errors import ServiceFailed
from daemon.core.status_events import StatusEvent
from daemon.erasing.requests import PersonRequest
from daemon.jobs.import_poll import ImportFailed, ImportPoll
from daemon.store.analytics_values import MongoSentValues
from daemon.store.connection import Mongo
from daemon.store.delivery_queue import MongoDeliveryQueue
from daemon.store.outbox import MongoOutbox
from daemon.store.secret_encryption import Keyring
from models.candidate import AtsRef
from models.ids import application_id, candidate_id, derived_id
from models.status import ApplicationStatus
from tests.support.canary import (
    ACME,
    APPLICATION,
    EMAIL,
    FIELDS,
    PERSON,
    CanaryConnector,
    an_ats,
    fill,
    traces,
)
from tests.support.erasing import erasing
from tests.support.importing import ImportBench, import_ports
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo
BY_ID = PersonRequest(candidate=PERSON)
Action = Callable[[], Awaitable[object]]


@dataclass
class Interrupted:
    """A port of which one method is preceded, or followed, by an action."""

    inner: Any
    method: str
    when: str
    action: Action
    calls: int = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name != self.method:
            return found

        async def interrupted(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.when == "before":
                await self.action()
            answer = await found(*args, **kwargs)
            if self.when == "after":
                await self.action()
            return answer

        return interrupted


@pytest.fixture
async def bench(opened: Mongo) -> ImportBench:
    bench = ImportBench(opened, CanaryConnector(an_ats()), MovingClock())
    bench.ruled(max_percent=100.0)
    return bench


async def erase(bench: ImportBench, wanted: PersonRequest = BY_ID) -> None:
    its = erasing(bench.mongo, bench.clock)
    requests = its.requests()
    assert await requests.erase(wanted) is not None


async def poll_with(
    bench: ImportBench, port: str, interrupted: Interrupted, **request: Any
) -> None:
    ports = import_ports(bench.mongo, bench.integration, bench.clock)
    interrupted.inner = getattr(ports, port)
    job = ImportPoll(
        bench.connector, bench.integration, replace(ports, **{port: interrupted}), bench.rules
    )
    await job.run(RunRequest(fence=bench.fence, **request))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("port", "method"),
    [
        ("checkpoints", "save"),
        ("snapshots", "write"),
        ("clearview", "apply"),
        ("history", "record"),
    ],
)
@pytest.mark.parametrize("occasion", ["edited", "with a new application"])
async def test_a_page_that_was_under_way_brings_no_one_back(
    bench: ImportBench, port: str, method: str, when: str, occasion: str
) -> None:
    await fill(bench)
    ats = bench.connector.ats
    ats.tick()
    ats.put("candidates", PERSON, **{**FIELDS, "title": "Again"})
    if occasion == "with a new application":
        ats.put("applications", "7730003", person=PERSON, status="new")
    interrupted = Interrupted(None, method, when, lambda: erase(bench))

    await poll_with(bench, port, interrupted)

    assert interrupted.calls >= 1
    assert await traces(bench.mongo) == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_deletion_that_was_under_way_logs_no_one(bench: ImportBench, when: str) -> None:
    await fill(bench)
    bench.connector.ats.drop("candidates", PERSON)
    bench.connector.ats.drop("applications", APPLICATION)
    interrupted = Interrupted(None, "record", when, lambda: erase(bench))

    await poll_with(bench, "history", interrupted, sweep=True)
    await bench.poll(sweep=True)

    assert interrupted.calls >= 1
    assert await traces(bench.mongo) == []


async def test_an_interrupted_page_is_finished_without_the_erased_person(
    bench: ImportBench,
) -> None:
    await fill(bench)
    ats = bench.connector.ats
    ats.tick()
    ats.put("candidates", PERSON, **{**FIELDS, "title": "Again"})

    async def fail() -> None:
        raise ConnectionError("killed here")

    for _ in range(2):
        with pytest.raises(ImportFailed):
            await poll_with(bench, "clearview", Interrupted(None, "apply", "before", fail))
    await erase(bench)
    await bench.poll()

    assert await traces(bench.mongo) == []


async def test_a_record_that_fails_again_while_it_is_erased_is_not_kept(
    bench: ImportBench,
) -> None:
    await bench.poll(sweep=True)
    bench.connector.ats.broken.add(PERSON)
    bench.connector.ats.tick()
    bench.connector.ats.put("candidates", PERSON, **FIELDS)
    interrupted = Interrupted(None, "add", "before", lambda: erase(bench))

    await poll_with(bench, "failed", interrupted)
    await bench.poll(sweep=True)

    assert interrupted.calls >= 1
    assert await traces(bench.mongo) == []


def an_event() -> OutboxRow:
    event = StatusEvent(
        event_id="e1",
        sequence="1",
        application_id=application_id(ACME, APPLICATION),
        at=MovingClock().now(),
        status=ApplicationStatus.OFFER,
        integration_id=ACME,
        external_id=APPLICATION,
        candidate_id=None,
    )
    return OutboxRow(
        id=application_id(ACME, "push"),
        event=event,
        state="skipped",
        status=ApplicationStatus.OFFER,
        reason="echo",
    )


async def test_an_event_that_arrives_late_leaves_no_row(bench: ImportBench) -> None:
    await fill(bench)
    outbox = MongoOutbox(bench.mongo, erased=erasing(bench.mongo, bench.clock).erased)
    await erase(bench)

    await outbox.add([an_event()], at=bench.clock.now())

    assert await traces(bench.mongo) == []


def a_push() -> OpenPush:
    at = MovingClock().now()
    return OpenPush(
        id=derived_id(ACME, "push"),
        event_id="e1",
        sequence="1",
        application_id=application_id(ACME, APPLICATION),
        candidate_id=candidate_id(ACME, PERSON),
        external_id=APPLICATION,
        status=ApplicationStatus.OFFER,
        stage=None,
        rejection_reason=None,
        expected_status=ApplicationStatus.NEW,
        state="in_flight",
        attempts=1,
        next_attempt_at=at,
        first_attempt_at=at,
        sent_at=at,
        changed_at=at,
    )


async def test_a_push_that_ends_late_leaves_no_row(bench: ImportBench) -> None:
    await fill(bench)
    its = erasing(bench.mongo, bench.clock)
    queue = MongoDeliveryQueue(
        bench.mongo, IntegrationRef("acme", ACME), fence=1, erased=its.erased
    )
    nowhere = AtsRef(external_id=None, name=None)
    move = AtsMove(
        ApplicationStatus.NEW, nowhere, None, ApplicationStatus.OFFER, nowhere, None, PERSON
    )
    end = PushEnded(a_push(), "delivered", ApplicationStatus.NEW, bench.clock.now(), 1, moved=move)
    await erase(bench)

    await queue.record([end])

    assert await traces(bench.mongo) == []


async def test_one_who_is_known_by_an_erased_address_is_refused_by_the_id_from_then_on(
    bench: ImportBench,
) -> None:
    """A list need not show the address: details do, later."""
    await fill(bench)
    await erase(bench, PersonRequest(email=EMAIL))
    erased = erasing(bench.mongo, bench.clock).erased
    await erased.refresh()

    await erased.erase_again(PersonIds(ACME, frozenset({"88"})), {EMAIL.lower()})
    await erased.erase_again(PersonIds(ACME, frozenset({"89"})), {"other@example.org"})
    await erased.refresh()

    held = [erased.holds(candidate_id(ACME, external_id)) for external_id in ("88", "89")]
    assert held == [True, False]


async def test_a_value_that_is_recorded_late_leaves_no_row(bench: ImportBench) -> None:
    await fill(bench)
    its = erasing(bench.mongo, bench.clock)
    values = MongoSentValues(bench.mongo, bench.clock, erased=its.erased)
    await erase(bench)

    await values.remember(ACME, application_id(ACME, APPLICATION), "score", "5")

    assert await traces(bench.mongo) == []


def keyring(text: str) -> Keyring:
    return Keyring(encryption_keys(text))


OLD, NEW = "a passphrase of old", "another passphrase"


async def test_the_key_of_the_hashes_is_encrypted_and_survives_a_change_of_keys(
    bench: ImportBench,
) -> None:
    await fill(bench)
    plain = await erasing(bench.mongo, bench.clock).receipts.hasher()
    row = await bench.mongo.own.data_keys.find_one({})
    assert row is not None
    assert row["key_id"] is None

    found = [
        await erasing(bench.mongo, bench.clock, keyring(text)).receipts.hasher()
        for text in (OLD, f"{NEW},{OLD}", NEW)
    ]
    again = await bench.mongo.own.data_keys.find_one({})

    assert {one.of_id(ACME) for one in found} == {plain.of_id(ACME)}
    assert again is not None
    assert again["key_id"] == keyring(NEW).key_id
    assert again["sealed"] != row["sealed"]


async def test_nothing_is_imported_while_the_key_of_the_hashes_is_missing(
    bench: ImportBench,
) -> None:
    await fill(bench)
    await erasing(bench.mongo, bench.clock, keyring(OLD)).receipts.hasher()
    await erasing(bench.mongo, bench.clock, keyring(OLD)).receipts.announce()

    with pytest.raises(ImportFailed) as failed:
        await bench.poll()

    assert isinstance(failed.value.cause, ServiceFailed)
    assert "ATS_SYNC_ENCRYPTION_KEY does not hold" in str(failed.value)
