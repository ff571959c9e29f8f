"""What Bullhorn demands beyond what all do: a token before each session, and two filter languages."""

import pytest

from connectors.errors import AddressExpired, FileTooLarge
from connectors.values import FileRef
from tests.support.ats import Imported
from tests.support.foreign import connected
from tests.support.foreign_bullhorn import Bullhorn


async def test_one_session_serves_a_whole_import() -> None:
    ats, imported = Bullhorn(), Imported()
    async with connected("bullhorn", ats) as (connector, tiny):
        await connector.check()
        await imported.walk(connector)
        logins = [each for each in tiny.asked if "/login" in each]

    assert len(logins) == 1


async def test_only_what_changed_is_requested_the_second_time() -> None:
    ats, imported = Bullhorn(), Imported()
    async with connected("bullhorn", ats) as (connector, _):
        await imported.walk(connector)
        ats.change()
        seen = await imported.walk(connector)

    assert seen == 4 + 2, "what changed, and what the overlap repeats"


async def test_a_session_whose_access_token_ended_too_is_opened_again() -> None:
    ats, imported = Bullhorn(), Imported()
    async with connected("bullhorn", ats) as (connector, _):
        await imported.walk(connector)
        ats.end_sessions()
        await imported.walk(connector, full=True)

    assert set(imported.applications) == set(ats.truth())
    assert ats.refreshes == 2


async def test_files_come_in_json_and_arrive_byte_by_byte() -> None:
    content = bytes(range(256)) * 40
    ats, imported = (
        Bullhorn(files={"3": [(7, "cv.pdf", content), (8, "note.txt", b"x")]}),
        Imported(),
    )
    async with connected("bullhorn", ats) as (connector, _):
        await imported.walk(connector)
        shown = imported.candidates["3"]["attachments"]
        ref = FileRef("candidates", "3", "3", "7")
        fetched = await connector.fetch_file(ref, None, max_bytes=len(content))
        with pytest.raises(FileTooLarge):
            await connector.fetch_file(ref, None, max_bytes=len(content) - 1)
        ats.files.clear()
        with pytest.raises(AddressExpired):
            await connector.fetch_file(ref, None, max_bytes=len(content))

    assert [(f["external_id"], f["name"], f["kind"]) for f in shown] == [
        ("7", "cv.pdf", "resume"),
        ("8", "note.txt", "other"),
    ]
    assert fetched.content == content
    assert ats.violations == []
