"""What Bullhorn demands beyond what all do: a token before each session, and two filter languages."""

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
