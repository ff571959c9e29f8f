"""kill -9 at seeded moments of an import and of the fetching of its files.

Afterwards ClearView has every file of the account byte by byte, and neither a copy nor a chunk that
no attachment names. `FAULT_POINTS=all` visits every moment.
"""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator import Simulator, create_simulator
from daemon.store.connection import Mongo
from tests.support.attachments import FilesBench
from tests.support.killing import EVERY_POINT

pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(600)]

POINTS = 4
SEED = 20261129
DAY_S = 86_400
ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Child:
    """The fork server, and the account that its children talk to."""

    process: asyncio.subprocess.Process
    where: dict[str, str]

    async def send(self, do: str, account: Simulator | None = None, **more: Any) -> dict[str, Any]:
        facts = None if account is None else _facts(account)
        command = {**self.where, "do": do, "account": facts, **more}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self.process.stdout.readline())
        assert answer["killed"] or answer["status"] == 0, f"{do}: {answer}"
        return answer


def _facts(account: Simulator) -> dict[str, Any]:
    return {
        "NAME": account.NAME,
        "url": account.url,
        "file_origin": account.file_origin,
        "credentials": account.credentials,
        "options": account.options,
        "acting_user": account.acting_user,
        "now_ms": account.clock.now_ms(),
    }


@pytest.fixture
async def child(opened: Mongo, mongo: Any) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.file_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    where = {
        "uri": mongo.uri,
        "database": opened.database,
        "clearview": opened.clearview_database,
    }
    yield Child(process, where)
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


async def _killed(
    child: Child, mongo: Mongo, vendor: str, kill: tuple[str, int] | None
) -> dict[str, Any]:
    """A day of changes whose import and fetching are killed, and finished by another process."""
    account = create_simulator(vendor, candidates=6, unlimited=True)
    account.clock.freeze()
    await account.start()
    try:
        bench = FilesBench(mongo, account)
        one, two, three = bench.owners()[:3]
        bench.give(one, "same.pdf", "old.pdf")
        bench.give(two, "same.pdf", "letter.docx")
        await child.send("first", account)
        assert await bench.wrong() == []
        account.clock.advance(DAY_S)
        bench.give(one, "new.pdf", "letter.docx")
        account.actions.add_files(two, ["more.pdf"])
        account.actions.delete_person(three)

        answer = await child.send("second", account, kill=kill)
        assert answer["killed"] is (kill is not None), kill
        account.clock.advance(3600)
        await child.send("finish", account)

        assert await bench.wrong() == [], kill
        assert await bench.orphans() == set(), kill
        assert await bench.states() == {"fetched"}, kill
        return answer
    finally:
        await account.stop()


@pytest.mark.parametrize("vendor", ["greenhouse", "lever"])
async def test_fetching_that_is_killed_ends_in_the_truth_without_a_trace(
    child: Child, opened: Mongo, vendor: str
) -> None:
    """Lists show the files of one, and details read in the background those of the other."""
    moments = (await _killed(child, opened, vendor, None))["answer"]
    every = [(kind, n) for kind in ("before", "after") for n in range(1, moments[kind] + 1)]
    chosen = every
    if not EVERY_POINT:
        chosen = random.Random(SEED).sample(every, POINTS)

    for kill in chosen:
        await _killed(child, opened, vendor, kill)

    print(f"{len(chosen)} of {len(every)} moments")
