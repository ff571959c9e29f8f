"""What an edit by hand, a restored backup or a wrong clock leaves in MongoDB, and that no one waits for it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from bson import MaxKey

from models.ids import application_id
from tests.support.mongo import TestMongo
from tests.support.odd_documents import EARLIEST, LATEST
from tests.support.wild import HOSTILE, Sees, wild_bench
from tests.support.wild_writes import DEFINITION, Account, Accounts

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]
NOW = datetime.now(UTC)


def a_lease(expires_at: Any, token: Any = 7) -> dict[str, Any]:
    return {"owner": uuid4(), "lsid": uuid4(), "token": token, "expires_at": expires_at}


def a_position(value: Any, fence: Any = 1) -> dict[str, Any]:
    return {"value": value, "updated_at": NOW, "fence": fence}


LEASES = {
    "lease-ends-in-an-hour": a_lease(NOW + timedelta(hours=1)),
    "lease-ends-in-a-century": a_lease(NOW + timedelta(days=36_500)),
    "lease-ends-with-a-text": a_lease("tomorrow"),
    "lease-ends-never": a_lease(MaxKey()),
    "lease-without-an-end": {"owner": "a name", "token": "seven"},
}
POSITIONS = {
    "position-without-a-value": {"updated_at": NOW},
    "position-of-text": a_position("page 7"),
    "position-of-a-later-holder": a_position({}, fence=2**62),
    "position-with-odd-cursors": a_position({"cursors": ["people"], "walk": {"id": 1}}),
    "position-swept-in-a-century": a_position({"swept_at": NOW + timedelta(days=36_500)}),
}


async def test_odd_leases_and_positions_keep_no_integration_from_its_import(
    mongo: TestMongo, tmp_path: Path
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"rows": [{"id": "1", "name": "Ada"}]})

    async with wild_bench(mongo, tmp_path, answer) as wild:
        for name in (*LEASES, *POSITIONS):
            wild.bench.others[name] = wild.bench.others[HOSTILE]
        wild.bench.write_config(connector_paths=[str(tmp_path / "connectors")])
        for name, row in LEASES.items():
            for work in ("poll", "push"):
                await wild.bench.own["leases"].insert_one({"_id": f"{work}:{name}"} | row)
        for name, row in POSITIONS.items():
            await wild.bench.own["checkpoints"].insert_one({"_id": f"poll:{name}"} | row)
        await wild.bench.own["leases"].insert_one(
            {"_id": "stream:applications"} | a_lease(MaxKey())
        )
        await wild.bench.own["checkpoints"].insert_one({"_id": "stream:applications", "value": 7})

        code, printed = await wild.run_once()

        assert code == 0, printed[-2000:]
        for name in (*LEASES, *POSITIONS):
            assert await wild.sees(code, name) == Sees(exit_code=0, outcome="success"), name
        await wild.assert_neighbour_is_whole()
        swept = await wild.bench.own["checkpoints"].find_one(
            {"_id": "poll:position-swept-in-a-century"}
        )
        assert swept is not None
        assert swept["value"]["swept_at"].replace(tzinfo=UTC) < NOW + timedelta(hours=1)


# Dates that no Python date can be, and that a validator takes for dates.
DATES: dict[str, dict[str, Any]] = {
    "ats_integration_settings": {"created_at": LATEST, "updated_at": EARLIEST},
    "candidate_snapshots": {"seen_at": LATEST},
    "checkpoints": {"updated_at": LATEST},
    "alerts": {"opened_at": EARLIEST},
    "sync_runs": {"finished_at": LATEST},
}
# What is left of a snapshot's applications: no import and no push can use it.
SNAPSHOTS: dict[str, dict[str, Any]] = {
    "applications-of-numbers": {"applications": [7, None]},
    "status-unknown": {"applications.0.status": "parked"},
    "status-of-a-date": {"applications.0.status": LATEST},
}


async def test_a_row_that_cannot_be_read_stops_neither_the_start_nor_an_import(
    mongo: TestMongo, tmp_path: Path
) -> None:
    accounts = Accounts({name: Account([]) for name in ("dates", *SNAPSHOTS)})
    async with wild_bench(mongo, tmp_path, accounts, definition=DEFINITION) as wild:
        accounts.configure(wild)
        await wild.run_once()
        for collection, dates in DATES.items():
            await wild.bench.own[collection].update_many({}, {"$set": dates})
        for name, fields in SNAPSHOTS.items():
            of = {"ats_integration_id": wild.bench.id_of(name)}
            await wild.bench.own["candidate_snapshots"].update_many(of, {"$set": fields})
        for account in accounts.accounts.values():
            account.move("a1", "s-offer")

        code, printed = await wild.run_once()

        assert code == 0, printed[-2000:]
        for name in accounts.accounts:
            assert await status_of(wild.bench.clearview, wild.bench.id_of(name)) == "offer", name
        await wild.assert_neighbour_is_whole()
        for command in (("status",), ("alerts", "list"), ("outbox", "list")):
            code, printed = await wild.bench.run(*command, "--config", str(wild.bench.config))
            assert (code, "Traceback" in printed) == (0, False), (command, printed[-2000:])


async def status_of(clearview: Any, integration: UUID) -> str:
    [row] = await clearview["applications"].find(
        {"_id": application_id(integration, "a1")}
    ).to_list()  # fmt: skip
    return str(row["status"])
