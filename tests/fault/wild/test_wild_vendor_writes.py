"""Odd answers to writes by the definitions of the catalog, and what becomes of the status change."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from models.times import utc_now
from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.wild_writes import Says
from tests.support.write_answers import WriteAnswers, write_answers

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]
VENDORS = ("greenhouse", "ashby", "teamtailor", "bamboohr")


@dataclass(frozen=True, slots=True)
class Row:
    """An answer to the writes for one application, and what is seen of its push."""

    vendor: str
    answer: Says
    state: str
    says: str = ""
    """A part of `last_error`."""
    writes: int = 1
    """Of one that waits, the first."""
    is_made: bool = False
    """The ATS has the status."""
    status: str = "interview"
    """As the recruiter sets it."""
    rejected_before: bool = False
    """A colleague at the ATS is faster."""


PAGE = Says(200, "<!doctype html><title>Sign in</title>", "text/html")
NO_REASON = Says(422, '{"errors": [{"message": "This is not available for this job"}]}')
ERRORS = Says(200, '{"errors": [{"message": "Not in this plan"}]}')
MISSING = Says(404, '{"error": "Not found"}')


def made(answer: Says) -> Says:
    return replace(answer, takes_effect=True)


ROWS = {
    # One status, two meanings: the application itself shows which.
    "stage-refused": Row("greenhouse", NO_REASON, "dead", "the application has not moved there: "
                         "This is not available for this job", writes=2),
    "reason-refused": Row("greenhouse", NO_REASON, "dead", "This is not available for this job",
                          status="rejected"),
    "colleague-was-faster": Row("greenhouse", NO_REASON, "skipped", writes=2, rejected_before=True),
    "missing-and-there": Row("greenhouse", MISSING, "dead", "answered 404 although it still has"),
    "confirmed-not-made": Row("greenhouse", Says(204), "delivered"),
    "page": Row("greenhouse", PAGE, "retrying", "a web page instead of JSON"),
    "page-and-made": Row("greenhouse", made(PAGE), "delivered", is_made=True),
    # A body is declared.
    "errors-with-200": Row("ashby", ERRORS, "dead", "refuses this request (answered 200): Not in"),
    "no-success": Row("ashby", Says(200, '{"success": false}'), "dead", "(answered 200)"),
    "empty": Row("ashby", Says(200), "retrying", "answered 200 with an empty body"),
    "empty-and-made": Row("ashby", made(Says(200)), "delivered", is_made=True),
    "errors": Row("teamtailor", ERRORS, "retrying", "does not report success"),
    "accepted-and-made": Row("teamtailor", made(Says(202)), "delivered", is_made=True),
    "empty-of-another": Row("teamtailor", Says(200), "retrying", "an empty body"),
    "refused": Row("bamboohr", NO_REASON, "dead", "(answered 422): This is not available"),
    "redirect-and-made": Row("bamboohr", made(Says(303, headers={"Location": "/done"})), "delivered",
                             is_made=True),
    "unlike-any": Row("bamboohr", Says(200, '{"id": null}'), "retrying", "does not report"),
}  # fmt: skip


@dataclass(slots=True)
class Vendors:
    """The vendors' accounts, and the application of each row."""

    bench: Workbench
    proxies: dict[str, WriteAnswers]
    applications: dict[str, dict[str, Any]]

    async def recruit(self) -> None:
        """A recruiter sets every row's status; from now on its answer is given."""
        for name, row in ROWS.items():
            held = self.applications[name]
            proxy = self.proxies[row.vendor]
            proxy.says[held["external_id"]] = row.answer
            if row.rejected_before:
                proxy.rejected_before.add(held["external_id"])
            await self.bench.clearview["applications"].update_one(
                {"_id": held["_id"]}, {"$set": {"status": row.status}}
            )

    async def seen(self) -> dict[str, Row]:
        """Each row as the outbox and the ATS show it now."""
        found = {}
        for name, row in ROWS.items():
            held = self.applications[name]
            of = {"application_id": held["_id"], "reason": {"$ne": "echo"}}
            pushes = self.bench.own["status_outbox"].find(of).sort("sequence", 1)
            push = (await pushes.to_list())[-1]
            last = push["last_error"] or ""
            there = self.bench.simulators[row.vendor].truth().applications[held["external_id"]]
            found[name] = replace(
                row,
                state=push["state"],
                says=row.says if row.says in last else last,
                writes=row.writes
                if push["state"] == "retrying"
                else self.proxies[row.vendor].writes.count(held["external_id"]),
                is_made=there["status"] == row.status,
            )
        return found

    async def recover(self) -> None:
        """Every ATS answers as it should, and what waits is due."""
        for proxy in self.proxies.values():
            proxy.is_odd = False
        await self.bench.own["status_outbox"].update_many(
            {"state": "retrying"}, {"$set": {"next_attempt_at": utc_now()}}
        )


@pytest.fixture
async def vendors(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Vendors]:
    """Imported accounts, and one open application of another person for each row."""
    async with AsyncExitStack() as stack:
        bench = await stack.enter_async_context(workbench(mongo, tmp_path, VENDORS, candidates=40))
        proxies = {
            name: await stack.enter_async_context(write_answers(simulator))
            for name, simulator in bench.simulators.items()
        }
        bench.extra = {name: {"endpoint": proxy.url} for name, proxy in proxies.items()}
        bench.write_config()
        code, printed = await bench.run_once()
        assert code == 0, printed[-2000:]
        applications: dict[str, dict[str, Any]] = {}
        for vendor in VENDORS:
            open_ones = {
                row["candidate_id"]: row
                for row in await bench.documents("applications", vendor)
                if row["status"] in {"new", "reviewing", "screening"}
            }
            names = [name for name, row in ROWS.items() if row.vendor == vendor]
            applications |= dict(zip(names, open_ones.values(), strict=False))
        yield Vendors(bench, proxies, applications)


async def test_a_write_counts_by_what_each_vendor_declares(vendors: Vendors) -> None:
    await vendors.recruit()

    code, printed = await vendors.bench.run_once()

    assert "Traceback" not in printed
    seen = await vendors.seen()
    assert seen == ROWS, {name: row for name, row in seen.items() if row != ROWS[name]}
    assert code == 1
    alerts = await vendors.bench.own["alerts"].find({"kind": "dead_letters"}).to_list()
    dead = {row.vendor for row in ROWS.values() if row.state == "dead"}
    assert {alert["integration"] for alert in alerts if alert["resolved_at"] is None} == dead

    await vendors.recover()
    await vendors.bench.run_once()

    after = await vendors.seen()
    waited = {name for name, row in ROWS.items() if row.state in {"retrying", "delivered"}}
    assert {name for name in waited if not after[name].is_made} == set()
    assert {after[name].state for name in waited} == {"delivered"}
    made_once = {name for name in waited if ROWS[name].is_made}
    assert {after[name].writes for name in made_once} == {1}
