"""`doctor`: everything that is wrong or will be, each with what to do."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec
import typer
from msgspec.structs import asdict
from rich.table import Table

from connectors.base import StageFacts
from connectors.errors import AtsError
from daemon.assembly_import import ImportParts
from daemon.checked_config import CheckedConfig, load_checked_config
from daemon.cli.poll import Bench
from daemon.cli.session import (
    EXIT_FAILED,
    database,
    out,
    print_json,
    run_async,
    settings_for,
    showing_errors,
)
from daemon.store.connection import DatabaseError, Mongo
from daemon.stream.change_stream import ApplicationStream
from models.documents import ClearViewApplication
from models.errors import UserError
from models.ids import integration_id
from models.status import ApplicationStatus

Verdict = Literal["ok", "note", "bad"]
MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "bad": "[red]bad[/]"}
SHORT_WINDOW_S = 24 * 3600
PUSHED = [s for s in ApplicationStatus if s.is_open]


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at."""

    subject: str
    verdict: Verdict
    words: str


def doctor(*, config: Path | None = None, as_json: bool = False) -> None:
    """Look at everything; what is bad exits with 1.

    Raises:
        typer.Exit: 1 if anything is bad.
    """
    with showing_errors():
        checked = load_checked_config(settings_for(config).config)

    async def work() -> list[Finding]:
        return [finding async for finding in _look(checked, config)]

    findings = run_async(work)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _show(findings)
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(EXIT_FAILED)


async def _look(checked: CheckedConfig, config: Path | None) -> AsyncIterator[Finding]:
    for warning in checked.loaded.warnings:
        yield Finding("configuration", "note", str(warning))
    for note in checked.notes(today=date.today()):  # noqa: DTZ011 - a sunset is a calendar day
        yield Finding(note.integration, "note", note.message)
    try:
        settings = settings_for(config)
        async with database(settings, checked.loaded.value, prepare=True) as mongo:
            shared = ImportParts(mongo, encryption_key=settings.encryption_key)
            async for finding in _look_at_mongo(mongo):
                yield finding
            for name, wanted in checked.loaded.value.integrations.items():
                if wanted.enabled:
                    for finding in await _look_at_integration(name, checked, shared):
                        yield finding
    except UserError as error:
        yield Finding("MongoDB", "bad", f"{error} {error.remedy}")


async def _look_at_mongo(mongo: Mongo) -> AsyncIterator[Finding]:
    build = await mongo.client.admin.command("buildInfo")
    yield Finding("MongoDB", "ok", f"version {build['version']}, a replica set, takes writes")
    shared = ImportParts(mongo)
    try:
        window = await ApplicationStream(mongo, shared.clock).window_seconds()
    except DatabaseError as error:
        yield Finding("oplog", "note", f"its window cannot be read ({type(error).__name__})")
        return
    if window is None:
        yield Finding("oplog", "ok", "it has not been full yet: nothing was ever lost")
    elif window < SHORT_WINDOW_S:
        words = f"it reaches back {window / 3600:.1f} h; a longer stop needs a comparison of all"
        yield Finding("oplog", "note", words)
    else:
        yield Finding("oplog", "ok", f"it reaches back {window / 3600:.0f} h")


async def _look_at_integration(
    name: str, checked: CheckedConfig, shared: ImportParts
) -> list[Finding]:
    connector = Bench(name, checked, shared).connector()
    await connector.open()
    try:
        await connector.check()
        stages = await connector.stages()
    except AtsError as error:
        return [Finding(name, "bad", f"{type(error).__name__}: {error}")]
    finally:
        await connector.close()
    found = [Finding(name, "ok", f"{connector.ats_name} takes the credential")]
    return [*found, *await _look_at_stages(name, stages, shared.mongo)]


async def _look_at_stages(name: str, stages: Sequence[StageFacts], mongo: Mongo) -> list[Finding]:
    """Coverage both ways: stages that no status has, and statuses that no stage has."""
    unmapped = {stage.name for stage in stages if stage.status is None}
    counts = await _applications_in(mongo, integration_id(name), unmapped)
    targets = {stage.status for stage in stages if stage.is_push_target}
    missing = [status.value for status in PUSHED if status not in targets]
    findings = []
    if unmapped:
        worst = ", ".join(sorted(unmapped, key=lambda s: (-counts.get(s, 0), s))[:8])
        words = (
            f"{len(unmapped)} stages unmapped, {sum(counts.values())} applications: {worst}; "
            f"add them under integrations.{name}.statuses"
        )
        findings.append(Finding(name, "note", words))
    else:
        findings.append(Finding(name, "ok", "every stage has a status"))
    if missing:
        words = f"no stage for {', '.join(missing)}: such a status cannot be pushed"
        findings.append(Finding(name, "note", words))
    return findings


async def _applications_in(mongo: Mongo, integration: UUID, stages: set[str]) -> dict[str, int]:
    rows = await mongo.collection(ClearViewApplication).aggregate(
        [
            {
                "$match": {
                    "integration_id": integration,
                    "deleted_at": None,
                    "stage.name": {"$in": sorted(stages)},
                }
            },
            {"$group": {"_id": "$stage.name", "count": {"$sum": 1}}},
        ]
    )
    return {row["_id"]: row["count"] async for row in rows}


def _show(findings: Sequence[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(MARKS[finding.verdict], finding.subject, finding.words)
    out.print(table)
    bad = sum(finding.verdict == "bad" for finding in findings)
    out.print(f"{len(findings)} looked at, {bad} bad" if bad else "nothing is wrong")
