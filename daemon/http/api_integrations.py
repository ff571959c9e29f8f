"""`/api/v1/integrations`: read, added and changed at run time, and what may be asked of each."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from config.problems import ConfigError, ConfigIssue, did_you_mean
from connectors.errors import AtsError, AuthRefused
from daemon.core.integrations import IntegrationState, State, StorageRefused
from daemon.http import api_inputs as take
from daemon.http.answers import Problem, answered
from daemon.http.api_services import ApiServices
from daemon.http.openapi import V1, object_of
from daemon.http.operations import IfMatch, JsonObject, operation
from daemon.runtime.integration_admin import Trial

ONE = f"{V1}/integrations/{{name}}"
INTEGRATION = object_of("id", "name", "connector", "state", "runs", "outbox")
INTEGRATIONS = object_of(integrations={"type": "array", "items": INTEGRATION})
POLL = object_of("integration", "request", "sweep")
STATE = object_of("integration", "state")
STORED = object_of("integration", "managed_by", "revision")
TRIED = object_of("integration", "dry_run", "ats", "stages", "unmapped_stages", "notes")
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
_REVISION = re.compile(r"[0-9]{1,9}")
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
REFUSED_STATUS = {"unknown": 404, "changed": 412, "exists": 409, "file": 409, "no_key": 409}


class IntegrationRoutes:
    """The routes of integrations."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

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
        row = next(row for row in rows if row["name"] == name)
        version = (await self._services.stored.versions()).get(name)
        if version is None or row["managed_by"] != "database":
            return answered(row)
        return _tagged(answered(row), version.revision)

    @operation(
        "POST",
        f"{V1}/integrations",
        answer={"oneOf": [STORED, TRIED]},
        status=201,
        also=(200,),
        refusals=(409, 422, 502),
        takes=NEW,
    )
    async def add_integration(self, query: take.TrialQuery, body: JsonObject) -> web.Response:
        """Adds an integration, which every replica starts within 5 s; `dry_run` only tries it."""
        content = dict(body)
        name = content.pop("name", None)
        if not isinstance(name, str):
            raise Problem(422, "name is missing", more=_mistakes([("/name", "must be a text")]))
        admin = self._services.admin
        with _refusals():
            if query.dry_run:
                return answered(_tried(name, await admin.try_new(name, content)))
            revision = await admin.add(name, content)
        answer = answered(_stored(name, revision), status=201)
        answer.headers["Location"] = f"{V1}/integrations/{name}"
        return _tagged(answer, revision)

    @operation(
        "PATCH",
        ONE,
        answer={"oneOf": [STORED, TRIED]},
        refusals=(404, 409, 412, 422, 502),
        takes=SETTINGS,
    )
    async def change_integration(
        self, name: str, query: take.TrialQuery, body: JsonObject, if_match: IfMatch
    ) -> web.Response:
        """Changes an integration that was added at run time, by a merge patch; `dry_run` only tries it."""
        admin, expected = self._services.admin, _revisions(if_match)
        with _refusals():
            if query.dry_run:
                return answered(
                    _tried(name, await admin.try_change(name, body, revisions=expected))
                )
            revision = await admin.change(name, body, revisions=expected)
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
            await self._services.admin.remove(
                name, revisions=_revisions(if_match), again=query.purge
            )
        purged = await self._services.purge(name) if query.purge else 0
        return answered({"integration": name, "removed": True, "purged": purged})

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
        state = await self._state_of(name, enabled=True)
        if state.state == "paused":
            raise Problem(
                409,
                "the integration is paused: no poll is made",
                f"resume it first: POST {V1}/integrations/{name}/resume",
            )
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

    async def _state_of(self, name: str, *, enabled: bool = False) -> IntegrationState:
        states = await self._services.integrations.states()
        if name not in states:
            hint = did_you_mean(name, states)
            detail = f'did you mean "{hint}"?' if hint else ""
            raise Problem(404, "no integration has this name", detail)
        state = states[name]
        if enabled and state.state == "disabled":
            detail = state.reason or "set `enabled` to true first"
            raise Problem(409, "the integration is disabled", detail)
        return state


@contextmanager
def _refusals() -> Iterator[None]:
    """Answers what an integration was refused for."""
    try:
        yield
    except ConfigError as error:
        # A problem of the integration itself is one of its name.
        mistakes = [(one.pointer or "/name", _sentence(one)) for one in error.problems]
        raise Problem(422, "this is no valid integration", more=_mistakes(mistakes)) from None
    except StorageRefused as refused:
        raise Problem(REFUSED_STATUS[refused.reason], str(refused)) from None
    except AuthRefused as error:
        mistakes = [("/credentials", str(error))]
        raise Problem(422, "the ATS refuses the credential", more=_mistakes(mistakes)) from None
    except AtsError as error:
        raise Problem(502, "the ATS refuses, or does not answer", str(error)) from None


def _sentence(problem: ConfigIssue) -> str:
    meant = f' (did you mean "{problem.hint}"?)' if problem.hint else ""
    return f"{problem.message}{meant}"


def _mistakes(found: Iterable[tuple[str, str]]) -> dict[str, object]:
    return {"problems": [{"pointer": pointer, "message": message} for pointer, message in found]}


def _stored(name: str, revision: int) -> dict[str, object]:
    return {"integration": name, "managed_by": "database", "revision": revision}


def _tried(name: str, trial: Trial) -> dict[str, object]:
    return {
        "integration": name,
        "dry_run": True,
        "ats": trial.ats_name,
        "stages": trial.stages,
        "unmapped_stages": trial.unmapped_stages,
        "notes": trial.notes,
    }


def _tagged(answer: web.Response, revision: int) -> web.Response:
    answer.headers["ETag"] = f'"{revision}"'
    return answer


def _revisions(if_match: str) -> frozenset[int] | None:
    """Returns the revisions of which one must be in force for a change; None for any.

    A tag that no revision has, a weak one among them, matches none (RFC 9110). Scripts may leave out the quotes.

    Raises:
        Problem: 400, it is no list of tags.
    """
    text = if_match.strip()
    if text == "*":
        return None
    text = f'"{text}"' if _REVISION.fullmatch(text) else text
    if not _TAGS.fullmatch(text):
        raise Problem(400, "If-Match must be the ETag of this integration")
    tags = [tag[1:-1] for tag in re.findall(_TAG, text)]
    return frozenset(int(tag) for tag in tags if _REVISION.fullmatch(tag))
