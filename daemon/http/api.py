"""`/api/v1`: what an operator's scripts read, and the few things they may ask for."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from config.problems import ConfigError, ConfigIssue, did_you_mean
from connectors.errors import AtsError
from daemon.core.integrations import IntegrationState, State, StorageRefused
from daemon.core.mutes import mute_end
from daemon.erasing.requests import PersonRequest, PersonRequests
from daemon.http import api_inputs as take
from daemon.http.answers import Problem, answered
from daemon.http.cursors import cursor_of, moment_position, text_position
from daemon.http.openapi import OPENAPI_PATH, V1, document, object_of, rows_of, stored
from daemon.http.operations import (
    ApiOperation,
    IfMatch,
    JsonObject,
    operation,
    operations_of,
)
from daemon.ports.clock import Clock
from daemon.ports.integrations import StoredIntegrationStore
from daemon.runtime.integration_admin import IntegrationAdmin
from daemon.store.alert_mutes import AlertMutes
from daemon.store.candidate_history import MongoCandidateHistory
from daemon.store.connection import Row
from daemon.store.integrations import MongoIntegrations
from daemon.store.log_reader import LogFilter, MongoLogReader
from daemon.store.outbox_admin import MongoOutboxAdmin, OutboxFilter
from daemon.store.overview import AlertFilter, Overview, RunFilter
from daemon.store.row_pages import RowPage
from models.documents import (
    Alert,
    CandidateImportLog,
    StatusOutboxEntry,
    StatusUpdateLog,
    SyncRun,
)
from models.ids import integration_id

TEXTS_OF_PUSHES = frozenset({"rejection_reason", "target_stage", "expected_stage"})


ONE = f"{V1}/integrations/{{name}}"
INTEGRATION = object_of("id", "name", "connector", "state", "runs", "outbox")
INTEGRATIONS = object_of(integrations={"type": "array", "items": INTEGRATION})
PUSH = object_of(
    push=stored(StatusOutboxEntry), log={"type": "array", "items": stored(StatusUpdateLog)}
)
POLL = object_of("integration", "request", "sweep")
STATE = object_of("integration", "state")
ERASED = object_of("receipt", "candidates", "counts", "requested_at", "finished_at")
MUTED = object_of("key", "muted_until")


SETTINGS: dict[str, Any] = {
    "type": "object",
    "description": "The keys of an integration in the YAML file (docs/configuration.md). Credentials are "
    "the secrets themselves; they are stored encrypted and never answered.",
    "properties": {
        "connector": {"type": "string"},
        "endpoint": {"type": "string"},
        "credentials": {"type": "object"},
        "enabled": {"type": "boolean"},
        "poll": {"type": "object"},
    },
}
NEW: dict[str, Any] = {
    **SETTINGS,
    "required": ["name", "connector"],
    "properties": {"name": {"type": "string"}, **SETTINGS["properties"]},
}
STORED = object_of("integration", "managed_by", "revision")
REFUSED_STATUS = {"unknown": 404, "changed": 412, "exists": 409, "file": 409, "no_key": 409}


class ApiServices(msgspec.Struct, frozen=True):
    """The services that the API calls."""

    overview: Overview
    integrations: MongoIntegrations
    outbox: MongoOutboxAdmin
    mutes: AlertMutes
    logs: MongoLogReader
    history: MongoCandidateHistory
    people: PersonRequests
    stored: StoredIntegrationStore
    admin: IntegrationAdmin
    purge: Callable[[str], Awaitable[int]]
    """Deletes what is known of a removed integration; returns the number of documents.

    Raises:
        UserError: someone still works on it.
    """
    clock: Clock


class ApiRoutes:
    """The routes below `/api/v1`."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._document = msgspec.json.encode(document(self.operations()))

    def operations(self) -> list[ApiOperation]:
        """All of them, in the order of this file."""
        return operations_of(self)

    def routes(self) -> list[web.RouteDef]:
        """Where they are."""
        return [operation.route() for operation in self.operations()]

    @operation("GET", OPENAPI_PATH, answer={"type": "object"})
    async def openapi(self) -> web.Response:
        """Answers with the document of this API."""
        return web.Response(body=self._document, content_type="application/json")

    @operation("GET", f"{V1}/integrations", answer=INTEGRATIONS)
    async def integrations(self, query: take.IntegrationsQuery) -> web.Response:
        """All of them, or those in one state or of one connector."""
        rows = [
            row
            for row in await self._services.overview.integrations()
            if query.state in (None, row["state"]) and query.connector in (None, row["connector"])
        ]
        return answered({"integrations": rows[: query.limit]})

    @operation("GET", ONE, answer=INTEGRATION, refusals=(404,))
    async def integration(self, name: str) -> web.Response:
        """One of them; `ETag` is its revision where it was added at run time."""
        await self._state_of(name)
        rows = await self._services.overview.integrations()
        answer = answered(next(row for row in rows if row["name"] == name))
        revision = (await self._services.stored.revisions()).get(name)
        return answer if revision is None else _tagged(answer, revision)

    @operation(
        "POST",
        f"{V1}/integrations",
        answer={"oneOf": [STORED, object_of("integration", "dry_run", "ats", "stages")]},
        status=201,
        also=(200,),
        refusals=(409, 422, 502),
        takes=NEW,
    )
    async def add_integration(self, query: take.AddQuery, body: JsonObject) -> web.Response:
        """Adds an integration, which every replica starts within 5 s; `dry_run` only tries it."""
        content = dict(body)
        name = content.pop("name", None)
        if not isinstance(name, str):
            raise Problem(422, "name is missing", more=_mistakes([("/name", "must be a text")]))
        admin = self._services.admin
        with _refusals():
            if query.dry_run:
                trial = await admin.tried(name, content)
                return answered(
                    {
                        "integration": name,
                        "dry_run": True,
                        "ats": trial.ats_name,
                        "stages": trial.stages,
                        "unmapped_stages": trial.unmapped_stages,
                        "notes": trial.notes,
                    }
                )
            revision = await admin.add(name, content)
        answer = answered(_stored(name, revision), status=201)
        answer.headers["Location"] = f"{V1}/integrations/{name}"
        return _tagged(answer, revision)

    @operation("PATCH", ONE, answer=STORED, refusals=(404, 409, 412, 422), takes=SETTINGS)
    async def change_integration(
        self, name: str, body: JsonObject, if_match: IfMatch
    ) -> web.Response:
        """Changes an integration that was added at run time, by a merge patch (RFC 7396)."""
        with _refusals():
            revision = await self._services.admin.change(name, body, revision=_revision(if_match))
        return _tagged(answered(_stored(name, revision)), revision)

    @operation(
        "DELETE",
        ONE,
        answer=object_of("integration", "removed", "purged"),
        refusals=(404, 409, 412),
    )
    async def remove_integration(
        self, name: str, query: take.RemoveQuery, if_match: IfMatch
    ) -> web.Response:
        """Removes an integration that was added at run time; its data stays unless `purge` is true."""
        with _refusals():
            await self._services.admin.remove(name, revision=_revision(if_match), again=query.purge)
        purged = await self._services.purge(name) if query.purge else 0
        return answered({"integration": name, "removed": True, "purged": purged})

    @operation("GET", f"{V1}/runs", answer=rows_of("runs", SyncRun))
    async def runs(self, query: take.RunsQuery) -> web.Response:
        """Runs, the latest first."""
        which = RunFilter(query.integration, query.job, query.outcome, query.before)
        after = moment_position(query.cursor)
        page = await self._services.overview.runs(which, limit=query.limit, after=after)
        return _page("runs", page)

    @operation("GET", f"{V1}/outbox", answer=rows_of("outbox", StatusOutboxEntry))
    async def outbox(self, query: take.OutboxQuery) -> web.Response:
        """Pushes, the latest first."""
        which = OutboxFilter(
            states=None if query.state is None else (query.state,),
            integration=query.integration,
            application=query.application,
            before=query.before,
        )
        after = text_position(query.cursor)
        page = await self._services.outbox.listed(which, limit=query.limit, after=after)
        return _page("outbox", RowPage([_without_texts(row) for row in page.rows], page.next))

    @operation("GET", f"{V1}/outbox/{{id}}", answer=PUSH, refusals=(404,))
    async def outbox_entry(self, id_: UUID) -> web.Response:
        """One push with the log of its outcome."""
        found = await self._services.outbox.shown(id_)
        if found is None:
            raise Problem(404, "no push has this id")
        return answered({**found, "push": _without_texts(found["push"])})

    @operation("GET", f"{V1}/alerts", answer=rows_of("alerts", Alert))
    async def alerts(self, query: take.AlertsQuery) -> web.Response:
        """Alerts, the latest first; those that are open unless others are asked for."""
        which = AlertFilter(query.state, query.integration, query.kind)
        after = moment_position(query.cursor)
        page = await self._services.overview.alerts(which, limit=query.limit, after=after)
        return _page("alerts", page)

    @operation("GET", f"{V1}/import-log", answer=rows_of("imports", CandidateImportLog))
    async def import_log(self, query: take.ImportsQuery) -> web.Response:
        """Imports of one integration."""
        which = LogFilter(
            query.integration, query.status, candidate=query.candidate, since=query.since
        )
        after = moment_position(query.cursor)
        page = await self._services.logs.imports(which, limit=query.limit, after=after)
        return _page("imports", page)

    @operation("GET", f"{V1}/status-log", answer=rows_of("status_updates", StatusUpdateLog))
    async def status_log(self, query: take.StatusUpdatesQuery) -> web.Response:
        """Outcomes of status changes of one integration."""
        which = LogFilter(
            query.integration, query.outcome, application=query.application, since=query.since
        )
        after = moment_position(query.cursor)
        page = await self._services.logs.status_updates(which, limit=query.limit, after=after)
        return _page("status_updates", page)

    @operation(
        "GET",
        f"{V1}/candidates/{{id}}/history",
        answer=object_of("candidate", "applications", "events"),
        refusals=(404, 409),
    )
    async def candidate_history(self, id_: str, query: take.HistoryQuery) -> web.Response:
        """The history of one candidate, by ClearView's id or by that of the ATS."""
        history = self._services.history
        found = await history.find(id_, integration=query.integration)
        if not found:
            raise Problem(404, "nothing is recorded about a candidate with this id")
        if len(found) > 1:
            raise Problem(
                409, "several candidates have this id", "name one of them by `integration`"
            )
        (subject,) = found
        return answered(
            {
                "candidate": subject,
                "applications": await history.applications(subject.id),
                "events": await history.events(subject.id),
            }
        )

    @operation("POST", f"{V1}/alerts/{{id}}/mute", answer=MUTED, refusals=(404,))
    async def mute(self, id_: UUID, body: take.MuteBody) -> web.Response:
        """Send no message about this condition for a while, however often it comes and goes meanwhile."""
        try:
            until = mute_end(body.for_, body.until, now=self._services.clock.now())
        except ValueError as error:
            raise Problem(400, str(error)) from None
        alert = await self._alert(id_)
        await self._services.mutes.mute(alert["key"], until)
        return await self._muted(alert)

    @operation("POST", f"{V1}/alerts/{{id}}/unmute", answer=MUTED, refusals=(404,))
    async def unmute(self, id_: UUID) -> web.Response:
        """Send messages about this condition again; a wider mute that covers it as well goes on."""
        alert = await self._alert(id_)
        await self._services.mutes.unmute(alert["key"])
        return await self._muted(alert)

    async def _alert(self, alert_id: UUID) -> Row:
        alert = await self._services.mutes.alert(alert_id)
        if alert is None:
            raise Problem(404, "no alert has this id")
        return alert

    async def _muted(self, alert: Row) -> web.Response:
        until = await self._services.mutes.until(alert["key"], alert.get("integration"))
        return answered({"key": alert["key"], "muted_until": until})

    @operation("POST", f"{ONE}/poll", answer=POLL, status=202, refusals=(404, 409))
    async def poll(self, name: str) -> web.Response:
        """Ask for a poll now; 202, because the holder of the integration's lease makes it."""
        return await self._request_poll(name, sweep=False, accept_deletions=False)

    @operation("POST", f"{ONE}/sweep", answer=POLL, status=202, refusals=(404, 409))
    async def sweep(self, name: str, body: take.SweepBody) -> web.Response:
        """Ask for a complete listing now."""
        return await self._request_poll(name, sweep=True, accept_deletions=body.accept_deletions)

    async def _request_poll(
        self, name: str, *, sweep: bool, accept_deletions: bool
    ) -> web.Response:
        await self._state_of(name, enabled=True)
        asked = await self._services.integrations.request_poll(
            name, sweep=sweep, accept_deletions=accept_deletions
        )
        if asked is None:
            raise Problem(404, "no integration has this name")
        return answered({"integration": name, "request": asked, "sweep": sweep}, status=202)

    @operation("POST", f"{ONE}/pause", answer=STATE, refusals=(404, 409))
    async def pause(self, name: str, body: take.PauseBody) -> web.Response:
        """Neither poll nor push until it is resumed; what changes meanwhile waits."""
        return await self._set(name, "paused", body.reason)

    @operation("POST", f"{ONE}/resume", answer=STATE, refusals=(404, 409))
    async def resume(self, name: str) -> web.Response:
        """Go on with polls and pushes, also after a refused credential."""
        return await self._set(name, "active", None)

    async def _set(self, name: str, state: State, reason: str | None) -> web.Response:
        await self._state_of(name, enabled=True)
        if not await self._services.integrations.set_state(name, state, reason=reason):
            raise Problem(409, "the integration has just been disabled")
        return answered({"integration": name, "state": state})

    @operation("POST", f"{V1}/erasures", answer=ERASED, refusals=(404, 409))
    async def erase(self, body: take.ErasureBody) -> web.Response:
        """Remove all that is held about a person; repeating it answers with the same receipt."""
        if (body.candidate is None) == (body.email is None):
            raise Problem(400, "either candidate or email must be given")
        if body.email is not None and (body.integration is not None or "@" not in body.email):
            raise Problem(400, "email must be an address, and covers all integrations")
        scope = None if body.integration is None else integration_id(body.integration)
        wanted = PersonRequest(body.candidate, body.email, scope)
        people = self._services.people
        receipt = await (people.plan(wanted) if body.dry_run else people.erase(wanted))
        if receipt is None:
            raise Problem(404, "nothing is held about this person")
        return answered(
            {
                "receipt": None if body.dry_run else receipt.id,
                "candidates": receipt.candidates,
                "counts": receipt.counts,
                "requested_at": receipt.requested_at,
                "finished_at": receipt.finished_at,
            }
        )

    @operation(
        "POST",
        f"{V1}/outbox/{{id}}/replay",
        answer=object_of("id", "state"),
        status=202,
        refusals=(404, 409),
    )
    async def replay(self, id_: UUID) -> web.Response:
        """Send a dead letter once more; 202, because its integration's worker does it."""
        replayed = await self._services.outbox.replay(id_)
        if replayed.refusal is not None:
            missing = replayed.refusal == "unknown"
            raise Problem(404 if missing else 409, replayed.sentence)
        return answered({"id": id_, "state": "retrying"}, status=202)

    async def _state_of(self, name: str, *, enabled: bool = False) -> IntegrationState:
        states = await self._services.integrations.states()
        if name not in states:
            hint = did_you_mean(name, states)
            detail = f'did you mean "{hint}"?' if hint else ""
            raise Problem(404, "no integration has this name", detail)
        state = states[name]
        if enabled and state.state == "disabled":
            raise Problem(409, "the integration is disabled", "enable it in the YAML file")
        return state


@contextmanager
def _refusals() -> Iterator[None]:
    """Answers what an integration was refused for."""
    try:
        yield
    except ConfigError as error:
        mistakes = [(one.pointer or "", _sentence(one)) for one in error.problems]
        raise Problem(422, "this is no valid integration", more=_mistakes(mistakes)) from None
    except StorageRefused as refused:
        raise Problem(REFUSED_STATUS[refused.reason], str(refused)) from None
    except AtsError as error:
        raise Problem(502, "the ATS refuses, or does not answer", str(error)) from None


def _sentence(problem: ConfigIssue) -> str:
    meant = f' (did you mean "{problem.hint}"?)' if problem.hint else ""
    return f"{problem.message}{meant}"


def _mistakes(found: Iterable[tuple[str, str]]) -> dict[str, object]:
    return {"problems": [{"pointer": pointer, "message": message} for pointer, message in found]}


def _stored(name: str, revision: int) -> dict[str, object]:
    return {"integration": name, "managed_by": "database", "revision": revision}


def _tagged(answer: web.Response, revision: int) -> web.Response:
    answer.headers["ETag"] = f'"{revision}"'
    return answer


def _revision(if_match: str) -> int | None:
    """Returns the revision that a change is for; None for any.

    Raises:
        Problem: 400, it is no ETag of an integration.
    """
    if if_match in {"", "*"}:
        return None
    text = if_match.strip('"')
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem(400, "If-Match must be the ETag of this integration")
    return int(text)


def _page(name: str, page: RowPage) -> web.Response:
    return answered({name: page.rows, "next": cursor_of(page.next)})


def _without_texts(push: Row) -> dict[str, Any]:
    """Returns a push without what a recruiter wrote: that may name a person."""
    return {name: value for name, value in push.items() if name not in TEXTS_OF_PUSHES}
