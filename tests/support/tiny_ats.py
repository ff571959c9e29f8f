"""A web server that answers as a test asks it to, for vendors that no one simulates."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from config.operator import Integration
from connectors.connector import Connector
from connectors.definition import load_definition_text
from connectors.registry import SharedLimits, create_connector
from tests.support.ats import QuickClock

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class TinyAts:
    """What was asked, and where it listens."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def tiny_ats(answer: Answer) -> AsyncIterator[TinyAts]:
    """Serves until left; every request goes to `answer`."""
    ats = TinyAts()

    async def serve(request: web.Request) -> web.StreamResponse:
        ats.asked.append(f"{request.method} {request.path_qs}")
        ats.headers.append(dict(request.headers))
        ats.bodies.append(await request.read())
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ats.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield ats
    finally:
        await runner.cleanup()


def definition_text(
    *,
    pagination: str = "{kind: none}",
    cursor: str = "{kind: none}",
    auth: str = '{kind: header, name: X-Key, value: "{credentials.key}"}',
    records: str = "rows",
    request: str = "{get: /people}",
    more: str = "",
    lists: str = "",
    credentials: str = "{key: {description: a key}}",
) -> str:
    """A small definition with one list of candidates."""
    return f"""\
connector: tiny
title: Tiny
api: {{base_url: https://tiny.example, check: {{get: /me}}}}
auth: {auth}
credentials: {credentials}
lists:
  people:
    holds: candidates
    request: {request}
    records: {records}
    pagination: {pagination}
    cursor: {cursor}
{lists}
candidate: {{external_id: id, first_name: name}}
{more}
"""


def tiny_connector(
    ats: TinyAts,
    text: str,
    *,
    clock: QuickClock | None = None,
    shared_limits: SharedLimits | None = None,
    **operator: Any,
) -> Connector:
    """A connector by this definition to this server."""
    definition = load_definition_text(text, path=Path("tiny.yaml"))
    credentials = {name: SecretStr(f"secret-{name}") for name in definition.model.credentials}
    facts: dict[str, Any] = {"connector": "tiny", "endpoint": ats.url, "credentials": credentials}
    integration = Integration(**{**facts, **operator})
    return create_connector(
        "acme",
        integration,
        definition,
        clock=clock or QuickClock(),
        shared_limits=shared_limits,
        jitter=lambda: 0.0,
    )


async def ids_of(connector: Connector, **window: Any) -> list[str]:
    """The ids of every record of a walk."""
    from connectors.values import Window

    found = []
    async for page in connector.pages("people", Window(**window)):
        found += [record.external_id for record in page.records]
    return found
