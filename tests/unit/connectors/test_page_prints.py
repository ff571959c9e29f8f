"""A page is known by its bytes; of the people on it nothing is kept for that."""

from aiohttp import web

from connectors.base import Page, Window
from tests.support.tiny_ats import definition_text, tiny_ats, tiny_connector

PLAIN = b'{"rows": [{"id": 1, "name": "Ada"}], "total": 1}'
HALF_A_CHARACTER = b'{"rows": [{"id": 1, "name": "Ada \\ud83d"}], "total": 1}'


async def first_page(body: bytes) -> Page:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        await connector.open()
        try:
            return await anext(aiter(connector.pages("people", Window(), known={})))
        finally:
            await connector.close()


async def test_a_print_holds_nothing_of_the_records() -> None:
    page = await first_page(PLAIN)

    assert page.print is not None
    assert (page.print.records, page.print.latest) == (1, None)
    assert b"Ada" not in page.print.around


async def test_a_page_that_has_to_be_parsed_as_a_whole_has_no_print() -> None:
    page = await first_page(HALF_A_CHARACTER)

    assert [record.external_id for record in page.records] == ["1"]
    assert page.print is None
