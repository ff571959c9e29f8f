"""Token requests: what each refusal is, when a token is renewed, and what a failure costs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from aiohttp import web

from connectors.errors import (
    AtsError,
    AuthRefused,
    BrokenAnswer,
    Forbidden,
    RateLimited,
    TokenUnavailable,
    Unavailable,
)
from connectors.http.token_store import Grant, InMemoryTokenStore, StoredTokens
from connectors.registry import SharedLimits, SilentObserver
from tests.support.ats import QuickClock, SteppedClock
from tests.support.rotating_tokens import CREDENTIALS, RotatingVendor, rotating_auth
from tests.support.tiny_ats import TinyAts, definition_text, ids_of, tiny_ats, tiny_connector

CLIENT = "{client_id: {description: id}, client_secret: {description: secret}}"
NOTHING: dict[str, list[object]] = {"rows": []}
GOOD = {"access_token": "t1", "expires_in": 3600}


def client_credentials(url: str, more: str = "") -> str:
    return (
        f'{{kind: oauth2, grant: client_credentials, token_url: "{url}/token", '
        'client_id: "{credentials.client_id}", client_secret: "{credentials.client_secret}"'
        f"{more}}}"
    )


def connector_of(ats: TinyAts, more: str = "", **parts: Any) -> Any:
    text = definition_text(auth=client_credentials(ats.url, more), credentials=CLIENT)
    return tiny_connector(ats, text, **parts)


def rotating_connector(ats: TinyAts, **parts: Any) -> Any:
    text = definition_text(auth=rotating_auth(ats.url), credentials=CREDENTIALS)
    return tiny_connector(ats, text, **parts)


# What a refusal is


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (401, {"error": "invalid_client"}, AuthRefused, "check the client id and secret"),
        (400, {"error": "unauthorized_client"}, AuthRefused, "check the client id and secret"),
        (400, None, AuthRefused, "check the client id and secret"),
        (200, {"error": "invalid_client"}, AuthRefused, "answered 200, invalid_client"),
        (403, None, Forbidden, "a permission, a scope or a network rule"),
        (400, {"error": "invalid_scope"}, Forbidden, "a permission, a scope"),
        (404, None, TokenUnavailable, "no tokens are given there; correct `token_url`"),
        (410, None, TokenUnavailable, "no tokens are given there"),
        (405, None, TokenUnavailable, "no tokens are given there"),
        (415, None, TokenUnavailable, "send_as"),
        (422, None, TokenUnavailable, "check `auth` of the definition"),
        (400, {"error": "unsupported_grant_type"}, TokenUnavailable, "check `auth`"),
        (301, None, TokenUnavailable, "answered 301, a redirect"),
        (500, None, Unavailable, "answered 500"),
        (400, {"error": "temporarily_unavailable"}, Unavailable, "temporarily_unavailable"),
        (429, None, RateLimited, "slow down"),
        (200, [1], BrokenAnswer, "no JSON object"),
        (200, {"token": "x"}, BrokenAnswer, "has no access_token"),
        (200, {"access_token": "a\r\nX: y"}, BrokenAnswer, "cannot be sent"),
        (200, {"access_token": "to\u200bken"}, BrokenAnswer, "cannot be sent"),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else None,
)
async def test_each_refusal_of_a_token_is_reported_by_its_cause(
    status: int, body: Any, error: type[AtsError], says: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        if body is None:
            return web.Response(status=status, text="<p>Ada secret-client_secret</p>")
        return web.json_response(body, status=status)

    async with tiny_ats(answer) as ats:
        connector = connector_of(ats)
        with pytest.raises(error) as raised:
            await ids_of(connector)
        await connector.close()

    assert says in str(raised.value)
    assert raised.type is error
    assert "Ada" not in str(raised.value)
    assert "secret-client" not in repr(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"access_token": "t1"}',
        '{"access_token": "t1"}'.encode("utf-16"),
        b'{"access_token": "t1", "owner": "Zo\xeb"}',
        b'{"access_token": "t1", "quota": NaN}',
        b'{"access_token": "t1", "owner": "Z\no"}',
    ],
    ids=["byte-order mark", "utf-16", "latin-1", "nan", "line break"],
)
async def test_a_token_is_read_as_vendors_send_it_like_a_record(body: bytes) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.Response(body=body, content_type="application/json")
        assert request.headers["Authorization"] == "Bearer t1"
        return web.json_response({"rows": [{"id": "1"}]})

    async with tiny_ats(answer) as ats:
        connector = connector_of(ats)
        ids = await ids_of(connector)
        await connector.close()

    assert ids == ["1"]


async def test_a_wrong_address_that_is_an_option_is_named_as_one() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=404)

    async with tiny_ats(answer) as ats:
        auth = client_credentials(ats.url).replace(f"{ats.url}/token", "{options.token_url}")
        text = definition_text(
            auth=auth, credentials=CLIENT, more="options: {token_url: {description: where}}"
        )
        connector = tiny_connector(ats, text, options={"token_url": f"{ats.url}/wrong"})
        with pytest.raises(
            TokenUnavailable, match=r"correct `options.token_url` of the integration"
        ):
            await ids_of(connector)
        await connector.close()

    assert ats.asked == ["POST /wrong"], "asking the same again cannot help"


async def test_a_web_page_in_place_of_a_token_names_the_address() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="<p>Log in, Ada</p>", content_type="text/html")

    async with tiny_ats(answer) as ats:
        connector = connector_of(ats)
        with pytest.raises(BrokenAnswer, match=r"got text/html; is `token_url` .* right"):
            await ids_of(connector)
        await connector.close()


@pytest.mark.parametrize("answered", [404, 403, 503])
async def test_a_login_says_the_same_of_its_address(answered: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=answered)

    expected = {404: "correct `auth.request`", 403: "a permission", 503: "answered 503"}
    async with tiny_ats(answer) as ats:
        auth = '{kind: login, request: {post: /login, body: {key: "{credentials.key}"}}, token: t}'
        connector = tiny_connector(ats, definition_text(auth=auth))
        with pytest.raises(AtsError) as raised:
            await ids_of(connector)
        await connector.close()

    assert expected[answered] in str(raised.value)
    assert not isinstance(raised.value, AuthRefused)


async def test_an_outage_of_the_token_address_is_waited_for_as_long_as_it_says() -> None:
    clock = QuickClock()

    async def answer(request: web.Request) -> web.Response:
        if len(ats.asked) == 1:
            return web.Response(status=503, headers={"Retry-After": "9"})
        return web.json_response(GOOD if request.path == "/token" else NOTHING)

    async with tiny_ats(answer) as ats:
        connector = connector_of(ats, clock=clock)
        await ids_of(connector)
        await connector.close()

    assert 9 <= sum(clock.slept) <= 10


# How it is asked


@pytest.mark.parametrize("client_auth", ["basic", "body"])
async def test_a_token_is_requested_as_json_where_the_definition_says_so(client_auth: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(GOOD if request.path == "/token" else NOTHING)

    async with tiny_ats(answer) as ats:
        more = f", send_as: json, client_auth: {client_auth}, form: {{scope: read}}"
        connector = connector_of(ats, more)
        await ids_of(connector)
        await connector.close()
    sent = msgspec.json.decode(ats.bodies[0])

    assert ats.headers[0]["Content-Type"] == "application/json"
    assert {**sent, "client_id": "", "client_secret": ""} == {
        "grant_type": "client_credentials",
        "scope": "read",
        "client_id": "",
        "client_secret": "",
    }
    assert ("client_secret" in sent) == (client_auth == "body")
    assert ("Authorization" in ats.headers[0]) == (client_auth == "basic")


async def test_a_rotated_token_is_found_beside_the_access_token() -> None:
    spent: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        if request.path != "/token":
            return web.json_response(NOTHING)
        spent.append(msgspec.json.decode(await request.read()))
        inner = {"access_token": f"a{len(spent)}", "refresh_token": f"r{len(spent)}"}
        return web.json_response({"data": {**inner, "expires_in": 100}})

    async with tiny_ats(answer) as ats:
        auth = rotating_auth(ats.url, ", send_as: json, token: data.access_token")
        text = definition_text(auth=auth, credentials=CREDENTIALS)
        clock = SteppedClock()
        connector = tiny_connector(ats, text, clock=clock)
        await ids_of(connector)
        clock.ahead = timedelta(seconds=101)
        await ids_of(connector)
        await connector.close()

    assert [each["refresh_token"] for each in spent] == ["secret-refresh", "r1"]


# When it is renewed


class Refusing:
    """Gives one token that lives 100 s, and then refuses in some way."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.asked = 0
        self.used: list[str] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/token":
            self.used.append(request.headers["Authorization"])
            return web.json_response(NOTHING)
        self.asked += 1
        if self.asked == 1:
            return web.json_response({"access_token": "t1", "expires_in": 100})
        if self.status is None:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=self.status or 200)


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 429, 500, None], ids=lambda status: str(status or "cut off")
)
async def test_a_renewal_that_fails_early_costs_nothing_while_the_token_is_good(
    status: int | None,
) -> None:
    vendor, clock = Refusing(status), SteppedClock()

    async with tiny_ats(vendor) as ats:
        connector = connector_of(ats, clock=clock)
        await ids_of(connector)
        clock.ahead = timedelta(seconds=90)
        for _ in range(5):
            await ids_of(connector)
            await asyncio.sleep(0.02)
        in_time, tried = list(vendor.used), vendor.asked
        clock.ahead = timedelta(seconds=101)
        with pytest.raises(AtsError):
            await asyncio.wait_for(connector.check(), 5)
        await connector.close()

    assert in_time == ["Bearer t1"] * 6
    assert tried == 2, "what failed early is not tried again with each request"


class Listening(SilentObserver):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, *, integration: str, message: str) -> None:
        self.warnings.append(message)


async def test_a_renewal_that_failed_early_is_reported_once_and_tried_again_later() -> None:
    vendor, clock, heard = Refusing(401), SteppedClock(), Listening()

    async with tiny_ats(vendor) as ats:
        connector = connector_of(ats, clock=clock)
        connector.parts.transport.observer = heard
        await ids_of(connector)
        for seconds in (85, 86, 87, 96, 97):
            clock.ahead = timedelta(seconds=seconds)
            await ids_of(connector)
            await asyncio.sleep(0.02)
        await connector.close()

    assert vendor.asked == 3
    assert len(heard.warnings) == 1
    assert "AuthRefused" in heard.warnings[0]
    assert "the present one is used until" in heard.warnings[0]


async def test_a_token_address_that_hangs_early_holds_up_no_request() -> None:
    release, asked = asyncio.Event(), 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        if request.path != "/token":
            return web.json_response(NOTHING)
        asked += 1
        if asked > 1:
            await release.wait()
        return web.json_response({"access_token": f"t{asked}", "expires_in": 100})

    clock = SteppedClock()
    async with tiny_ats(answer) as ats:
        connector = connector_of(ats, clock=clock)
        await ids_of(connector)
        clock.ahead = timedelta(seconds=85)
        async with asyncio.timeout(5):
            await asyncio.gather(*(ids_of(connector) for _ in range(5)))
        release.set()
        async with asyncio.timeout(5):
            while ats.headers[-1].get("Authorization") != "Bearer t2":
                await ids_of(connector)
        await connector.close()

    assert asked == 2


async def test_a_token_of_unknown_life_is_used_until_it_is_refused() -> None:
    asked, clock = 0, SteppedClock()

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        if request.path != "/token":
            return web.json_response(NOTHING)
        asked += 1
        if asked > 1:
            return web.Response(status=401)
        return web.json_response({"access_token": "t1", "expires_in": 0})

    async with tiny_ats(answer) as ats:
        connector = connector_of(ats, clock=clock)
        for hours in range(4):
            clock.ahead = timedelta(hours=hours)
            await ids_of(connector)
            await asyncio.sleep(0.02)
        await connector.close()

    assert asked == 4


async def test_a_moment_of_expiry_counts_by_the_vendors_clock() -> None:
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        if request.path != "/token":
            return web.json_response(NOTHING)
        asked += 1
        body = {"access_token": "t", "expires_at": "2020-01-01T01:00:00Z"}
        return web.json_response(body, headers={"Date": "Wed, 01 Jan 2020 00:00:00 GMT"})

    async with tiny_ats(answer) as ats:
        connector = connector_of(ats)
        for _ in range(3):
            await ids_of(connector)
        await connector.close()

    assert asked == 1


async def test_who_waits_for_a_failing_token_request_shares_its_failure() -> None:
    asked, request_came, release = 0, asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        request_came.set()
        await release.wait()
        return web.Response(status=404)

    async with tiny_ats(answer) as ats:
        connector = connector_of(ats)
        waiting = [asyncio.create_task(ids_of(connector)) for _ in range(8)]
        await request_came.wait()
        release.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        await connector.close()

    assert asked == 1
    assert {type(error) for error in found} == {TokenUnavailable}


# What a rotated token needs


class ClumsyStore(InMemoryTokenStore):
    """Fails to store as often as asked."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.kept: list[StoredTokens] = []

    @asynccontextmanager
    async def claim(self, grant: Grant) -> AsyncIterator[Any]:
        store = self
        async with super().claim(grant) as held:

            class Claim:
                tokens = held.tokens

                async def keep(self, tokens: StoredTokens) -> bool:
                    if store.failures:
                        store.failures -= 1
                        raise TokenUnavailable("the disk is full", operation="token")
                    store.kept.append(tokens)
                    return bool(await held.keep(tokens))

            yield Claim()


async def test_a_new_refresh_token_is_stored_before_anything_is_sent_with_it() -> None:
    vendor, store = RotatingVendor(), ClumsyStore(failures=6)

    async with tiny_ats(vendor) as ats:
        connector = rotating_connector(ats, shared_limits=SharedLimits(token_store=store))
        for _ in range(2):
            with pytest.raises(TokenUnavailable, match="the disk is full"):
                await ids_of(connector)
        asked = list(ats.asked)
        found = await ids_of(connector)
        await connector.close()

    assert asked == ["POST /token"], "no second refresh token is spent, and the list not asked"
    assert found == ["1"]
    assert [tokens.refresh for tokens in store.kept] == ["refresh-1"]
    assert vendor.spent == ["secret-refresh"]


async def test_a_request_that_is_cancelled_does_not_lose_the_token_that_was_given() -> None:
    vendor, store = RotatingVendor(), InMemoryTokenStore()
    given, release = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        answered = await vendor(request)
        if request.path == "/token":
            given.set()
            await release.wait()
        return answered

    async with tiny_ats(answer) as ats:
        connector = rotating_connector(ats, shared_limits=SharedLimits(token_store=store))
        reading = asyncio.create_task(ids_of(connector))
        await given.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        release.set()
        await connector.close()
        again = rotating_connector(ats, shared_limits=SharedLimits(token_store=store))
        found = await ids_of(again)
        await again.close()

    assert found == ["1"]
    assert vendor.refused == []


async def test_a_restart_goes_on_with_the_tokens_that_were_stored() -> None:
    vendor, store = RotatingVendor(), InMemoryTokenStore()

    async with tiny_ats(vendor) as ats:
        for _ in range(3):
            connector = rotating_connector(ats, shared_limits=SharedLimits(token_store=store))
            assert await ids_of(connector) == ["1"]
            await connector.close()

    assert vendor.spent == ["secret-refresh"], "the access token is still good"


async def test_two_processes_spend_each_refresh_token_once() -> None:
    vendor, store = RotatingVendor(expires_in=100), InMemoryTokenStore()
    clock = SteppedClock()

    async with tiny_ats(vendor) as ats:
        several = [
            rotating_connector(ats, shared_limits=SharedLimits(token_store=store), clock=clock)
            for _ in range(4)
        ]
        for _ in range(5):
            await asyncio.gather(*(ids_of(connector) for connector in several))
            clock.ahead += timedelta(seconds=50)
        for connector in several:
            await connector.close()

    assert len(vendor.spent) == len(set(vendor.spent)) >= 3
    assert vendor.refused == []


async def test_a_spent_refresh_token_is_named_as_such() -> None:
    vendor = RotatingVendor(first="another")

    async with tiny_ats(vendor) as ats:
        connector = rotating_connector(ats)
        with pytest.raises(AuthRefused, match="was used elsewhere; sign in at the ATS again"):
            await ids_of(connector)
        await connector.close()


async def test_users_with_one_refresh_token_do_not_share_access_tokens() -> None:
    store, names = InMemoryTokenStore(), []

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/token":
            name = parse_qs((await request.read()).decode())["sub"][0]
            return web.json_response(
                {"access_token": f"of-{name}", "refresh_token": "r", "expires_in": 3600}
            )
        names.append(request.headers["Authorization"])
        return web.json_response(NOTHING)

    async with tiny_ats(answer) as ats:
        text = definition_text(
            auth=rotating_auth(ats.url, ', form: {sub: "{acting_user}"}'),
            credentials=CREDENTIALS,
            more="acting_user: {needed: optional, description: who}",
        )
        for user in ("ada", "bob"):
            shared_limits = SharedLimits(token_store=store)
            connector = tiny_connector(ats, text, shared_limits=shared_limits, acting_user=user)
            await ids_of(connector)
            await connector.close()

    assert names == ["Bearer of-ada", "Bearer of-bob"]
