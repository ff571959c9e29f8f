"""kill -9 of the whole daemon while it reads details, fetches files and applies webhook events at once.

Afterwards ClearView equals the account, files byte by byte, and a file's bytes are in GridFS alone.
"""

import hashlib
import itertools
import json
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.simulator import Simulator
from connectors.simulator.commands import run_command
from daemon.store.connection import Mongo
from tests.support.ats_sync import RunningDaemon, Workbench, workbench
from tests.support.attachments import FilesBench
from tests.support.mongo import TestMongo, stored_names
from tests.support.waiting import until
from tests.support.webhook_senders import SECRET

pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 5
SEED = 20261129
NAME = "lever"
CANARY_FILE = "canary.pdf"
CANARY = hashlib.sha256(CANARY_FILE.encode()).hexdigest()
"""A text that the file has inside, and that is neither its name nor the digest of its bytes."""


@pytest.fixture
async def bench(prepared_mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    """An account with three requests of details for each record, slow enough to be met at work."""
    options = {"candidates": 14, "latency_s": 0.02}
    async with workbench(prepared_mongo, tmp_path, names=[NAME], **options) as opened:
        simulator = opened.simulators[NAME]
        opened.extra[NAME] = {
            "attachments": {"policy": "download"},
            "credentials": {**simulator.credentials, "webhook_secret": SECRET},
            "poll": {"every": "10s", "sweep_every": "10m"},
        }
        opened.write_config()
        yield opened


class Account:
    """What happens in the account: files for everyone, and an event about someone at a time."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._chance = random.Random(SEED)
        self._number = itertools.count()

    def spread_files(self) -> None:
        for person in self.simulator.world.people.values():
            self.simulator.actions.add_files(person, [f"file-{next(self._number)}.pdf"])
        first = next(iter(self.simulator.world.people.values()))
        self.simulator.actions.add_files(first, [CANARY_FILE])

    def announce_a_move(self) -> None:
        keys = list(self.simulator.truth().applications)
        command = {"kind": "move", "application": self._chance.choice(keys), "event": "twice"}
        run_command(self.simulator, command)


async def under_way(bench: Workbench) -> tuple[int, int, int]:
    """Details that wait, files that wait, and events that wait."""
    own = bench.own
    return (
        await own.candidate_snapshots.count_documents({"detail_due_at": {"$type": "date"}}),
        await own.attachments_queue.count_documents({"state": {"$in": ["pending", "stored"]}}),
        await own.webhook_events.count_documents({"state": "pending"}),
    )


async def listen(account: Account, daemon: RunningDaemon) -> None:
    port = json.loads(await daemon.heard("http_listening"))["port"]
    if account.simulator.webhooks is not None:
        await account.simulator.webhooks.close()
    account.simulator.send_webhooks(f"http://127.0.0.1:{port}/webhooks/{NAME}", SECRET)


async def killed_with_all_under_way(bench: Workbench, account: Account) -> list[str]:
    """Kills a daemon at a moment at which all three wait to be finished; what it has said."""

    async def all_at_once() -> bool:
        account.announce_a_move()
        return min(await under_way(bench)) > 0

    async with bench.daemon() as daemon:
        await listen(account, daemon)
        account.spread_files()
        await until(all_at_once, within=60)
        await daemon.stop(signal.SIGKILL)
    return daemon.lines


async def test_details_files_and_events_that_are_killed_together_end_in_the_truth(
    bench: Workbench, opened: Mongo
) -> None:
    simulator = bench.simulators[NAME]
    account, files = Account(simulator), FilesBench(opened, simulator)
    said: list[str] = []
    for _ in range(KILLS):
        said += await killed_with_all_under_way(bench, account)

    async def finished() -> bool:
        return await under_way(bench) == (0, 0, 0) and await statuses(bench) == wanted(simulator)

    async with bench.daemon() as daemon:
        await listen(account, daemon)
        await until(finished, within=120)
    said += daemon.lines

    candidates = await bench.documents("candidates")
    log = await bench.documents("candidates_import_log")
    assert {row["external_id"] for row in candidates} == set(simulator.truth().candidates)
    assert [row["change"] for row in log].count("created") == len(candidates)
    assert await files.wrong() == []
    assert await files.orphans() == set()
    assert await files.states() == {"fetched"}
    assert await stored_with_canary(bench) == {"attachments.chunks"}
    assert not any(CANARY in line for line in said)
    assert simulator.violations == []


def wanted(simulator: Simulator) -> dict[str, object]:
    return {key: each["status"] for key, each in simulator.truth().applications.items()}


async def statuses(bench: Workbench) -> dict[str, object]:
    return {row["external_id"]: row["status"] for row in await bench.documents("applications")}


async def stored_with_canary(bench: Workbench) -> set[str]:
    return {
        name
        for database in (bench.own, bench.clearview)
        for name in await stored_names(database)
        for row in await database[name].find().to_list()
        if CANARY in repr(row)
    }
