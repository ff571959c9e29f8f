"""What JazzHR demands beyond what all do: thin lists, single records without a list, dates of noughts."""

from tests.support.ats import Imported, QuickClock
from tests.support.foreign import connected
from tests.support.foreign_jazzhr import JazzHr


async def test_jobs_have_names_and_a_date_of_noughts_is_none() -> None:
    ats, imported = JazzHr(), Imported()
    async with connected("jazzhr", ats) as (connector, _):
        await imported.walk(connector)

    assert {each["job"]["name"] for each in imported.applications.values()} == {"Analyst"}
    assert {each["hired_at"] for each in imported.applications.values()} == {None}


async def test_an_address_that_the_list_does_not_show_is_read_again_with_a_sweep() -> None:
    ats, imported = JazzHr(), Imported()
    async with connected("jazzhr", ats) as (connector, _):
        await imported.walk(connector)
        ats.applicants["pro006"]["email"] = "moved@people.example"
        await imported.walk(connector, full=True)

    assert imported.candidates["pro006"]["emails"][0]["value"] == "moved@people.example"


async def test_a_refusal_that_names_no_pause_is_waited_for() -> None:
    ats, imported, clock = JazzHr(slow_down=2), Imported(), QuickClock()
    async with connected("jazzhr", ats, clock=clock) as (connector, _):
        await imported.walk(connector)

    assert set(imported.applications) == set(ats.truth())
    assert max(clock.slept) > 9.9
