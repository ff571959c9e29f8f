"""An integration whose ATS misbehaves, a healthy neighbour, and what the operator sees of both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.tiny_ats import Answer, TinyAts, definition_text, tiny_ats

HOSTILE = "hostile"
HEALTHY = "lever"


@dataclass(frozen=True, slots=True)
class Sees:
    """What the operator sees after one command: a row of the tables in `tests/fault/wild`."""

    exit_code: int
    outcome: str
    """Of the integration's latest `sync_runs` document."""
    alerts: tuple[str, ...] = ()
    """Kinds of the integration's open alerts, sorted."""
    state: str = "active"
    """In `ats_integration_settings`."""
    says: str = ""
    """A part of the run's error message; empty: the run has none."""


@dataclass(frozen=True, slots=True)
class WildBench:
    """The workbench with one integration more, whose ATS a test writes."""

    bench: Workbench
    ats: TinyAts

    async def run_once(self) -> tuple[int, str]:
        """The exit code and everything printed; a traceback fails the test."""
        code, printed = await self.bench.run_once()
        assert "Traceback" not in printed, printed[-3000:]
        return code, printed

    async def sees(self, exit_code: int, name: str = HOSTILE, job: str = "import_poll") -> Sees:
        """What Mongo's collections say of an integration now."""
        own = self.bench.own
        of = {"ats_integration_id": self.bench.id_of(name)}
        [run] = await own["sync_runs"].find(of | {"job": job}).sort("started_at", -1).to_list(1)
        alerts = own["alerts"].find({"integration": name, "resolved_at": None})
        settings = await own["ats_integration_settings"].find_one({"name": name})
        assert settings is not None
        return Sees(
            exit_code=exit_code,
            outcome=run["outcome"],
            alerts=tuple(sorted([alert["kind"] async for alert in alerts])),
            state=settings["state"],
            says=run.get("error_message") or "",
        )

    async def assert_sees(self, expected: Sees) -> None:
        """Run once; the operator sees this, and the neighbour has everything."""
        code, printed = await self.run_once()
        seen = await self.sees(code)

        assert expected.says in seen.says, (seen, printed[-2000:])
        assert (seen.exit_code, seen.outcome, seen.alerts, seen.state) == (
            *(expected.exit_code, expected.outcome, expected.alerts, expected.state),
        ), (seen, printed[-2000:])
        await self.assert_neighbour_is_whole()

    async def assert_neighbour_is_whole(self) -> None:
        """The healthy integration has imported everybody."""
        truth = self.bench.simulators[HEALTHY].truth()
        people = await self.bench.documents("candidates", HEALTHY)

        assert {row["external_id"] for row in people} == set(truth.candidates)

    async def people(self) -> dict[str, dict[str, Any]]:
        """The hostile integration's candidates in ClearView, by external id."""
        rows = await self.bench.documents("candidates")
        own = self.bench.id_of(HOSTILE)
        return {row["external_id"]: row for row in rows if row["integration_id"] == own}


@asynccontextmanager
async def wild_bench(
    mongo: TestMongo,
    folder: Path,
    answer: Answer,
    *,
    definition: str | None = None,
    credentials: dict[str, str] | None = None,
    **operator: Any,
) -> AsyncIterator[WildBench]:
    """`answer` serves the hostile ATS; `definition` is its connector (see `definition_text`).

    `operator` are further keys of the integration in the YAML file.
    """
    connectors = folder / "connectors"
    connectors.mkdir()
    (connectors / "tiny.yaml").write_text(definition or definition_text())
    async with (
        tiny_ats(answer) as ats,
        workbench(mongo, folder, [HEALTHY], candidates=5) as bench,
    ):
        hostile = {
            "connector": "tiny",
            "endpoint": ats.url,
            "credentials": credentials or {"key": "secret-key"},
            "poll": {"every": "10s"},
        }
        bench.others[HOSTILE] = hostile | operator
        bench.write_config(connector_paths=[str(connectors)])
        yield WildBench(bench, ats)
