"""Addresses of next pages as vendors write them, and which of them are followed where."""

from dataclasses import dataclass

import pytest
from aiohttp import web
from yarl import URL

from connectors.errors import Misdirected
from connectors.http.addresses import next_address
from tests.support.tiny_ats import TinyAts, definition_text, ids_of, tiny_ats, tiny_connector

ENDPOINT = URL("https://api.acme.example/v1/people?limit=2")


def followed(address: str, *, keep_origin: bool = False, current: URL = ENDPOINT) -> str:
    origin = current.origin()
    url = next_address(
        address, current=current, origin=origin, keep_origin=keep_origin, operation="people"
    )
    return str(url)


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("/v1/people?q=a b&page=2", "/v1/people?q=a%20b&page=2"),
        (" /v1/people?page=2\n", "/v1/people?page=2"),
        ("/v1/people?q=a\tb", "/v1/people?q=a%09b"),
        ('/v1/people?q="x"<y>', "/v1/people?q=%22x%22%3Cy%3E"),
        ("/v1/people?q=Zoë", "/v1/people?q=Zo%C3%AB"),
        ("/v1/people?q=50%&page=2", "/v1/people?q=50%25&page=2"),
        ("/v1/people?q=a%20b+c%2Bd", "/v1/people?q=a%20b+c%2Bd"),
        ("/v1/people?page[number]=2&at=gte|2026", "/v1/people?page[number]=2&at=gte|2026"),
        ("?page=2", "/v1/people?page=2"),
        ("//api.acme.example/p", "/p"),
        ("https://API.acme.example:443/p", "/p"),
        ("https://somebody:secret@api.acme.example/p", "/p"),
    ],
)
def test_what_cannot_stand_in_an_address_is_encoded_and_all_else_is_left(
    address: str, sent: str
) -> None:
    assert followed(address) == f"https://api.acme.example{sent}"


@pytest.mark.parametrize(
    "address",
    [
        "http://api.acme.example/v1/people?q=a%2Cb&page=2",
        "http://api.acme.example:8080/v1/people?q=a%2Cb&page=2",
        "https://api.acme.example:8443/v1/people?q=a%2Cb&page=2",
        "http://API.ACME.example/v1/people?q=a%2Cb&page=2",
        "http://somebody@api.acme.example/v1/people?q=a%2Cb&page=2",
    ],
)
def test_with_keep_origin_another_scheme_or_port_of_the_host_is_replaced_by_our_own(
    address: str,
) -> None:
    kept = followed(address, keep_origin=True)

    assert kept == "https://api.acme.example/v1/people?q=a%2Cb&page=2"
    with pytest.raises(Misdirected, match="needs `keep_origin: true`"):
        followed(address)


def test_an_endpoint_with_a_port_keeps_it() -> None:
    current = URL("https://gateway.example:8443/ats/people")

    kept = followed("http://gateway.example/ats/people?page=2", keep_origin=True, current=current)

    assert kept == "https://gateway.example:8443/ats/people?page=2"


@pytest.mark.parametrize("keep_origin", [False, True])
@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/p",
        "https://api.acme.example.evil.example/p",
        "https://api.acme.example@evil.example/p",
        "https://evil.example#@api.acme.example/p",
        "//evil.example/p",
        "mailto:somebody@api.acme.example",
        "http://[::1",
        "http://api.acme.example:port/p",
        "https://api.acme.example:99999/p",
        "/p?\ud800",
    ],
)
def test_another_host_and_what_is_no_address_are_refused_whatever_the_definition_says(
    address: str, keep_origin: bool
) -> None:
    with pytest.raises(Misdirected, match=r"^people: the next address ") as raised:
        followed(address, keep_origin=keep_origin)

    assert "elsewhere" not in str(raised.value)
    assert "evil" not in str(raised.value)


@dataclass(frozen=True)
class Kind:
    """A pagination kind that follows addresses, and how a server names the next one."""

    pagination: str
    in_header: bool

    def answer(self, number: int, address: str | None) -> web.Response:
        rows = [{"id": number, "name": "N"}]
        if self.in_header:
            link = {"Link": f'<{address}>; rel="next"'} if address else {}
            return web.json_response({"rows": rows}, headers=link)
        return web.json_response({"rows": rows, "next": address})


KINDS = [
    Kind("{kind: next_url, at: next, keep_origin: true}", in_header=False),
    Kind("{kind: link_header, keep_origin: true}", in_header=True),
]


@pytest.mark.parametrize("kind", KINDS, ids=["next_url", "link_header"])
@pytest.mark.parametrize(
    ("named", "asked"),
    [
        ("https://{host}/people?page=2", "GET /people?page=2"),
        ("http://{host}:1/people?q=a b&page=2", "GET /people?q=a%20b&page=2"),
        ("/people?q=a b&page=2", "GET /people?q=a%20b&page=2"),
    ],
)
async def test_a_walk_follows_such_addresses_on_the_configured_endpoint(
    kind: Kind, named: str, asked: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        if "page" in request.query:
            return kind.answer(2, None)
        return kind.answer(1, named.format(host=request.url.host))

    async with tiny_ats(answer) as ats:
        found = await walked(ats, kind.pagination)

    assert found == ["1", "2"]
    assert ats.asked == ["GET /people", asked]


async def walked(ats: TinyAts, pagination: str) -> list[str]:
    connector = tiny_connector(ats, definition_text(pagination=pagination))
    found = await ids_of(connector)
    await connector.close()
    return found
