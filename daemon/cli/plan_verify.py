"""`ats-sync verify` and `ats-sync plan`: both look at everything and write nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import typer
from msgspec.structs import asdict
from yarl import URL

from connectors.connector import Connector
from connectors.errors import AtsError
from connectors.values import ApplicationRef, PushTarget, Steps
from daemon.app.jobs import import_ports, reconciliation
from daemon.cli.command_context import CommandContext, command_context, open_services
from daemon.cli.session import EXIT_FAILED, err, out, print_json, run_async, shown_as
from daemon.cli.verify import drift_data, preview_data, render_drift, render_preview
from daemon.core.integrations import IntegrationRef
from daemon.core.push_decision import PushRules
from daemon.core.push_note import hired_content, note_of
from daemon.core.pushes import OpenPush
from daemon.core.verification import Drift
from daemon.importing.preview import Preview
from daemon.importing.verify import Verification
from daemon.jobs.rules import import_rules, push_rules
from daemon.pushing.wakeup_queue import push_of_row
from daemon.runtime.config_sources import combined
from daemon.runtime.supervision import must_pass
from daemon.store.clearview_reader import MongoClearViewApplications, MongoClearViewReader
from daemon.store.delivery_queue import MongoDeliveryQueue
from daemon.store.known_applications import MongoKnownApplications
from daemon.store.snapshots import MongoSnapshots
from models.errors import UserError

T = TypeVar("T")

MOST_PUSHES = 200


def verify(name: str, *, config: Path | None = None, as_json: bool = False) -> None:
    """Compare the ATS, the snapshots and ClearView completely.

    Raises:
        typer.Exit: 1 if they differ.
    """

    async def work() -> int:
        async with command_context(name, config, prepare=False) as on:
            return await _verify(on, as_json=as_json)

    if run_async(work):
        raise typer.Exit(EXIT_FAILED)


async def _verify(on: CommandContext, *, as_json: bool) -> int:
    rules = import_rules(on.checked.loaded.value.integrations[on.name])
    async with on.connected() as (connector, _):
        check = Verification(
            connector,
            MongoSnapshots(on.app.mongo, on.id),
            MongoClearViewReader(on.app.mongo, on.id),
            deletions=rules.deletions,
            own_field=rules.own_field,
            erased=on.app.erased,
        )
        found: list[Drift] = [item async for item in _read(check.differences())]
    if as_json:
        print_json(drift_data(on.name, found, check.counts))
    else:
        render_drift(out, on.name, found, check.counts)
    return check.counts.drift


def plan(name: str | None, *, config: Path | None = None, as_json: bool = False) -> None:
    """Shows what the next poll and the next pushes would change.

    Raises:
        typer.Exit: 1 if an integration could not be looked at.
    """

    async def work() -> list[dict[str, Any]]:
        if name is None:
            return await _all_planned(config, as_json=as_json)
        async with command_context(name, config, prepare=False) as on:
            return [await _plan(on, as_json=as_json)]

    plans = run_async(work)
    if as_json:
        print_json(plans[0] if name is not None else plans)
    if any("error" in one for one in plans):
        raise typer.Exit(EXIT_FAILED)


async def _all_planned(config: Path | None, *, as_json: bool) -> list[dict[str, Any]]:
    async with open_services(config, prepare=False) as (file, app):
        checked, refused = combined(file, await app.stored.all())
        plans = [_not_planned(name, problem) for name, problem in refused.items()]
        for name, wanted in checked.loaded.value.integrations.items():
            if wanted.enabled:
                on = CommandContext(name, checked, app)
                plans.append(await _planned_or_why_not(on, as_json=as_json))
        return plans


async def _planned_or_why_not(on: CommandContext, *, as_json: bool) -> dict[str, Any]:
    """One integration that cannot be looked at keeps no other from being shown."""
    try:
        return await _plan(on, as_json=as_json)
    except BaseException as error:
        if must_pass(error):
            raise
        shown = shown_as(error)
        return _not_planned(on.name, str(shown), shown.remedy)


def _not_planned(
    name: str, problem: str, remedy: str = "change it, or remove it"
) -> dict[str, Any]:
    err.print(f"ats-sync: {name}: {problem}")
    err.print(f"  -> {remedy}")
    return {"integration": name, "error": problem}


async def _plan(on: CommandContext, *, as_json: bool) -> dict[str, Any]:
    wanted = on.checked.loaded.value.integrations[on.name]
    rules = import_rules(wanted)
    async with on.connected() as (connector, _):
        check = Preview(connector, import_ports(on.app, on.id), rules)
        changes = [item async for item in _read(check.changes())]
        own = push_rules(on.name, wanted)
        pushes = [await _push(on, connector, push, own) for push in await _waiting(on)]
        # What differs and is not in the outbox, because no daemon has read the change yet.
        to_come = await reconciliation(on.app).preview({on.id: own})
        for row in to_come[:MOST_PUSHES]:
            push = push_of_row(row, on.app.clock.now())
            pushes.append(await _push(on, connector, push, own) | {"state": "not queued yet"})
    if not as_json:
        render_preview(out, on.name, changes, check.counts)
        _show_pushes(pushes)
    return {**preview_data(on.name, changes, check.counts), "pushes": pushes}


async def _waiting(on: CommandContext) -> list[OpenPush]:
    """The oldest open push of each application that has one."""
    queue = MongoDeliveryQueue(on.app.mongo, IntegrationRef(on.name, on.id), fence=0)
    now = on.app.clock.now()
    due = await queue.due(now=now, limit=MOST_PUSHES, busy=[])
    return [pushes[0] for pushes in due.values() if pushes]


async def _push(
    on: CommandContext, connector: Connector, push: OpenPush, rules: PushRules
) -> dict[str, Any]:
    """One push with the exact requests that it would send."""
    found: dict[str, Any] = {
        "application": push.external_id,
        "status": push.status,
        "state": push.state,
        "requests": [],
    }
    known = (await MongoKnownApplications(on.app.mongo).load(on.id, [push.external_id])).get(
        push.external_id
    )
    if known is None:
        return found | {"reason": "no snapshot knows this application"}
    record: Any = known.record
    ref = ApplicationRef(
        push.external_id, record["candidate_external_id"], record["job"]["external_id"]
    )
    note = note_of(push, rules, previous=known.state.status, job=record["job"])
    content = await MongoClearViewApplications(on.app.mongo).content(push.application_id)
    target = PushTarget(
        push.status,
        push.stage,
        push.rejection_reason,
        note,
        hired_content(content, push),
    )
    planned = await connector.plan_push(ref, record, target)
    if isinstance(planned, Steps):
        own_note = note if push.status not in connector.capabilities.carries_note else None
        found["note"] = own_note if connector.capabilities.notes else None
        return found | {"requests": [_request(asdict(step)) for step in planned.steps]}
    return found | {"reason": getattr(planned, "reason", "the ATS holds this status already")}


def _request(step: dict[str, Any]) -> dict[str, Any]:
    sent = {key: step[key] for key in ("operation", "method", "url", "query", "body")}
    return sent | ({"form": step["form"]} if step["form"] else {})


def _show_pushes(pushes: list[dict[str, Any]]) -> None:
    for push in pushes:
        line = f"push application {push['application']} to {push['status']}"
        out.print(f"{line}: {push['reason']}" if "reason" in push else line)
        for request in push["requests"]:
            out.print(f"    {_as_sent(request)}", soft_wrap=True)
        if push.get("note"):
            out.print(f"    note: {push['note']}", soft_wrap=True)


def _as_sent(request: dict[str, Any]) -> str:
    address = str(URL(request["url"]).update_query(request["query"]))
    content = request.get("form") or request["body"]
    body = "" if content is None else msgspec.json.encode(content).decode()
    return f"{request['method']} {address} {body}".rstrip()


async def _read(items: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        async for item in items:
            yield item
    except AtsError as error:
        raise UserError(
            f"the ATS could not be read: {type(error).__name__}: {error}",
            remedy="see `ats-sync doctor`",
        ) from error
