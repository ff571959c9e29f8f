"""`doctor`: everything that is wrong or will be, each with what to do."""

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from config.durations import format_duration
from config.mongodb_uri import overruled_options
from config.operator import OperatorConfig
from config.operator_events import EventSink
from config.operator_retention import Retention
from config.settings import Settings, variable
from connectors.connector import Connector
from connectors.errors import AtsError
from connectors.values import StageFacts
from daemon.app.jobs import make_connector
from daemon.app.services import AppServices
from daemon.cli.command_context import services_on
from daemon.cli.session import (
    EXIT_FAILED,
    out,
    run_async,
    settings_for,
    show,
    showing_errors,
    shown_as,
)
from daemon.core.events import SinkAway
from daemon.core.integrations import StoredIntegration
from daemon.core.status_events import StreamInterrupted
from daemon.events.sinks import publisher_of
from daemon.runtime.checked_config import CheckedConfig, load_checked_config
from daemon.runtime.clock import SystemClock
from daemon.runtime.config_sources import combined
from daemon.runtime.supervision import must_pass
from daemon.store.connection import DatabaseError, Mongo
from daemon.store.inspection import inspect_databases
from daemon.stream.change_stream import ApplicationStream
from models.documents import ClearViewApplication
from models.documents.clearview_values import plain_text
from models.errors import UserError
from models.ids import integration_id
from models.status import ApplicationStatus

Verdict = Literal["ok", "note", "bad"]
COLORS = {"ok": "green", "note": "yellow", "bad": "red"}
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

    findings = run_async(lambda: _findings(checked, config))
    show(findings, _show, as_json=as_json)
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(EXIT_FAILED)


async def _findings(checked: CheckedConfig, config: Path | None) -> list[Finding]:
    wanted = checked.loaded.value
    found = [Finding("configuration", "note", str(each)) for each in checked.loaded.warnings]
    today = date.today()  # noqa: DTZ011 - a sunset is a calendar day
    found += [
        Finding(each.integration, "note", each.message) for each in checked.notes(today=today)
    ]
    for entry in wanted.events:
        found += await _guarded(entry.name, _check_sink(entry))
    try:
        settings = settings_for(config)
        found += _check_uris(settings, wanted)
        async with services_on(settings, wanted, prepare=True) as app:
            found += await _guarded("MongoDB", _check_mongo(app, wanted.retention))
            stored = await app.stored.all()
            everything, refused = combined(checked, stored)
            found += _left_out(stored, checked, refused)
            for name, integration in everything.loaded.value.integrations.items():
                if integration.enabled:
                    found += await _guarded(name, _check_integration(name, everything, app))
    except BaseException as error:
        if must_pass(error):
            raise
        found.append(_broken("MongoDB", error))
    return found


def _left_out(
    stored: Sequence[StoredIntegration], file: CheckedConfig, refused: Mapping[str, str]
) -> Iterator[Finding]:
    for one in stored:
        if one.name in file.loaded.value.integrations:
            yield Finding(one.name, "note", "it was added at run time as well; the file wins")
        elif one.name in refused:
            yield Finding(one.name, "bad", refused[one.name])


async def _check_sink(entry: EventSink) -> list[Finding]:
    """Connects to a sink; publishes nothing."""
    try:
        sink = publisher_of(entry, SystemClock())
    except UserError as error:
        return [Finding(entry.name, "bad", f"{error}; {error.remedy}")]
    try:
        return [Finding(entry.name, "ok", await sink.check())]
    except SinkAway as error:
        return [Finding(entry.name, "bad", str(error))]
    finally:
        await sink.close()


async def _guarded(subject: str, check: Awaitable[list[Finding]]) -> list[Finding]:
    """Returns what a check found; one that breaks is a finding, and the others go on."""
    try:
        return await check
    except BaseException as error:
        if must_pass(error):
            raise
        return [_broken(subject, error)]


def _broken(subject: str, error: BaseException) -> Finding:
    shown = shown_as(error)
    return Finding(subject, "bad", f"{shown} -> {shown.remedy}" if shown.remedy else str(shown))


def _check_uris(settings: Settings, config: OperatorConfig) -> Iterator[Finding]:
    """Options that the daemon does not follow."""
    uris = {
        variable("mongodb_uri"): settings.mongodb_uri,
        "clearview.mongodb.uri": config.clearview.mongodb.uri,
    }
    for setting, uri in uris.items():
        options = {} if uri is None else overruled_options(uri.get_secret_value())
        for option, instead in options.items():
            yield Finding(setting, "note", f"{option} is not followed: {instead}")


async def _check_mongo(app: AppServices, retention: Retention) -> list[Finding]:
    mongo = app.mongo
    build = await mongo.client.admin.command("buildInfo")
    version = f"version {build['version']}, a replica set, takes writes"
    found = [Finding(one.where, one.weight, one.words) async for one in inspect_databases(mongo)]
    kept = await _check_retention(app, retention)
    return [Finding("MongoDB", "ok", version), *found, kept, await _check_oplog(mongo)]


async def _check_retention(app: AppServices, wanted: Retention) -> Finding:
    """Shows how long rows are kept, and what the daemon's next start sets."""
    found = await app.retention.inspect(wanted, app.clock.now())
    pending = [one.collection for one in found if not one.is_in_force]
    if pending:
        words = f"not in force yet for {', '.join(pending)}: the daemon's start sets it"
        return Finding("retention", "note", f"{words}, or `ats-sync retention --apply`")
    periods: dict[str, timedelta] = {one.setting: one.wanted for one in found}
    periods["deleted_candidates"] = wanted.deleted_candidates
    kept = ", ".join(f"{name} {format_duration(period)}" for name, period in periods.items())
    return Finding("retention", "ok", f"rows are kept: {kept}")


async def _check_oplog(mongo: Mongo) -> Finding:
    stream = ApplicationStream(mongo.clearview, SystemClock())
    try:
        window = await stream.window_seconds()
        readable = await stream.window_is_readable()
    except (DatabaseError, StreamInterrupted) as error:
        return Finding("oplog", "note", f"its window cannot be read ({type(error).__name__})")
    if not readable:
        words = "it may not be read: no warning comes before a position gets lost; grant find and "
        return Finding("oplog", "note", f"{words}collStats on oplog.rs of the database local")
    if window is None:
        return Finding("oplog", "ok", "it has not been full yet: nothing was ever lost")
    if window < SHORT_WINDOW_S:
        words = f"it reaches back {window / 3600:.1f} h; a longer stop needs a comparison of all"
        return Finding("oplog", "note", words)
    return Finding("oplog", "ok", f"it reaches back {window / 3600:.0f} h")


async def _check_integration(name: str, checked: CheckedConfig, app: AppServices) -> list[Finding]:
    connector = make_connector(app, checked, name)
    await connector.open()
    try:
        await connector.check()
        stages = await connector.stages()
        acting_user = await _check_acting_user(name, connector)
    except AtsError as error:
        return [Finding(name, "bad", f"{type(error).__name__}: {error}")]
    finally:
        await connector.close()
    found = [Finding(name, "ok", f"{connector.ats_name} takes the credential")]
    return [*found, *acting_user, *await _check_stages(name, stages, app.mongo)]


async def _check_acting_user(name: str, connector: Connector) -> list[Finding]:
    """Finds a user who cannot act before the first write is refused."""
    try:
        problem = await connector.acting_user_problem()
    except AtsError as error:
        words = f"the acting user cannot be checked: {type(error).__name__}: {error}"
        return [Finding(name, "note", words)]
    if problem is None:
        return []
    words = f"acting_user {problem}; every write will be refused: name another one in the YAML file"
    return [Finding(name, "bad", words)]


async def _check_stages(name: str, stages: Sequence[StageFacts], mongo: Mongo) -> list[Finding]:
    """Coverage both ways: stages that no status has, and statuses that no stage has."""
    unmapped = {stage.name for stage in stages if stage.status is None}
    counts = await _applications_in(mongo, integration_id(name), unmapped)
    targets = {stage.status for stage in stages if stage.is_push_target}
    targets |= {status for stage in stages for status in stage.stands_in_for}
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
    coarse = {s.name: s.stands_in_for for s in stages if s.stands_in_for}
    if coarse:
        each = "; ".join(f"{', '.join(stood)} to {stage}" for stage, stood in coarse.items())
        words = (
            f"pushed to a stage that says less: {each}; name one in integrations.{name}.statuses"
        )
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
            {"$group": {"_id": plain_text("$stage.name"), "count": {"$sum": 1}}},
        ]
    )
    return {row["_id"]: row["count"] async for row in rows if row["_id"] is not None}


def _show(findings: Sequence[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        verdict = Text(finding.verdict, style=COLORS[finding.verdict])
        table.add_row(verdict, finding.subject, finding.words)
    out.print(table)
    bad = sum(finding.verdict == "bad" for finding in findings)
    out.print(f"{len(findings)} looked at, {bad} bad" if bad else "nothing is wrong")
