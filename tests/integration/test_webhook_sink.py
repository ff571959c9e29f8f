"""Events as signed webhooks, against a receiver that knows the specification."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon.core.events import IMPORTS, Event, LogRow, Naming, SinkAway, event_of
from daemon.events.webhook_sink import AT_ONCE, WebhookSink, secrets_of, signature
from tests.support.event_sinks import SECRET, WebhookReceiver
from tests.support.log_rows import ACME, import_row
from tests.support.moving_clock import MovingClock

OTHER = "whsec_" + "b" * 32


def an_event(person: str = "1") -> Event:
    found = event_of(LogRow(IMPORTS, import_row(person)), Naming({ACME: "acme"}))
    assert found is not None
    return found


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[WebhookReceiver, str]]:
    found = WebhookReceiver()
    async with TestServer(found.app()) as server:
        yield found, str(server.make_url("/hook"))


@pytest.fixture
async def sink(receiver: tuple[WebhookReceiver, str]) -> AsyncIterator[WebhookSink]:
    opened = WebhookSink(receiver[1], secrets_of(SECRET), MovingClock())
    yield opened
    await opened.close()


def test_the_signature_is_that_of_the_specification() -> None:
    found = signature(
        secrets_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_sign_twice_so_that_one_can_be_replaced() -> None:
    both = signature(secrets_of(f"{OTHER} {SECRET}"), "1", 1, b"{}").split()

    assert both == [signature(secrets_of(one), "1", 1, b"{}") for one in (OTHER, SECRET)]


async def test_an_event_arrives_signed_and_as_a_cloudevent(
    sink: WebhookSink, receiver: tuple[WebhookReceiver, str]
) -> None:
    event = an_event()
    offered = await sink.publish([event])

    assert list(offered.taken) == [event.id]
    assert receiver[0].problems == []
    (arrived,) = receiver[0].events
    assert (arrived["specversion"], arrived["id"]) == ("1.0", event.id)
    assert arrived["time"] == "2026-11-23T08:00:00.000Z"


async def test_many_events_are_sent_a_few_at_a_time(
    sink: WebhookSink, receiver: tuple[WebhookReceiver, str]
) -> None:
    events = [an_event(str(n)) for n in range(50)]
    offered = await sink.publish(events)

    assert sorted(offered.taken) == sorted(event.id for event in events)
    assert receiver[0].most_at_once <= AT_ONCE


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (500, "The receiver answered 500."),
        (401, "The receiver answered 401."),
        (410, "The receiver answered 410."),
        (302, "The receiver answered 302."),
    ],
)
async def test_a_receiver_that_fails_is_tried_again(
    sink: WebhookSink, receiver: tuple[WebhookReceiver, str], answer: int, failure: str
) -> None:
    receiver[0].answers.append(answer)
    offered = await sink.publish([an_event()])

    assert (list(offered.taken), offered.failure) == ([], failure)


async def test_what_was_taken_beside_a_failure_is_known(
    sink: WebhookSink, receiver: tuple[WebhookReceiver, str]
) -> None:
    receiver[0].answers.append(503)
    events = [an_event(str(n)) for n in range(20)]
    offered = await sink.publish(events)

    assert len(offered.taken) == AT_ONCE - 1
    assert offered.failure == "The receiver answered 503."


async def test_a_receiver_may_ask_for_a_pause(
    sink: WebhookSink, receiver: tuple[WebhookReceiver, str]
) -> None:
    receiver[0].answers.append(web.Response(status=429, headers={"Retry-After": "90"}))
    offered = await sink.publish([an_event()])

    assert offered.retry_after_s == pytest.approx(90, abs=1)


async def test_a_refused_event_is_no_failure_of_the_receiver(
    sink: WebhookSink, receiver: tuple[WebhookReceiver, str]
) -> None:
    receiver[0].answers.append(422)
    event = an_event()
    offered = await sink.publish([event])

    assert (offered.refused, offered.failure) == ({event.id: "HTTP 422"}, None)


async def test_a_receiver_that_is_away_is_a_failure_without_its_address(
    closed_port: int,
) -> None:
    url = f"http://127.0.0.1:{closed_port}/secret-path"
    sink = WebhookSink(url, secrets_of(SECRET), MovingClock())
    offered = await sink.publish([an_event()])
    with pytest.raises(SinkAway) as away:
        await sink.check()
    await sink.close()

    assert offered.failure == "The receiver cannot be reached (ClientConnectorError)."
    assert "secret-path" not in str(away.value)


@pytest.fixture
async def closed_port() -> int:
    async def never(*_: Any) -> None: ...

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_a_check_needs_no_event(sink: WebhookSink) -> None:
    assert await sink.check() == "answers (HTTP 405 to OPTIONS)"


async def test_a_receiver_that_does_not_answer_is_given_up_in_time() -> None:
    release = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", hang)
    async with TestServer(app) as server:
        sink = WebhookSink(
            str(server.make_url("/")), secrets_of(SECRET), MovingClock(), timeout_s=0.1
        )
        offered = await sink.publish([an_event()])
        release.set()
        await sink.close()

    assert offered.failure == "The receiver cannot be reached (TimeoutError)."
