"""Runs, pushes, alerts and logs in pages; replays of pushes and mutes of alerts."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import msgspec
from aiohttp import web

from daemon.core.mutes import mute_end
from daemon.http import api_inputs as take
from daemon.http.answers import Problem, answered
from daemon.http.api_services import ApiServices
from daemon.http.openapi import V1, object_of, rows_of, stored
from daemon.http.operations import Moment, operation
from daemon.store.connection import Row
from daemon.store.outbox_admin import OutboxFilter
from daemon.store.overview import AlertFilter, LogFilter, RunFilter
from daemon.store.row_pages import RowPage, RowPosition
from models.documents import Alert, CandidateImportLog, StatusOutboxEntry, StatusUpdateLog, SyncRun

PUSH = object_of(
    push=stored(StatusOutboxEntry), log={"type": "array", "items": stored(StatusUpdateLog)}
)
MUTED = object_of("key", "muted_until")
TEXTS_OF_PUSHES = frozenset({"rejection_reason", "target_stage", "expected_stage"})
_Shown = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
_BY_MOMENT: Any = tuple[Moment, _Shown]
_BY_TEXT: Any = tuple[str, _Shown]
"""The content of cursors in rows in the order of a time, and in that of a text."""


class RecordRoutes:
    """The routes of runs, pushes, alerts and logs."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    @operation("GET", f"{V1}/runs", answer=rows_of("runs", SyncRun))
    async def runs(self, query: take.RunsQuery) -> web.Response:
        """Runs, the latest first."""
        which = RunFilter(query.integration, query.job, query.outcome, query.before)
        return await _page("runs", self._services.overview.runs, which, query)

    @operation("GET", f"{V1}/outbox", answer=rows_of("outbox", StatusOutboxEntry))
    async def outbox(self, query: take.OutboxQuery) -> web.Response:
        """Pushes, the latest first."""
        which = OutboxFilter(
            states=None if query.state is None else (query.state,),
            integration=query.integration,
            application=query.application,
            before=query.before,
        )
        after = _position_of(query.cursor, _BY_TEXT)
        page = await self._services.outbox.listed(which, limit=query.limit, after=after)
        rows = [_without_texts(row) for row in page.rows]
        return answered({"outbox": rows, "next": _cursor_of(page.next)})

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
        return await _page("alerts", self._services.overview.alerts, which, query)

    @operation("GET", f"{V1}/import-log", answer=rows_of("imports", CandidateImportLog))
    async def import_log(self, query: take.ImportsQuery) -> web.Response:
        """Imports of one integration."""
        which = LogFilter(
            query.integration, query.status, candidate=query.candidate, since=query.since
        )
        return await _page("imports", self._services.overview.imports, which, query)

    @operation("GET", f"{V1}/status-log", answer=rows_of("status_updates", StatusUpdateLog))
    async def status_log(self, query: take.StatusUpdatesQuery) -> web.Response:
        """Outcomes of status changes of one integration."""
        which = LogFilter(
            query.integration, query.outcome, application=query.application, since=query.since
        )
        return await _page("status_updates", self._services.overview.status_updates, which, query)

    @operation(
        "POST",
        f"{V1}/outbox/{{id}}/replay",
        answer=object_of("id", "state"),
        status=202,
        refusals=(404, 409),
    )
    async def replay(self, id_: UUID) -> web.Response:
        """Send a push that was given up once more; 202, because its integration's worker does it."""
        replayed = await self._services.outbox.replay(id_)
        if replayed.refusal is not None:
            missing = replayed.refusal == "unknown"
            raise Problem(404 if missing else 409, replayed.sentence)
        return answered({"id": id_, "state": "retrying"}, status=202)

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


async def _page(
    name: str, read: Callable[..., Awaitable[RowPage]], which: object, query: take.PageQuery
) -> web.Response:
    """Answers with a page of rows in the order of a time."""
    page = await read(which, limit=query.limit, after=_position_of(query.cursor, _BY_MOMENT))
    return answered({name: page.rows, "next": _cursor_of(page.next)})


def _without_texts(push: Row) -> dict[str, Any]:
    """Returns a push without what a recruiter wrote: that may name a person."""
    return {name: value for name, value in push.items() if name not in TEXTS_OF_PUSHES}


def _cursor_of(position: RowPosition | None) -> str | None:
    """Returns the opaque text by which a client asks for the next page."""
    if position is None:
        return None
    return urlsafe_b64encode(msgspec.json.encode((position.value, position.shown))).decode()


def _position_of(cursor: str | None, kind: Any) -> RowPosition | None:
    """Returns the position that a cursor names in rows of this order.

    Raises:
        Problem: 400, it is no cursor of such rows.
    """
    if cursor is None:
        return None
    try:
        return RowPosition(*msgspec.json.decode(urlsafe_b64decode(cursor.encode()), type=kind))
    except ValueError:
        raise Problem(400, "cursor must be `next` of an answer of this list") from None
