"""`ats-sync retention` on real documents."""

from datetime import timedelta

import pytest

from daemon.store.connection import Mongo
from models.times import utc_now
from tests.support.command_line import CommandWorld
from tests.support.sample_rows import a_run

pytestmark = pytest.mark.mongo


async def seed(mongo: Mongo) -> None:
    old = utc_now() - timedelta(days=31)
    await mongo.own.sync_runs.insert_one(a_run("acme", started_at=old))


def test_periods_are_shown_and_set(world: CommandWorld) -> None:
    world.store(seed)

    before = world.ats_sync("retention", "--json").json
    shown = world.ats_sync("retention", "--apply")
    after = world.ats_sync("retention", "--json").json

    runs = {one["collection"]: one for one in before["collections"]}["sync_runs"]
    assert (runs["wanted"], runs["in_force"], runs["expired"]) == ("30d", None, 1)
    assert {one["in_force"] for one in after["collections"]} == {"400d", "30d", "90d", "7d"}
    assert "erased after 30d" in shown.out
