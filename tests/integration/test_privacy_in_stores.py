"""What an integration's `privacy` keeps out is in no collection, nor what was there before after the next poll."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from pydantic import SecretStr

from config.operator import Privacy
from connectors.simulator import Simulator, create_simulator
from daemon.store.connection import Mongo
from tests.support.ats import connect
from tests.support.fake_ats import START, FakeConnector
from tests.support.importing import ImportBench
from tests.support.mongo import stored_names
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo
PRIVACY = Privacy(
    drop=["phones", "addresses", "last_name"], hash=["emails"], key=SecretStr("a key of hashes")
)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    account = create_simulator("greenhouse", candidates=6, unlimited=True)
    await account.start()
    yield account
    await account.stop()


async def everything(mongo: Mongo, *, history: bool = True) -> str:
    """Every document of both databases, as text; without `history`, only what is so now."""
    if not history:
        await mongo.own["candidate_snapshots"].update_many({}, {"$unset": {"previous": ""}})
    found = []
    for database in (mongo.own, mongo.clearview):
        for name in await stored_names(database):
            if history or name != "candidate_changes":
                found += await database[name].find().to_list()
    return str(found)


def of_people(simulator: Simulator) -> list[str]:
    truth = list(simulator.truth().candidates.values())
    kept_out = [str(one["last_name"]) for one in truth]
    for one in truth:
        for field in ("emails", "phones", "addresses"):
            kept_out += [point["value"] for point in cast("Any", one)[field]]
    return kept_out


async def polled(mongo: Mongo, simulator: Simulator, privacy: Privacy) -> None:
    connector = connect(simulator, privacy=privacy)
    await ImportBench(mongo, cast("FakeConnector", connector), MovingClock(START)).poll(sweep=True)
    await connector.close()


async def test_dropped_and_hashed_values_are_stored_nowhere(
    opened: Mongo, simulator: Simulator
) -> None:
    kept_out = of_people(simulator)
    await polled(opened, simulator, PRIVACY)

    stored = await everything(opened)
    assert len(kept_out) > 12
    assert [value for value in kept_out if value in stored] == []
    assert "hmac:" in stored


async def test_what_was_stored_before_is_gone_after_the_next_poll(
    opened: Mongo, simulator: Simulator
) -> None:
    kept_out = of_people(simulator)
    await polled(opened, simulator, Privacy())
    before = await everything(opened)
    await polled(opened, simulator, PRIVACY)

    stored = await everything(opened, history=False)
    assert all(value in before for value in kept_out)
    assert [value for value in kept_out if value in stored] == []
