"""Events at the port, with real MongoDB: which are stored, and which are refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256

import aiohttp
import pytest
from aiohttp import web

from connectors.read.webhooks import WebhookReader
from connectors.registry import load_definition
from daemon.core.webhooks import Received
from daemon.http.guard import problems
from daemon.http.request_rates import Rate, RequestLimiter, RequestRates
from daemon.http.webhooks import Webhooks
from daemon.runtime.metrics import PrometheusMetrics
from daemon.store.connection import Mongo
from daemon.store.webhook_events import MongoWebhookEventStore
from tests.support.fake_ats import START
from tests.support.moving_clock import MovingClock
from tests.support.sample_rows import an_integration
from tests.support.webhook_senders import SECRET, SIGN, payload_of

pytestmark = pytest.mark.mongo
EVENT = SIGN["ashby"](payload_of("ashby", "c1", "a1"))


@pytest.fixture
def configured() -> dict[str, WebhookReader]:
    """The integrations that the configuration has at present."""
    webhook = load_definition("ashby").model.webhook
    assert webhook is not None
    return {"acme": WebhookReader(webhook, [SECRET], {"applications": "applications"})}


@pytest.fixture
async def port(
    opened: Mongo, configured: dict[str, WebhookReader]
) -> AsyncIterator[aiohttp.ClientSession]:
    store = MongoWebhookEventStore(opened)
    app = web.Application(middlewares=[problems])
    metrics = PrometheusMetrics()
    limiter = RequestLimiter(RequestRates(integration=Rate(3, 0.001)), metrics)
    app.add_routes(Webhooks(configured.get, store, MovingClock(), metrics, limiter).routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
        yield client
    await runner.cleanup()


async def status_of(port: aiohttp.ClientSession) -> int:
    headers, body = EVENT
    async with port.post("/webhooks/acme", data=body, headers=headers) as answer:
        return answer.status


async def test_an_event_of_a_paused_integration_is_stored_and_waits(
    port: aiohttp.ClientSession, opened: Mongo
) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme", state="paused"))

    assert await status_of(port) == 200

    [event] = await opened.own["webhook_events"].find().to_list()
    assert (event["state"], event["records"]) == ("pending", {"applications": ["a1"]})


async def test_an_event_of_an_integration_that_is_no_longer_configured_is_not_stored(
    port: aiohttp.ClientSession, opened: Mongo, configured: dict[str, WebhookReader]
) -> None:
    del configured["acme"]

    assert await status_of(port) == 404
    assert await opened.own["webhook_events"].count_documents({}) == 0


async def test_the_signed_events_of_one_integration_are_limited_and_forged_ones_do_not_count(
    port: aiohttp.ClientSession, opened: Mongo
) -> None:
    forged = SIGN["ashby"](payload_of("ashby", "c1", "a1"), secret="guess")
    good = [SIGN["ashby"](payload_of("ashby", "c1", f"a{n}")) for n in range(4)]
    statuses = []

    for headers, body in (*good[:2], *[forged] * 5, *good[2:]):
        async with port.post("/webhooks/acme", data=body, headers=headers) as answer:
            statuses.append(answer.status)

    assert statuses == [200, 200, *[401] * 5, 200, 429]
    assert answer.headers["Retry-After"].isdigit()
    assert await opened.own["webhook_events"].count_documents({}) == 3


async def test_an_event_whose_note_failed_is_noted_when_it_is_sent_again(
    port: aiohttp.ClientSession, opened: Mongo
) -> None:
    settings = opened.own.ats_integration_settings
    await settings.insert_one(an_integration("acme"))
    assert await status_of(port) == 200
    await settings.update_one({}, {"$unset": {"webhook_at": ""}})

    assert await status_of(port) == 200

    [noted] = await settings.find().to_list()
    assert noted["webhook_at"] is not None
    await opened.own["webhook_events"].update_one({}, {"$set": {"state": "applied"}})
    await settings.update_one({}, {"$unset": {"webhook_at": ""}})
    assert await status_of(port) == 200
    [later] = await settings.find().to_list()
    assert "webhook_at" not in later


async def test_a_receiver_whose_clock_is_ahead_hides_no_event_of_another(opened: Mongo) -> None:
    settings, store = opened.own.ats_integration_settings, MongoWebhookEventStore(opened)
    await settings.insert_one(an_integration("acme"))
    noted = []

    for number, ahead in enumerate((timedelta(days=1), timedelta(0), timedelta(seconds=1))):
        event = Received(f"e{number}", "moved", {"applications": ["a1"]})
        await store.receive("acme", event, START + ahead)
        noted += [row["webhook_at"] for row in await settings.find().to_list()]

    assert len(set(noted)) == 3


async def test_an_events_odd_id_is_replaced_by_a_digest(
    opened: Mongo, configured: dict[str, WebhookReader], port: aiohttp.ClientSession
) -> None:
    webhook = load_definition("greenhouse").model.webhook
    assert webhook is not None
    configured["acme"] = WebhookReader(webhook, [SECRET], {"applications": "applications"})
    headers, body = SIGN["greenhouse"](payload_of("greenhouse", "1", "2"))
    signature = headers["Signature"].encode()
    url = port._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)

    writer.write(
        b"POST /webhooks/acme HTTP/1.1\r\nHost: x\r\nConnection: close\r\nSignature: %b\r\n"
        b"Greenhouse-Event-ID: \xff\xfe\r\nContent-Length: %d\r\n\r\n%b"
        % (signature, len(body), body)
    )
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 200 ")
    [event] = await opened.own["webhook_events"].find().to_list()
    assert event["event_id"] == sha256(body).hexdigest()
