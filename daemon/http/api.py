"""`/api/v1`: what an operator's scripts read, and the few things they may ask for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from config.problems import did_you_mean
from daemon.core.integrations import IntegrationState, State
from daemon.core.mutes import mute_end
from daemon.http.answers import (
    Problem,
    answered,
    json_object,
    known_only,
    limit_of,
    moment_of,
    one_of,
    uuid_of,
)
from daemon.ports.clock import Clock
from daemon.store.alert_mutes import AlertMutes
from daemon.store.connection import Row
from daemon.store.integrations import MongoIntegrations
from daemon.store.outbox_admin import STATES, MongoOutboxAdmin, OutboxFilter
from daemon.store.overview import JOBS, AlertFilter, Overview, RunFilter

OUTCOMES = ("running", "success", "partial", "failed", "interrupted", "waiting")
INTEGRATION_STATES = ("active", "paused", "auth_failed", "disabled")
TEXTS_OF_PUSHES = frozenset({"rejection_reason", "target_stage", "expected_stage"})
V1 = "/api/v1"


class ApiServices(msgspec.Struct, frozen=True):
    """The services that the API calls."""

    overview: Overview
    integrations: MongoIntegrations
    outbox: MongoOutboxAdmin
    mutes: AlertMutes
    clock: Clock


class ApiRoutes:
    """The routes below `/api/v1`."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """Where they are."""
        one = f"{V1}/integrations/{{name}}"
        return [
            web.get(f"{V1}/integrations", self.integrations),
            web.get(one, self.integration),
            web.get(f"{V1}/runs", self.runs),
            web.get(f"{V1}/outbox", self.outbox),
            web.get(f"{V1}/outbox/{{id}}", self.outbox_entry),
            web.get(f"{V1}/alerts", self.alerts),
            web.post(f"{V1}/alerts/{{id}}/mute", self.mute),
            web.post(f"{V1}/alerts/{{id}}/unmute", self.unmute),
            web.post(f"{one}/poll", self.poll),
            web.post(f"{one}/sweep", self.sweep),
            web.post(f"{one}/pause", self.pause),
            web.post(f"{one}/resume", self.resume),
            web.post(f"{V1}/outbox/{{id}}/replay", self.replay),
        ]

    async def integrations(self, request: web.Request) -> web.Response:
        """All of them, or those in one state or of one connector."""
        query = known_only(request, "state", "connector", "limit")
        state, connector = one_of(query, "state", INTEGRATION_STATES), query.get("connector")
        rows = [
            row
            for row in await self._services.overview.integrations()
            if state in (None, row["state"]) and connector in (None, row["connector"])
        ]
        return answered({"integrations": rows[: limit_of(query)]})

    async def integration(self, request: web.Request) -> web.Response:
        """One of them."""
        known_only(request)
        await self._state_of(request)
        name = request.match_info["name"]
        rows = await self._services.overview.integrations()
        return answered(next(row for row in rows if row["name"] == name))

    async def runs(self, request: web.Request) -> web.Response:
        """Runs, the latest first; `before` goes on where the last answer ended."""
        query = known_only(request, "integration", "job", "outcome", "before", "limit")
        before = query.get("before")
        which = RunFilter(
            integration=query.get("integration"),
            job=one_of(query, "job", JOBS),
            outcome=one_of(query, "outcome", OUTCOMES),
            before=None if before is None else moment_of(before, "before"),
        )
        return answered({"runs": await self._services.overview.runs(which, limit=limit_of(query))})

    async def outbox(self, request: web.Request) -> web.Response:
        """Pushes, the latest first."""
        query = known_only(request, "state", "integration", "application", "before", "limit")
        application, before = query.get("application"), query.get("before")
        state = one_of(query, "state", STATES)
        which = OutboxFilter(
            states=None if state is None else (state,),
            integration=query.get("integration"),
            application=None if application is None else uuid_of(application, "application"),
            before=None if before is None else moment_of(before, "before"),
        )
        rows = await self._services.outbox.listed(which, limit=limit_of(query))
        return answered({"outbox": [_without_texts(row) for row in rows]})

    async def outbox_entry(self, request: web.Request) -> web.Response:
        """One push with the log of its outcome."""
        known_only(request)
        found = await self._services.outbox.shown(uuid_of(request.match_info["id"], "the id"))
        if found is None:
            raise Problem(404, "no push has this id")
        return answered({**found, "push": _without_texts(found["push"])})

    async def alerts(self, request: web.Request) -> web.Response:
        """Alerts, the latest first; those that are open unless others are asked for."""
        query = known_only(request, "state", "integration", "kind", "limit")
        which = AlertFilter(
            state=one_of(query, "state", ("open", "resolved", "all")) or "open",
            integration=query.get("integration"),
            kind=query.get("kind"),
        )
        return answered(
            {"alerts": await self._services.overview.alerts(which, limit=limit_of(query))}
        )

    async def mute(self, request: web.Request) -> web.Response:
        """Send no message about this condition for a while, however often it comes and goes meanwhile."""
        body = await json_object(request)
        _take_only(body, "for", "until")
        until = self._end_of(body)
        alert = await self._alert(request)
        await self._services.mutes.mute(alert["key"], until)
        return await self._muted(alert)

    async def unmute(self, request: web.Request) -> web.Response:
        """Send messages about this condition again; a wider mute that covers it as well goes on."""
        _take_only(await json_object(request))
        alert = await self._alert(request)
        await self._services.mutes.unmute(alert["key"])
        return await self._muted(alert)

    def _end_of(self, body: Mapping[str, Any]) -> datetime:
        try:
            return mute_end(body.get("for"), body.get("until"), now=self._services.clock.now())
        except ValueError as error:
            raise Problem(400, str(error)) from None

    async def _alert(self, request: web.Request) -> Row:
        alert = await self._services.mutes.alert(uuid_of(request.match_info["id"], "the id"))
        if alert is None:
            raise Problem(404, "no alert has this id")
        return alert

    async def _muted(self, alert: Row) -> web.Response:
        until = await self._services.mutes.until(alert["key"], alert.get("integration"))
        return answered({"key": alert["key"], "muted_until": until})

    async def poll(self, request: web.Request) -> web.Response:
        """Ask for a poll now; 202, because the holder of the integration's lease makes it."""
        _take_only(await json_object(request))
        return await self._request_poll(request, sweep=False, accept_deletions=False)

    async def sweep(self, request: web.Request) -> web.Response:
        """Ask for a complete listing now."""
        body = await json_object(request)
        _take_only(body, "accept_deletions")
        accept = body.get("accept_deletions", False)
        if not isinstance(accept, bool):
            raise Problem(400, "accept_deletions must be true or false")
        return await self._request_poll(request, sweep=True, accept_deletions=accept)

    async def _request_poll(
        self, request: web.Request, *, sweep: bool, accept_deletions: bool
    ) -> web.Response:
        await self._state_of(request, enabled=True)
        name = request.match_info["name"]
        asked = await self._services.integrations.request_poll(
            name, sweep=sweep, accept_deletions=accept_deletions
        )
        if asked is None:
            raise Problem(404, "no integration has this name")
        return answered({"integration": name, "request": asked, "sweep": sweep}, status=202)

    async def pause(self, request: web.Request) -> web.Response:
        """Neither poll nor push until it is resumed; what changes meanwhile waits."""
        body = await json_object(request)
        _take_only(body, "reason")
        reason = body.get("reason", "paused by the API")
        if not isinstance(reason, str) or not 0 < len(reason) <= 200:
            raise Problem(400, "reason must be a text of at most 200 characters")
        return await self._set(request, "paused", reason)

    async def resume(self, request: web.Request) -> web.Response:
        """Go on with polls and pushes, also after a refused credential."""
        _take_only(await json_object(request))
        return await self._set(request, "active", None)

    async def _set(self, request: web.Request, state: State, reason: str | None) -> web.Response:
        await self._state_of(request, enabled=True)
        name = request.match_info["name"]
        if not await self._services.integrations.set_state(name, state, reason=reason):
            raise Problem(409, "the integration has just been disabled")
        return answered({"integration": name, "state": state})

    async def replay(self, request: web.Request) -> web.Response:
        """Send a dead letter once more; 202, because its integration's worker does it."""
        _take_only(await json_object(request))
        entry = uuid_of(request.match_info["id"], "the id")
        replayed = await self._services.outbox.replay(entry)
        if replayed.refusal is not None:
            missing = replayed.refusal == "unknown"
            raise Problem(404 if missing else 409, replayed.sentence)
        return answered({"id": entry, "state": "retrying"}, status=202)

    async def _state_of(self, request: web.Request, *, enabled: bool = False) -> IntegrationState:
        name = request.match_info["name"]
        states = await self._services.integrations.states()
        if name not in states:
            hint = did_you_mean(name, states)
            detail = f'did you mean "{hint}"?' if hint else ""
            raise Problem(404, "no integration has this name", detail)
        state = states[name]
        if enabled and state.state == "disabled":
            raise Problem(409, "the integration is disabled", "enable it in the YAML file")
        return state


def _without_texts(push: Row) -> Row:
    """Returns a push without what a recruiter wrote: that may name a person."""
    return {name: value for name, value in push.items() if name not in TEXTS_OF_PUSHES}


def _take_only(body: Mapping[str, Any], *names: str) -> None:
    for name in body:
        if name not in names:
            raise Problem(400, f'unknown field "{name[:40]}"', f"known are: {', '.join(names)}")
