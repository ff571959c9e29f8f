"""A simulated account announces its changes as its vendor does, and badly on command."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from connectors.simulator import Simulator
from connectors.simulator.commands import run_command
from connectors.simulator.webhook_events import SIGNERS, hex_digest

Received = asyncio.Queue[tuple[dict[str, str], bytes]]


@pytest.fixture
async def received() -> AsyncIterator[tuple[str, Received]]:
    """An address that takes events, and what came."""
    events: Received = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        events.put_nowait((dict(request.headers), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", events
    await runner.cleanup()


def is_signed(event: tuple[dict[str, str], bytes], key: str = "key-1") -> bool:
    headers, body = event
    return headers["Ashby-Signature"] == f"sha256={hex_digest(key, body)}"


@pytest.fixture
async def ashby(start: Any, received: tuple[str, Received]) -> Simulator:
    simulator: Simulator = await start("ashby", candidates=20)
    simulator.send_webhooks(received[0], "key-1")
    return simulator


@pytest.mark.parametrize("vendor", sorted(SIGNERS))
async def test_every_vendor_with_webhooks_announces_a_move(
    start: Any, received: tuple[str, Received], vendor: str
) -> None:
    simulator = await start(vendor, candidates=20)
    simulator.send_webhooks(received[0], "key-1")
    done = run_command(simulator, {"kind": "move"})

    _, body = await received[1].get()

    assert str(done["candidate"]) in body.decode() or str(done["application"]) in body.decode()


async def test_a_change_that_the_vendor_has_no_event_for_is_not_announced(
    ashby: Simulator, received: tuple[str, Received]
) -> None:
    run_command(ashby, {"kind": "edit_person", "changes": {"title": "T"}})
    run_command(ashby, {"kind": "move", "event": "none"})
    done = run_command(ashby, {"kind": "move"})

    _, body = await received[1].get()

    assert str(done["application"]) in body.decode()


async def test_events_come_twice_forged_and_out_of_order_on_command(
    ashby: Simulator, received: tuple[str, Received]
) -> None:
    run_command(ashby, {"kind": "move", "event": "twice"})
    first, second = await received[1].get(), await received[1].get()
    run_command(ashby, {"kind": "move", "event": "forged"})
    forged = await received[1].get()
    held = [run_command(ashby, {"kind": "move", "event": "held"}) for _ in range(2)]
    assert ashby.webhooks is not None
    released = ashby.webhooks.release(reverse=True)
    late = [(await received[1].get())[1].decode() for _ in range(released)]

    assert first[1] == second[1]
    assert is_signed(first)
    assert not is_signed(forged)
    assert [str(done["application"]) in body for done, body in zip(held[::-1], late, strict=True)]


async def test_a_vendor_without_webhooks_says_so(start: Any) -> None:
    simulator = await start("bamboohr", candidates=5)

    with pytest.raises(ValueError, match="bamboohr sends no webhooks"):
        simulator.send_webhooks("http://127.0.0.1:1/", "key-1")
