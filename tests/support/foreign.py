"""What small servers of vendors that no simulator plays share, and how connectors reach them."""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from pydantic import SecretStr

from config.operator import Integration
from connectors.connector import Connector
from connectors.registry import create_connector, load_definition
from connectors.values import ApplicationRef, Impossible, PushTarget, Steps
from models.status import ApplicationStatus
from tests.support.ats import QuickClock
from tests.support.tiny_ats import TinyAts, tiny_ats

PassingFault = Literal["error", "reset", "web_page", "cut"]


class Refused(Exception):
    """An answer that ends a request early."""

    def __init__(self, answer: web.Response) -> None:
        """Remember the answer."""
        super().__init__(answer.status)
        self.answer = answer


def refuse(status: int, body: object, **headers: str) -> Refused:
    """An error answer in JSON; names of headers are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refused(web.json_response(body, status=status, headers=named))


@dataclass(slots=True)
class ForeignAts(ABC):
    """What every such server counts, and what the tests of all of them do to one.

    A module `tests/support/foreign_<connector>.py` exposes its server as `SERVER`; `servers` finds it.
    """

    credentials: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    operator: dict[str, Any] = field(default_factory=dict)
    """What an operator has to write besides."""
    base: str = ""
    """The path before every other."""
    violations: list[str] = field(default_factory=list)
    writes: list[tuple[str, Any]] = field(default_factory=list)
    slow_down: int = 0
    """The number of next requests that are refused for coming too fast."""
    lost: int = 0
    """The number of next writes that take effect, with their answers lost."""
    faults: list[PassingFault] = field(default_factory=list)
    """What happens to the next requests instead of an answer, from the last to the first."""

    @abstractmethod
    async def serve(self, request: web.Request) -> object:
        """Answers every request of the API."""

    @abstractmethod
    def truth(self) -> dict[str, ApplicationStatus]:
        """The status of every application, by its external id."""

    @abstractmethod
    def emails(self) -> dict[str, str]:
        """The first e-mail address of every candidate, by its external id."""

    @abstractmethod
    def change(self) -> None:
        """Moves an application, corrects an e-mail address, and lets someone apply."""

    @abstractmethod
    def delete(self) -> None:
        """Deletes an application, and its candidate where the vendor has one of each."""

    def violated(self, rule: str) -> None:
        """A rule of the vendor's was broken."""
        self.violations.append(rule)

    def is_too_fast(self) -> bool:
        """Whether this request is one of those."""
        self.slow_down -= 1
        return self.slow_down >= 0


@cache
def servers() -> Mapping[str, type[ForeignAts]]:
    """Every such server by the name of its connector."""
    paths = sorted(Path(__file__).parent.glob("foreign_*.py"))
    names = [path.stem.removeprefix("foreign_") for path in paths]
    return {name: import_module(f"tests.support.foreign_{name}").SERVER for name in names}


def answering(ats: ForeignAts) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """JSON of what the server returns, its own response, or the refusal it raised."""

    async def answer(request: web.Request) -> web.StreamResponse:
        before = len(ats.writes)
        if ats.faults:
            return _failing(request, ats.faults.pop())
        try:
            found = await ats.serve(request)
        except Refused as refused:
            return refused.answer
        if len(ats.writes) > before and ats.lost > 0 and request.transport is not None:
            ats.lost -= 1
            request.transport.close()
        return found if isinstance(found, web.StreamResponse) else web.json_response(found)

    return answer


def only_query(ats: ForeignAts, request: web.Request, *known: str) -> None:
    """Parameters that the vendor does not know are a mistake."""
    for name in request.query:
        if name not in known:
            ats.violated(f"{request.path} knows no parameter {name}")


def _failing(request: web.Request, fault: PassingFault) -> web.Response:
    if fault == "reset" and request.transport is not None:
        request.transport.close()
    if fault == "web_page":
        return web.Response(text="<html>We are back soon</html>", content_type="text/html")
    if fault == "cut":
        return web.Response(text='[{"id": 1, "na', content_type="application/json")
    return web.json_response({}, status=500)


@asynccontextmanager
async def connected(
    name: str,
    ats: ForeignAts,
    *,
    credentials: Mapping[str, str] | None = None,
    clock: QuickClock | None = None,
    **operator: Any,
) -> AsyncIterator[tuple[Connector, TinyAts]]:
    """A connector by that definition to this server."""
    definition = load_definition(name)
    async with tiny_ats(answering(ats)) as tiny:
        secrets = {**ats.credentials, **(credentials or {})}
        options = {key: value.format(url=tiny.url) for key, value in ats.options.items()}
        facts: dict[str, Any] = {
            "connector": name,
            "endpoint": tiny.url + ats.base,
            "credentials": {key: SecretStr(value) for key, value in secrets.items()},
            "options": options,
        }
        integration = Integration(**{**facts, **ats.operator, **operator})
        connector = create_connector(
            "acme", integration, definition, clock=clock or QuickClock(), jitter=lambda: 0.0
        )
        await connector.open()
        try:
            yield connector, tiny
        finally:
            await connector.close()


def reference(application: Mapping[str, Any]) -> ApplicationRef:
    """The ids of an imported application."""
    return ApplicationRef(
        application["external_id"],
        application["candidate_external_id"],
        application["job"]["external_id"],
    )


async def pushed(
    connector: Connector, application: Mapping[str, Any], status: ApplicationStatus
) -> list[str]:
    """Bring an application to a status as the daemon does; what was sent, by operation."""
    ref = reference(application)
    current = await connector.read_application(ref)
    assert current is not None
    plan = await connector.plan_push(ref, current, PushTarget(status))
    assert not isinstance(plan, Impossible), plan
    if not isinstance(plan, Steps):
        return []
    for step in plan.steps:
        await connector.perform(step)
    return [step.operation for step in plan.steps]


def soon(seconds: float) -> str:
    """A moment from now, in seconds since 1970."""
    return str(int(time.time() + seconds))
