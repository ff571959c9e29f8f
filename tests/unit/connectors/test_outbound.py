"""Connections to the outside: which addresses are the Internet's, and which the operator wrote himself."""

import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from yarl import URL

from config.operator import Attachments, Integration
from connectors.definition import load_definition
from connectors.engine import RestConnector
from connectors.errors import Misdirected, Unavailable
from connectors.http.client import AtsHttp, Outgoing
from connectors.http.outbound import (
    OutboundRules,
    guarded_connector,
    is_allowed,
    is_public,
    parsed,
    tls_context,
    was_refused,
    written_hosts,
)
from connectors.registry import create_connector

PRIVATE_ADDRESSES = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255"),
    *("240.0.0.1", "168.63.129.16"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::10.0.0.1"),
    *("2002:7f00:1::", "2001:0:a00:1::f5ff:fffe", "2001:db8::1", "100::1"),
    *("64:ff9b:1::7f00:1", "::ffff:0:127.0.0.1", "::ffff:0:a9fe:a9fe", "3fff::1", "5f00::1"),
    *("2600::5efe:127.0.0.1", "2600::200:5efe:10.0.0.1", "192.0.0.8", "192.88.99.1"),
]


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_an_address_that_is_not_the_internets_is_refused_however_it_is_wrapped(
    address: str,
) -> None:
    assert not is_allowed(OutboundRules(), address, 443)
    assert is_allowed(OutboundRules(allow_private_networks=True), address, 443)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "1.1.1.1"]
)
def test_an_address_of_the_internet_is_allowed(address: str) -> None:
    assert is_public(parsed(address))  # type: ignore[arg-type]


def test_only_the_very_addresses_that_the_operator_wrote_are_allowed() -> None:
    rules = OutboundRules(
        written=written_hosts(
            [
                *("http://127.0.0.1:9101/v1", "http://localhost:9102", "https://10.0.0.7"),
                *("http://[::1]:9103", "https://intern.example", "no address", "http://[", ""),
            ]
        )
    )

    allowed = [("127.0.0.1", 9101), ("::ffff:127.0.0.1", 9101), ("127.0.0.1", 9102), ("::1", 9102)]
    assert all(is_allowed(rules, *each) for each in [*allowed, ("10.0.0.7", 443), ("::1", 9103)])
    refused = [("127.0.0.1", 27017), ("127.0.0.2", 9101), ("10.0.0.7", 80), ("10.0.0.8", 443)]
    assert not any(is_allowed(rules, *each) for each in refused)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A service of this machine that must not be reached; it fails the test when it is."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"secret": "of this machine"})

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def get(rules: OutboundRules, url: str) -> Any:
    async with (
        aiohttp.ClientSession(connector=guarded_connector(rules)) as session,
        session.get(url, allow_redirects=True) as answer,
    ):
        return await answer.json()


async def test_a_redirect_to_this_machine_is_refused_even_where_redirects_are_followed(
    port: int,
) -> None:
    async def redirect(_: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://127.0.0.1:{port}/secret")

    app = web.Application()
    app.router.add_get("/", redirect)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    public = f"http://127.0.0.1:{runner.addresses[0][1]}"
    rules = OutboundRules(written=written_hosts([public]))

    with pytest.raises(aiohttp.ClientConnectorError) as raised:
        await get(rules, f"{public}/")
    await runner.cleanup()

    assert was_refused(raised.value)


async def test_an_ats_at_a_private_address_is_refused_in_words_unless_it_was_written(
    port: int,
) -> None:
    request = Outgoing("list", method="GET", url=URL(f"http://127.0.0.1:{port}/"))
    refusing = AtsHttp()
    written = AtsHttp(outbound=OutboundRules(written=written_hosts([str(request.url)])))

    with pytest.raises(Misdirected, match="set allow_private_networks in the integration"):
        await refusing.send(request, {})
    answer = await written.send(request, {})
    await refusing.close()
    await written.close()

    assert answer.status == 200


@pytest.mark.parametrize("host", ["a..example", "a" * 64 + ".example", ".example"])
async def test_a_name_that_no_host_can_have_is_like_one_that_no_host_has(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The system's own begins with this, and tests may look up no foreign name.
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_, **__: name.encode("idna"))
    http = AtsHttp()

    with pytest.raises(Unavailable, match=r"list: the host name .* cannot be resolved"):
        await http.send(Outgoing("list", method="GET", url=URL(f"https://{host}/")), {})
    await http.close()


def test_tls_is_verified_and_at_least_1_2_with_and_without_authorities_of_ones_own(
    tmp_path: Path,
) -> None:
    with pytest.raises(OSError, match="No such file"):
        tls_context(tmp_path / "missing.pem")

    for context in (
        tls_context(),
        tls_context(Path(ssl.get_default_verify_paths().openssl_cafile)),
    ):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_an_integration_reaches_the_private_addresses_that_its_settings_have_and_no_other(
    port: int,
) -> None:
    integration = Integration(
        connector="greenhouse",
        endpoint="https://harvest.example/v3",
        credentials={"client_id": SecretStr("a"), "client_secret": SecretStr("b")},
        options={"token_url": "http://10.0.0.8:9000/token"},
        attachments=Attachments(hosts=["http://127.0.0.1:9102"]),
    )
    connector = create_connector("acme", integration, load_definition("greenhouse"))
    assert isinstance(connector, RestConnector)
    rules = connector.parts.http._outbound

    allowed = [("10.0.0.8", 9000), ("127.0.0.1", 9102)]
    assert all(is_allowed(rules, *each) for each in allowed)
    assert not any(is_allowed(rules, *each) for each in [("127.0.0.1", port), ("10.0.0.8", 443)])
