"""All that may lead a connection to this machine or its network, tried in each way that there is.

`pytest tests/privacy/test_hostile_servers.py -s` prints the table.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import SecretStr

from config.operator_clearview import ByHttp, NotifyByHttp
from config.operator_events import EventsToHttp
from connectors.errors import AtsError
from connectors.http.outbound import parsed
from connectors.values import FileAddress, FileRef
from daemon.alerts.channels import channel_of
from daemon.core.events import Event
from daemon.core.notifications import ChannelFailed
from daemon.core.service_errors import ServiceFailed, ServiceUnavailable
from daemon.events.sinks import publisher_of
from daemon.runtime.clock import SystemClock
from daemon.store.clearview_backends import service_client
from models.event_types import EventType
from tests.support.ats import QuickClock
from tests.support.event_sinks import SECRET
from tests.support.moving_clock import MovingClock
from tests.support.network import has_ipv6
from tests.support.tiny_ats import TinyAts, definition_text, ids_of, tiny_ats, tiny_connector

NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "loopback.example": ("127.0.0.1",),
        "private.example": ("10.0.0.1",),
        "metadata.example": ("169.254.169.254",),
        "two.example": ("10.0.0.1", "127.0.0.1", "::1"),
        "mapped.example": ("::ffff:127.0.0.1",),
        "nat64.example": ("64:ff9b::7f00:1",),
        "translated.example": ("::ffff:0:7f00:1",),
    }
)
"""Names, and where a name server of the attacker says that they are."""
TARGETS = (
    *("127.0.0.1", "localhost", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "168.63.129.16", "100.64.0.1", "224.0.0.1", "[::1]", "[::]", "[fe80::1]"),
    *("[fd00:ec2::254]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[64:ff9b:1::7f00:1]", "[2600::5efe:7f00:1]"),
    *("127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0", "127.0.0.1.", "LOCALHOST"),
    *NAMES,
)


async def resolve(
    _: AbstractResolver, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
) -> list[ResolveResult]:
    """A name server of the attacker; numbers are read as the system reads them."""
    addresses = NAMES.get(host) or (_as_the_system_reads(host),)
    return [
        ResolveResult(
            hostname=host,
            host=address,
            port=port,
            family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            proto=0,
            flags=socket.AI_NUMERICHOST,
        )
        for address in addresses
    ]


def _as_the_system_reads(host: str) -> str:
    bare = host.rstrip(".").lower()
    return "127.0.0.1" if bare == "localhost" else socket.inet_ntoa(socket.inet_aton(bare))


@dataclass(slots=True)
class HostileWorld:
    """A service of this machine that no one may reach, and an ATS that names it."""

    port: int
    ats: TinyAts
    base: str = ""
    """The address that is tried."""
    arrived: int = 0
    """Connections to the service of this machine."""
    sent: list[Any] = field(default_factory=list)
    """Addresses that a connection was tried to, other than the ATS's own."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The service of this machine."""
        self.arrived += 1
        await reader.read(1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The ATS's answers: pages that name the service, and redirects to it."""
        if request.path == "/honest/people":
            return web.json_response({"rows": [], "next": f"{self.base}/people?page=2"})
        return web.Response(status=302, headers={"Location": f"{self.base}/people"})


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostileWorld]:
    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect

    async def sock_connect(sock: socket.socket, address: Any) -> None:
        if f"http://{address[0]}:{address[1]}" != made.ats.url:
            made.sent.append(address)
        await connect(sock, address)

    monkeypatch.setattr(loop, "sock_connect", sock_connect)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await made.answer(request)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.serve(reader, writer)

    async with AsyncExitStack() as stack:
        first = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = int(first.sockets[0].getsockname()[1])
        await stack.enter_async_context(first)
        for host in ("127.9.9.9", *(("::1",) if has_ipv6() else ())):
            await stack.enter_async_context(await asyncio.start_server(serve, host, port))
        made = HostileWorld(port, await stack.enter_async_context(tiny_ats(answer)))
        yield made


Way = Callable[[HostileWorld, bool], Awaitable[None]]
OAUTH = (
    '{kind: oauth2, grant: client_credentials, token_url: "{options.token_url}", '
    'client_id: "{credentials.key}", client_secret: "{credentials.key}"}'
)
FILES = definition_text(more="files: {auth: api}", pagination="{kind: next_url, at: next}").replace(
    "candidate: {external_id: id, first_name: name}",
    "candidate:\n  external_id: id\n  attachments: {each: files, external_id: id, url: href}",
)
OPTIONS = "options: {token_url: {description: where tokens are}}"


@asynccontextmanager
async def connected(text: str, endpoint: str, **settings: Any) -> AsyncIterator[Any]:
    connector = tiny_connector(TinyAts(url=endpoint), text, clock=QuickClock(), **settings)
    try:
        yield connector
    finally:
        await connector.close()


async def endpoint(world: HostileWorld, allowed: bool) -> None:
    async with connected(FILES, world.base, allow_private_networks=allowed) as connector:
        await ids_of(connector)


async def _with_token(world: HostileWorld, url: str, *, allowed: bool) -> None:
    settings = {"options": {"token_url": url}, "allow_private_networks": allowed}
    text = definition_text(auth=OAUTH, more=OPTIONS)
    async with connected(text, world.ats.url, **settings) as connector:
        await ids_of(connector)


async def token_address(world: HostileWorld, allowed: bool) -> None:
    await _with_token(world, f"{world.base}/token", allowed=allowed)


async def redirected_token(world: HostileWorld, allowed: bool) -> None:
    await _with_token(world, f"{world.ats.url}/token", allowed=allowed)


async def next_page(world: HostileWorld, allowed: bool) -> None:
    where = f"{world.ats.url}/honest"
    async with connected(FILES, where, allow_private_networks=allowed) as connector:
        await ids_of(connector)


async def redirected_page(world: HostileWorld, allowed: bool) -> None:
    async with connected(FILES, world.ats.url, allow_private_networks=allowed) as connector:
        await ids_of(connector)


async def _fetch(world: HostileWorld, url: str, *, hosts: tuple[str, ...], allowed: bool) -> None:
    settings = {"attachments": {"hosts": hosts}, "allow_private_networks": allowed}
    async with connected(FILES, world.ats.url, **settings) as connector:
        address = FileAddress(url, None, datetime.now(UTC))
        await connector.fetch_file(FileRef("people", "7", "7", "1"), address, max_bytes=1000)


async def file_address(world: HostileWorld, allowed: bool) -> None:
    await _fetch(world, f"{world.base}/cv.pdf", hosts=(), allowed=allowed)


async def file_host(world: HostileWorld, allowed: bool) -> None:
    await _fetch(world, f"{world.base}/cv.pdf", hosts=(world.base,), allowed=allowed)


async def redirected_file(world: HostileWorld, allowed: bool) -> None:
    await _fetch(world, f"{world.ats.url}/files/1", hosts=(), allowed=allowed)


async def _call(url: str, *, allowed: bool) -> None:
    entry = ByHttp(
        mode="http", url=url, token=SecretStr("service-token"), allow_private_networks=allowed
    )
    client = service_client("The service", entry, MovingClock())
    assert client is not None
    try:
        await client.get("/analytics/hiring", {})
    finally:
        await client.close()


async def service(world: HostileWorld, allowed: bool) -> None:
    await _call(world.base, allowed=allowed)


async def redirected_service(world: HostileWorld, allowed: bool) -> None:
    await _call(world.ats.url, allowed=allowed)


async def _notify(url: str, *, allowed: bool) -> None:
    entry = NotifyByHttp(
        kind="http", url=url, token=SecretStr("notify-token"), allow_private_networks=allowed
    )
    channel = channel_of(entry)
    try:
        await channel.send({"title": "broken"}, delivery_id=UUID(int=1))
    finally:
        await channel.close()


async def notification(world: HostileWorld, allowed: bool) -> None:
    await _notify(f"{world.base}/hook", allowed=allowed)


async def redirected_notification(world: HostileWorld, allowed: bool) -> None:
    await _notify(f"{world.ats.url}/hook", allowed=allowed)


async def _publish(url: str, *, allowed: bool) -> None:
    entry = EventsToHttp(
        kind="http", url=url, secret=SecretStr(SECRET), allow_private_networks=allowed
    )
    sink = publisher_of(entry, SystemClock())
    try:
        offered = await sink.publish([an_event()])
        if offered.failure is not None:
            raise ChannelFailed(offered.failure)
    finally:
        await sink.close()


def an_event() -> Event:
    return Event("e1", EventType.CANDIDATE_CREATED, "acme", "c1", "c1", datetime.now(UTC), {})


async def receiver(world: HostileWorld, allowed: bool) -> None:
    await _publish(f"{world.base}/events", allowed=allowed)


async def redirected_event(world: HostileWorld, allowed: bool) -> None:
    await _publish(f"{world.ats.url}/events", allowed=allowed)


WRITTEN: Mapping[str, Way] = {
    "endpoint": endpoint,
    "token address": token_address,
    "host of files": file_host,
    "ClearView's service": service,
    "notification hook": notification,
    "receiver of events": receiver,
}
"""Addresses that the operator writes: an IP address or `localhost` among them is meant so."""
NAMED: Mapping[str, Way] = {
    "next page": next_page,
    "redirect of a page": redirected_page,
    "address of a file": file_address,
    "redirect of a file": redirected_file,
    "redirect of a token request": redirected_token,
    "redirect of a service": redirected_service,
    "redirect of a notification": redirected_notification,
    "redirect of an event": redirected_event,
}
"""Addresses that a server names."""
REFUSALS = (AtsError, ServiceUnavailable, ServiceFailed, ChannelFailed, ValueError)


def is_written(host: str) -> bool:
    return host.lower() == "localhost" or parsed(host.strip("[]")) is not None


async def tried(world: HostileWorld, way: Way, host: str, *, allowed: bool = False) -> str:
    """Returns `refused`, or what happened instead."""
    world.base = f"http://{host}:{world.port}"
    world.sent.clear()
    world.arrived = 0
    try:
        await way(world, allowed)
    except REFUSALS:
        outcome = "refused"
    else:
        outcome = "accepted"
    reached = world.arrived or len(world.sent)
    return f"{reached} connections" if reached else outcome


async def test_no_connection_is_made_to_this_machine_or_its_network(world: HostileWorld) -> None:
    table: dict[str, list[str]] = {}
    for name, way in {**WRITTEN, **NAMED}.items():
        cells = [
            "meant" if name in WRITTEN and is_written(host) else await tried(world, way, host)
            for host in TARGETS
        ]
        table[name] = cells

    print("\n" + shown(table))
    wrong = {
        (name, host): cell
        for name, cells in table.items()
        for host, cell in zip(TARGETS, cells, strict=True)
        if cell not in ("refused", "meant")
    }
    assert wrong == {}
    assert sum(cell == "refused" for cells in table.values() for cell in cells) > 300


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("host", ["loopback.example", "two.example", "127.0.0.1"])
async def test_the_same_try_arrives_where_the_operator_allows_it(
    world: HostileWorld, name: str, host: str
) -> None:
    assert await tried(world, WRITTEN[name], host, allowed=True) != "refused"
    assert world.arrived > 0


def shown(table: Mapping[str, list[str]]) -> str:
    """One line for each way: how many targets, and what became of them."""
    lines = [f"{'tried':30} {'targets':>8} {'refused':>8} {'meant so':>9} {'connections':>12}"]
    for name, cells in table.items():
        refused, meant = cells.count("refused"), cells.count("meant")
        others = len(cells) - refused - meant
        lines.append(f"{name:30} {len(cells):8} {refused:8} {meant:9} {others:12}")
    return "\n".join([*lines, "targets: " + " ".join(TARGETS)])
