"""What Breezy HR demands beyond what all do: scopes, own pipelines, pauses until a moment."""

import pytest
from aiohttp import web

from connectors.values import FileRef, Window
from models.status import ApplicationStatus as Status
from tests.support.ats import Imported, QuickClock
from tests.support.foreign import connected, pushed, reference
from tests.support.foreign_breezy import Breezy
from tests.support.tiny_ats import tiny_ats


async def test_a_position_deleted_between_listing_and_reading_costs_no_other() -> None:
    ats, imported = Breezy(), Imported()
    async with connected("breezy", ats) as (connector, _):
        await imported.walk(connector)
        pages = 0

        seen: set[str] = set()
        async for page in connector.pages("candidates", Window()):
            seen |= {record.external_id for record in page.records}
            if pages == 0:
                ats.positions.pop("pos2")
                ats.candidates.pop("pos2")
            pages += 1

    assert seen == set(ats.truth())


async def test_a_walk_goes_on_from_a_stored_position() -> None:
    ats = Breezy()
    async with connected("breezy", ats) as (connector, _):
        first = await anext(aiter(connector.pages("candidates", Window())))
        later = [
            record.external_id
            async for page in connector.pages("candidates", Window(), position=first.position)
            for record in page.records
        ]

    assert {record.external_id for record in first.records} | set(later) == set(ats.truth())
    assert len(later) == 40


@pytest.mark.parametrize("status", [Status.INTERVIEW, Status.REJECTED, Status.HIRED])
async def test_a_position_with_a_pipeline_of_its_own_is_moved_in_it(status: Status) -> None:
    ats, imported = Breezy(), Imported()
    async with connected("breezy", ats) as (connector, _):
        await imported.walk(connector)
        await pushed(connector, imported.applications["pos1:c001"], status)

    [(_, stage)] = ats.writes
    assert ats.truth()["pos1:c001"] == status
    assert stage.isdigit(), "the ids of an own pipeline are numbers"
    assert ats.violations == []


async def test_an_analytics_value_is_a_custom_attribute() -> None:
    ats, imported = Breezy(), Imported()
    async with connected("breezy", ats) as (connector, _):
        await imported.walk(connector)
        ref = reference(imported.applications["pos1:c001"])
        for value in ("71", "72"):
            await connector.send_value(ref, value, field_name="clearview_score")

    assert ats.attributes == {"c001": "72"}
    assert ats.violations == []


async def test_a_rate_limit_until_a_moment_is_obeyed() -> None:
    ats, imported, clock = Breezy(slow_down=1), Imported(), QuickClock()
    async with connected("breezy", ats, clock=clock) as (connector, _):
        await imported.walk(connector)

    assert set(imported.applications) == set(ats.truth())
    assert 35 < max(clock.slept) < 45


async def test_a_resume_is_fetched_from_its_own_host_without_the_credential() -> None:
    ats = Breezy()

    async def stored(_: web.Request) -> web.Response:
        return web.Response(body=b"%PDF-1.4 a resume", content_type="application/pdf")

    async with tiny_ats(stored) as store:
        resume = {"_id": "f1", "file_name": "cv.pdf", "url": f"{store.url}/f1"}
        ats.candidates["pos1"]["c001"]["resume"] = resume
        hosts = {"hosts": [store.url]}
        async with connected("breezy", ats, attachments=hosts) as (connector, _):
            found = await connector.file_addresses("candidates", "pos1:c001")
            assert found is not None
            ref = FileRef("candidates", "pos1:c001", "c001", "f1")
            fetched = await connector.fetch_file(ref, found["f1"], max_bytes=1000)

    assert fetched.content == b"%PDF-1.4 a resume"
    assert "Authorization" not in store.headers[0]
