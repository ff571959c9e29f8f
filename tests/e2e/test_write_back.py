"""What an operator asks for beside the status reaches the ATS: notes, e-mails, and what goes with a hire."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]
NOTE = "ClearView: {previous_status} to {status} ({job})"
NAMES = ("greenhouse", "smartrecruiters", "lever")


async def in_stage(bench: Workbench, name: str, status: str) -> list[dict[str, Any]]:
    rows = await bench.documents("applications", name)
    return [row for row in rows if row["status"] == status and row["deleted_at"] is None]


async def set_status(bench: Workbench, row: dict[str, Any], **fields: Any) -> None:
    await bench.clearview["applications"].update_one({"_id": row["_id"]}, {"$set": fields})


async def test_notes_e_mails_and_fields_of_a_hire_reach_the_ats(
    mongo: TestMongo, tmp_path: Path
) -> None:
    hired = {"hired": {"start_date": "custom_fields.first_day"}}
    async with workbench(mongo, tmp_path, names=NAMES, candidates=60) as bench:
        bench.extra = {
            "greenhouse": {"push": {"note": NOTE, "rejection_email": {"template": "31"}}},
            "smartrecruiters": {"push": {"note": NOTE, **hired}},
            "lever": {},
        }
        bench.write_config()
        code, said = await bench.run_once()
        assert code == 0, said
        moved, rejected, *_ = await in_stage(bench, "greenhouse", "screening")
        starts, without, *_ = await in_stage(bench, "smartrecruiters", "new")
        [silent, *_] = await in_stage(bench, "lever", "screening")

        await set_status(bench, moved, status="interview")
        await set_status(bench, rejected, status="rejected")
        await set_status(bench, starts, status="hired", custom_fields={"first_day": "2027-01-04"})
        await set_status(bench, without, status="hired", hired_at=datetime(2026, 12, 1, tzinfo=UTC))
        await set_status(bench, silent, status="interview")
        _, said = await bench.run("plan", "greenhouse", "--json", "--config", str(bench.config))
        planned = {push["application"]: push for push in json.loads(said)["pushes"]}
        for _ in range(2):
            code, said = await bench.run_once()
            assert code == 0, said

        greenhouse, other = bench.simulators["greenhouse"], bench.simulators["smartrecruiters"]
        texts = {note.application: note.body for note in greenhouse.world.notes}
        numbers = {
            row["external_id"]: found.number
            for row in (moved, rejected)
            if (found := greenhouse.find_application(row["external_id"])) is not None
        }
        assert texts == {
            numbers[
                moved["external_id"]
            ]: f"ClearView: screening to interview ({moved['job']['name']})",
            numbers[
                rejected["external_id"]
            ]: f"ClearView: screening to rejected ({rejected['job']['name']})",
        }
        assert len(greenhouse.world.notes) == 2
        assert planned[moved["external_id"]]["note"] == texts[numbers[moved["external_id"]]]
        assert planned[rejected["external_id"]]["requests"][0]["body"]["rejection_email"] == {
            "email_template_id": 31
        }
        assert greenhouse.recorder.emails_sent == 2, "one of them for the move, by rules of the ATS"
        [write] = [w for w in other.writes if w.kind == "status"]
        assert write.body == {"status": "HIRED", "startsOn": "2027-01-04T00:00:00.000Z"}
        [note] = other.world.notes
        assert note.body.startswith(f"ClearView: new to hired ({starts['job']['name']})")
        assert bench.simulators["lever"].world.notes == []
        log = {
            row["application_id"]: row
            for row in await bench.documents("application_status_update_log")
        }
        assert {log[row["_id"]]["note"] for row in (moved, rejected, starts)} == {"made"}
        assert (log[without["_id"]]["outcome"], log[without["_id"]]["reason"]) == (
            "Skipped",
            "impossible",
        )
        assert "push.hired.start_date" in log[without["_id"]]["error_message"]
        assert "note" not in log[silent["_id"]]
        for simulator in bench.simulators.values():
            assert simulator.violations == []
