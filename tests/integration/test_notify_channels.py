"""Channels as the operator's file names them."""

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import apprise
import pytest
from apprise.decorators import notify
from pydantic import SecretStr

from config.operator_clearview import NotifyByApprise, NotifyByHttp
from connectors.simulator import Fault
from connectors.simulator.clearview_services import ClearViewServices
from daemon.alerts.apprise_channel import AppriseChannel
from daemon.alerts.channels import Channels
from daemon.alerts.http_channel import HttpChannel
from daemon.core.alert_payload import payload_of
from daemon.core.alerting import AlertMessage, AlertState
from daemon.core.notifications import ChannelFailed
from models.errors import UserError
from tests.support.moving_clock import START

# Apprise imports all of its services, and one of them an old module of Python's own library.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SCHEME = "clearviewtest"


def a_payload(**changes: Any) -> dict[str, Any]:
    alert = AlertState(uuid4(), "k", "auth_refused", "error", "Login refused", "Renew it.", START)
    return {**payload_of(AlertMessage("opened", (alert,))), **changes}


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str, str]]]:
    """What came out of a notification service that lives in this process."""
    messages: list[tuple[str, str, str]] = []

    @notify(on=SCHEME)
    def _take(body: str, title: str, notify_type: str, *_: Any, **__: Any) -> bool:
        messages.append((title, body, str(notify_type)))
        return title != "refuse this"

    yield messages
    apprise.manager_plugins.NotificationManager().remove(SCHEME)


async def test_apprise_gets_title_and_advice(heard: list[tuple[str, str, str]]) -> None:
    await AppriseChannel(f"{SCHEME}://").send(a_payload(), delivery_id=uuid4())

    assert heard == [("Login refused", "Renew it.", "failure")]


async def test_apprise_hears_that_it_is_over(heard: list[tuple[str, str, str]]) -> None:
    payload = a_payload(state="resolved", title="Resolved: Login refused")
    await AppriseChannel(f"{SCHEME}://").send(payload, delivery_id=uuid4())

    ((title, body, kind),) = heard
    assert (title, kind) == ("Resolved: Login refused", "success")
    assert "2026-03-02 09:00 UTC" in body


@pytest.mark.usefixtures("heard")
async def test_a_service_that_takes_nothing_is_tried_again_later() -> None:
    with pytest.raises(ChannelFailed):
        await AppriseChannel(f"{SCHEME}://").send(
            a_payload(title="refuse this"), delivery_id=uuid4()
        )


@pytest.mark.usefixtures("heard")
def test_a_channels_name_is_stable_and_holds_no_secret() -> None:
    first, same, other = (
        AppriseChannel(f"{SCHEME}://secret-{n}@host") for n in ("one", "one", "two")
    )

    assert first.name == same.name != other.name
    assert "secret" not in first.name


@pytest.mark.parametrize(
    "url",
    [
        "slack://bad CANARY url",
        "nosuchservice://CANARY/CANARY",
        "mailto://me:CANARY@127.0.0.1:9?to=CANARY",
        "discord://CANARY",
        "CANARY",
        "CANARY:CANARY",
        "json://user:CANARY@[CANARY/CANARY",
    ],
)
def test_an_address_that_cannot_be_used_is_quoted_neither_in_the_error_nor_in_the_log(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    with pytest.raises(UserError) as refused:
        AppriseChannel(url)

    assert "CANARY" not in caplog.text
    assert "CANARY" not in f"{refused.value} {refused.value.remedy}"


def test_an_http_channels_name_is_stable_and_holds_no_part_of_its_path() -> None:
    first, same, other = (
        HttpChannel(f"https://hooks.example/services/secret-{n}", "t")
        for n in ("one", "one", "two")
    )

    assert first.name == same.name != other.name
    assert first.name.startswith("http:hooks.example:")
    assert "secret" not in first.name


def test_an_address_that_is_none_is_a_mistake_of_the_operator() -> None:
    with pytest.raises(UserError) as refused:
        AppriseChannel("nosuchservice://token@host")

    assert "token" not in str(refused.value)


@pytest.fixture
async def services() -> AsyncIterator[ClearViewServices]:
    async with ClearViewServices(token="t") as running:
        yield running


async def test_the_notification_service_may_ask_for_a_pause(services: ClearViewServices) -> None:
    channel = HttpChannel(services.url, "t")
    services.faults.add(Fault("error", status=429, retry_after=90))
    with pytest.raises(ChannelFailed) as failed:
        await channel.send(a_payload(), delivery_id=uuid4())
    await channel.close()

    assert failed.value.retry_after_s == 90


@pytest.mark.usefixtures("heard")
async def test_the_operators_list_becomes_channels(services: ClearViewServices) -> None:
    http, chat = Channels(
        [
            NotifyByHttp(kind="http", url=services.url, token=SecretStr("t")),
            NotifyByApprise(kind="apprise", url=SecretStr(f"{SCHEME}://")),
        ]
    ).open
    await http.send(a_payload(), delivery_id=uuid4())
    await http.close()

    assert isinstance(http, HttpChannel)
    assert isinstance(chat, AppriseChannel)
    assert [n.title for n in services.notifications] == ["Login refused"]


async def test_an_edit_keeps_the_channels_of_entries_that_are_as_they_were(
    heard: list[tuple[str, str, str]], services: ClearViewServices
) -> None:
    chat = NotifyByApprise(kind="apprise", url=SecretStr(f"{SCHEME}://"))
    channels = Channels([chat, _http(services, "old")])
    before = channels.open

    channels.become([_http(services, "new"), chat])

    assert channels.open[1] is before[0]
    assert channels.open[0] not in before
    assert channels.open[0].name == before[1].name


def test_an_edit_with_an_address_that_is_none_changes_nothing(
    services: ClearViewServices,
) -> None:
    channels = Channels([_http(services, "old")])
    before = channels.open
    wrong = NotifyByApprise(kind="apprise", url=SecretStr("nonsense"))
    with pytest.raises(UserError):
        channels.become([_http(services, "new"), wrong])

    assert channels.open == before


def _http(services: ClearViewServices, token: str) -> NotifyByHttp:
    return NotifyByHttp(kind="http", url=services.url, token=SecretStr(token))
