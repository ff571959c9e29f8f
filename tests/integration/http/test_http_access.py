"""Who may use the API, and what every answer carries."""

import socket

import pytest
from aiohttp import HttpVersion10, web
from msgspec.structs import replace

from daemon.http.guard import is_loopback
from daemon.http.request_rates import Rate, RequestRates
from models.errors import UserError
from tests.support.http_port import Serve

pytestmark = pytest.mark.mongo
INTEGRATIONS = "/api/v1/integrations"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_api_wants_the_token_once_one_is_configured(serve: Serve) -> None:
    client = await serve("s3cret")

    async with client.get(INTEGRATIONS) as without:
        assert without.status == 401
        assert without.headers["WWW-Authenticate"].startswith("Bearer")
    async with client.get(INTEGRATIONS, headers=bearer("s3cret")) as with_it:
        assert with_it.status == 200


@pytest.mark.parametrize(
    "given", ["Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret", "Bearer ", "Bearer \xff"]
)
async def test_anything_but_the_token_is_refused(serve: Serve, given: str) -> None:
    client = await serve("s3cret")

    async with client.get(INTEGRATIONS, headers={"Authorization": given}) as answer:
        assert answer.status == 401
        assert "s3cret" not in await answer.text()


async def test_without_a_token_this_machine_is_answered(serve: Serve) -> None:
    client = await serve()

    async with client.get(INTEGRATIONS) as answer:
        assert answer.status == 200


async def test_without_a_token_another_machine_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.BaseRequest, "remote", "203.0.113.9")
    client = await serve()

    async with client.get(INTEGRATIONS) as api, client.get("/healthz") as health:
        assert api.status == 403
        assert "ATS_SYNC_ADMIN_TOKEN" in (await api.json(content_type=None))["detail"]
        assert health.status == 200


async def test_with_the_token_another_machine_is_answered(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.BaseRequest, "remote", "203.0.113.9")
    client = await serve("s3cret")

    async with client.get(INTEGRATIONS, headers=bearer("s3cret")) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
        {"x-forwarded-proto": "https"},
        {"X-Forwarded-Host": "127.0.0.1"},
        {"X-Forwarded-Server": "proxy"},
        {"X-Envoy-External-Address": "203.0.113.9"},
        {"CF-Connecting-IP": "203.0.113.9"},
        {"X-Amzn-Trace-Id": "Root=1-2-3"},
        {"Via": ""},
        {"Host": "rebound.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_without_a_token_neither_proxies_nor_web_pages_get_through(
    serve: Serve, headers: dict[str, str]
) -> None:
    client = await serve()

    async with client.post(f"{INTEGRATIONS}/acme/pause", headers=headers) as answer:
        assert answer.status == 403


async def test_without_a_token_http_1_0_may_be_a_proxy_that_adds_no_header(serve: Serve) -> None:
    old = await serve(version=HttpVersion10)
    with_token = await serve("s3cret", version=HttpVersion10)

    async with old.get(INTEGRATIONS) as api, old.get("/healthz") as health:
        assert (api.status, health.status) == (403, 200)
    async with with_token.get(INTEGRATIONS, headers=bearer("s3cret")) as api:
        assert api.status == 200


async def test_with_the_token_a_proxied_request_is_answered(serve: Serve) -> None:
    client = await serve("s3cret")

    async with client.get(INTEGRATIONS, headers=bearer("s3cret") | {"Via": "1.1 proxy"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", INTEGRATIONS, "/nothing-here"])
async def test_every_answer_carries_security_headers_and_names_no_server(
    serve: Serve, path: str
) -> None:
    client = await serve()

    async with client.get(path) as answer:
        assert "Server" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_large_body_is_refused_whether_or_not_its_length_is_declared(serve: Serve) -> None:
    client = await serve()
    path = f"{INTEGRATIONS}/acme/poll"

    async def in_pieces() -> object:
        for _ in range(20):
            yield b" " * 8192

    async with client.post(path, data=b" " * 70_000) as answer:
        assert answer.status == 413
    async with client.post(path, data=in_pieces()) as untold:
        assert untold.status == 413


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("PUT", "/", 405)])
async def test_what_is_not_there_is_a_problem_like_any_other(
    serve: Serve, method: str, path: str, status: int
) -> None:
    client = await serve()

    async with client.request(method, path) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        assert (await answer.json(content_type=None))["status"] == status


async def test_a_port_in_use_names_the_setting(serve: Serve) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UserError, match="in use") as caught,
    ):
        await serve(port=taken.getsockname()[1])

    assert "ATS_SYNC_HTTP_PORT" in caught.value.remedy


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.evil.example", False),
        ("0.0.0.0", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_is_recognised_by_address_not_by_look(host: str | None, expected: bool) -> None:
    assert is_loopback(host) is expected


FEW = RequestRates(
    api=Rate(3, 0.001), webhooks=Rate(3, 0.001), others=Rate(3, 0.001), refused=Rate(2, 0.001)
)


@pytest.mark.parametrize("path", [INTEGRATIONS, "/", "/metrics", "/webhooks/acme", "/nothing"])
async def test_a_client_that_asks_too_often_is_put_off_and_probes_are_not(
    serve: Serve, path: str
) -> None:
    client = await serve(rates=FEW)
    statuses = []

    for _ in range(5):
        async with client.get(path) as answer:
            statuses.append(answer.status)
            body = await answer.text()
    for _ in range(5):
        async with client.get("/healthz") as health:
            assert health.status == 200
    assert [status == 429 for status in statuses] == [False] * 3 + [True] * 2
    assert answer.headers["Retry-After"].isdigit()
    assert answer.content_type == "application/problem+json"
    assert "127.0.0.1" not in body


async def test_clients_are_limited_each_by_itself(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve("s3cret", rates=FEW)
    statuses = []

    for remote in ("203.0.113.1",) * 4 + ("203.0.113.2",):
        monkeypatch.setattr(web.BaseRequest, "remote", remote)
        async with client.get(INTEGRATIONS, headers=bearer("s3cret")) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 200, 200, 429, 200]


async def test_a_token_is_limited_from_all_addresses_together_and_guesses_do_not_count(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve("s3cret", rates=RequestRates(token=Rate(3, 0.001)))
    given = ["s3cret"] * 2 + ["s3cre"] * 5 + ["s3cret"] * 2
    statuses = []

    for number, token in enumerate(given):
        monkeypatch.setattr(web.BaseRequest, "remote", f"203.0.113.{number}")
        async with client.get(INTEGRATIONS, headers=bearer(token)) as answer:
            statuses.append(answer.status)
            problem = await answer.json(content_type=None)
    async with client.get("/metrics") as metrics:
        counted = await metrics.text()

    assert statuses == [200, 200, *[401] * 5, 200, 429]
    assert answer.headers["Retry-After"].isdigit()
    assert answer.content_type == "application/problem+json"
    assert problem["status"] == 429
    assert 'ats_sync_http_requests_limited_total{limit="token"} 1.0' in counted


async def test_a_client_that_guesses_tokens_is_put_off_even_with_the_right_one(
    serve: Serve,
) -> None:
    client = await serve("s3cret", rates=replace(FEW, api=Rate(100, 1)))
    statuses = []

    for token in ("s1", "s2", "s3cret"):
        async with client.get(INTEGRATIONS, headers=bearer(token)) as answer:
            statuses.append(answer.status)
    assert statuses == [401, 401, 429]


@pytest.mark.parametrize(
    ("token", "hosts", "host", "path", "status"),
    [
        (None, None, "rebound.example", "/", 421),
        (None, None, "rebound.example:80", "/metrics", 421),
        (None, None, "127.0.0.1.rebound.example", "/", 421),
        (None, None, "169.254.0.1", "/", 421),
        (None, None, "localhost", "/", 200),
        (None, None, "LOCALHOST.:80", "/", 200),
        (None, None, "127.9.9.9", "/", 200),
        (None, None, "rebound.example", "/healthz", 200),
        (None, None, "sync.example", "/webhooks/acme", 404),
        ("s3cret", None, "sync.example", "/", 200),
        ("s3cret", ("sync.example",), "sync.example", "/", 200),
        ("s3cret", ("sync.example",), "SYNC.example.:443", "/", 200),
        ("s3cret", ("sync.example",), "other.example", "/", 421),
        ("s3cret", ("sync.example",), "other.example", "/webhooks/acme", 421),
        ("s3cret", ("sync.example",), "other.example", "/healthz", 200),
        ("s3cret", ("sync.example",), "127.0.0.1", "/", 200),
        ("s3cret", ("sync.example",), "[", "/", 421),
    ],
)
async def test_names_that_were_made_to_lead_here_are_refused(
    serve: Serve,
    token: str | None,
    hosts: tuple[str, ...] | None,
    host: str,
    path: str,
    status: int,
) -> None:
    client = await serve(token, hosts=hosts)

    async with client.get(path, headers={"Host": host}) as answer:
        assert answer.status == status
