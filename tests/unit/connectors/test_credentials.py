"""Credentials on the wire: where they go, how tokens are kept fresh, and that no error shows them."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from connectors.errors import AtsError, AuthRefused
from connectors.registry import SharedLimits
from tests.support.ats import SteppedClock
from tests.support.tiny_ats import definition_text, ids_of, tiny_ats, tiny_connector

CLIENT = "{client_id: {description: id}, client_secret: {description: secret}}"
OAUTH = (
    '{{kind: oauth2, grant: client_credentials, token_url: "{url}/token", '
    'client_id: "{{credentials.client_id}}", client_secret: "{{credentials.client_secret}}"{more}}}'
)
NOTHING: dict[str, list[object]] = {"rows": []}


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ('{kind: header, name: X-Key, value: "{credentials.key}"}', ("X-Key", "secret-key")),
        ('{kind: bearer, token: "{credentials.key}"}', ("Authorization", "Bearer secret-key")),
        (
            '{kind: basic, username: "{credentials.key}"}',
            ("Authorization", "Basic " + base64.b64encode(b"secret-key:").decode()),
        ),
    ],
)
async def test_a_credential_goes_where_the_definition_says(
    auth: str, header: tuple[str, str]
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(NOTHING)

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(auth=auth))
        await ids_of(connector)
        await connector.close()

    assert ats.headers[0][header[0]] == header[1]


async def test_a_credential_in_the_query_is_on_every_page() -> None:
    async def answer(request: web.Request) -> web.Response:
        following = None if "c" in request.query else "2"
        return web.json_response({"rows": [{"id": 1}], "next": following})

    async with tiny_ats(answer) as ats:
        text = definition_text(
            auth='{kind: query, name: key, value: "{credentials.key}"}',
            pagination="{kind: cursor, parameter: c, at: next, alone: true}",
        )
        connector = tiny_connector(ats, text)
        await ids_of(connector)
        await connector.close()

    assert ats.asked == ["GET /people?key=secret-key", "GET /people?c=2&key=secret-key"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 422, 500])
async def test_no_error_shows_a_credential_or_what_the_answer_said(status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text="Ada Lovelace secret-key", headers={"X": "y"})

    async with tiny_ats(answer) as ats:
        text = definition_text(auth='{kind: query, name: key, value: "{credentials.key}"}')
        connector = tiny_connector(ats, text)
        with pytest.raises(AtsError) as raised:
            await ids_of(connector)
        await connector.close()

    assert "secret-key" not in repr(raised.value)
    assert "Ada" not in repr(raised.value)
    assert raised.value.status == status


class TokenServer:
    """Gives tokens; only the last one given is good."""

    def __init__(self, **extra: object) -> None:
        self.extra = extra
        self.given = 0
        self.forms: list[dict[str, list[str]]] = []
        self.refused = 0

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            self.forms.append(parse_qs((await request.read()).decode()))
            await asyncio.sleep(0.02)
            self.given += 1
            return web.json_response({"access_token": f"t{self.given}", **self.extra})
        if request.headers.get("Authorization") != f"Bearer t{self.given}":
            self.refused += 1
            return web.Response(status=401)
        return web.json_response(NOTHING)


async def test_many_requests_at_once_fetch_one_token() -> None:
    server = TokenServer(expires_in=3600)

    async with tiny_ats(server) as ats:
        text = definition_text(auth=OAUTH.format(url=ats.url, more=""), credentials=CLIENT)
        shared_limits = SharedLimits()
        several = [tiny_connector(ats, text, shared_limits=shared_limits) for _ in range(5)]
        await asyncio.gather(*(ids_of(connector) for connector in several))
        for connector in several:
            await connector.close()

    assert server.given == 1
    assert server.refused == 0
    assert server.forms[0]["grant_type"] == ["client_credentials"]


async def test_a_token_that_was_withdrawn_is_replaced_once() -> None:
    server = TokenServer(expires_in=3600)

    async with tiny_ats(server) as ats:
        text = definition_text(auth=OAUTH.format(url=ats.url, more=""), credentials=CLIENT)
        connector = tiny_connector(ats, text)
        await ids_of(connector)
        server.given += 1  # someone else fetched a token, which ends ours
        await asyncio.gather(*(ids_of(connector) for _ in range(4)))
        await connector.close()

    assert len(server.forms) == 2


async def test_a_credential_that_stays_refused_is_reported_after_one_fresh_token() -> None:
    server = TokenServer()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/token":
            return await server(request)
        return web.Response(status=401)

    async with tiny_ats(answer) as ats:
        text = definition_text(auth=OAUTH.format(url=ats.url, more=""), credentials=CLIENT)
        connector = tiny_connector(ats, text)
        with pytest.raises(AuthRefused):
            await ids_of(connector)
        await connector.close()

    assert server.given == 2


@pytest.mark.parametrize(
    "expiry",
    [
        {"expires_in": 100},
        {"expires_at": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()},
    ],
)
async def test_a_token_that_is_about_to_end_is_fetched_again(expiry: dict[str, object]) -> None:
    server = TokenServer(**expiry)

    async with tiny_ats(server) as ats:
        text = definition_text(auth=OAUTH.format(url=ats.url, more=""), credentials=CLIENT)
        clock = SteppedClock()
        connector = tiny_connector(ats, text, clock=clock)
        await ids_of(connector)
        clock.ahead = timedelta(seconds=101)
        await ids_of(connector)
        await connector.close()

    assert server.given == 2
    assert server.refused == 0


async def test_a_rotated_refresh_token_replaces_the_old_one() -> None:
    server = TokenServer(refresh_token="second", expires_in=100)
    auth = (
        '{{kind: oauth2, grant: refresh_token, token_url: "{url}/token", client_auth: body, '
        'client_id: "{{credentials.client_id}}", client_secret: "{{credentials.client_secret}}", '
        'refresh_token: "{{credentials.refresh}}"}}'
    )
    credentials = CLIENT[:-1] + ", refresh: {description: first refresh token}}"

    async with tiny_ats(server) as ats:
        text = definition_text(auth=auth.format(url=ats.url), credentials=credentials)
        clock = SteppedClock()
        connector = tiny_connector(ats, text, clock=clock)
        await ids_of(connector)
        clock.ahead = timedelta(seconds=101)
        await ids_of(connector)
        await connector.close()

    sent = [form["refresh_token"] for form in server.forms]
    assert sent == [["secret-refresh"], ["second"]]
    assert server.forms[0]["client_secret"] == ["secret-client_secret"]


async def test_a_wrong_client_is_reported_as_a_refused_credential() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"error": "invalid_client"}, status=401)

    async with tiny_ats(answer) as ats:
        text = definition_text(auth=OAUTH.format(url=ats.url, more=""), credentials=CLIENT)
        connector = tiny_connector(ats, text)
        with pytest.raises(AuthRefused, match="client id and secret"):
            await ids_of(connector)
        await connector.close()

    assert ats.asked == ["POST /token"]
