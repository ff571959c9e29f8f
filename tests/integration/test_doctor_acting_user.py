"""`doctor` finds an acting user who cannot act, before the first write is refused."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]
WITH_USERS = ("greenhouse", "lever", "workable")


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, names=WITH_USERS, candidates=10) as opened:
        yield opened


async def doctor(bench: Workbench) -> tuple[int, str]:
    return await bench.run("doctor", "--config", str(bench.config))


async def test_a_user_of_the_account_who_is_active_is_no_finding(bench: Workbench) -> None:
    _, printed = await doctor(bench)

    assert "acting_user" not in printed


async def test_a_deactivated_user_is_found(bench: Workbench) -> None:
    simulator = bench.simulators["lever"]
    for number, user in simulator.world.users.items():
        simulator.world.users[number] = replace(user, deactivated_ms=1_790_000_000_000)

    code, printed = await doctor(bench)

    assert code == 1
    assert "acting_user is deactivated at the ATS" in " ".join(printed.split())


async def test_a_user_of_another_account_is_found(bench: Workbench) -> None:
    bench.extra = {"workable": {"acting_user": "4f4f4f"}, "lever": {"acting_user": "no-such-user"}}
    bench.write_config()

    code, printed = await doctor(bench)

    assert code == 1
    assert " ".join(printed.split()).count("acting_user is no user of this account") == 2
