"""Vendors outside the catalog, by definitions written as README.md says, at servers with their rules."""

import pytest

from connectors.connector import Window
from connectors.errors import AuthRefused
from models.status import ApplicationStatus as Status
from tests.support.ats import Imported, QuickClock
from tests.support.foreign import connected, pushed
from tests.support.foreign_breezy import Breezy
from tests.support.foreign_bullhorn import Bullhorn
from tests.support.foreign_jazzhr import JazzHr


def statuses(imported: Imported) -> dict[str, Status]:
    """The status of every application."""
    assert not imported.failed

    return {key: each["status"] for key, each in imported.applications.items()}


async def test_breezy_candidates_of_every_position_are_listed() -> None:
    ats, imported = Breezy(), Imported()
    async with connected("breezy", ats, ats.serve) as (connector, _):
        await connector.check()
        await imported.walk(connector)

    assert statuses(imported) == ats.truth()
    assert len(imported.candidates) == 60
    assert {each["title"] for each in imported.candidates.values()} == {"Engineer"}
    assert ats.violations == []


async def test_breezy_changes_are_found_by_the_next_walk() -> None:
    ats, imported = Breezy(), Imported()
    async with connected("breezy", ats, ats.serve) as (connector, _):
        await imported.walk(connector)
        ats.move("pos0", "c000", "Offer")
        ats.move("pos1", "c001", "Disqualified")
        ats.add("c900", "pos3")
        del ats.candidates["pos2"]["c002"]
        await imported.walk(connector)

    assert statuses(imported) == ats.truth()


async def test_breezy_a_position_deleted_between_listing_and_reading_costs_no_other() -> None:
    ats, imported = Breezy(), Imported()
    async with connected("breezy", ats, ats.serve) as (connector, _):
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


async def test_breezy_a_walk_goes_on_from_a_stored_position() -> None:

    ats = Breezy()
    async with connected("breezy", ats, ats.serve) as (connector, _):
        first = await anext(aiter(connector.pages("candidates", Window())))
        later = [
            record.external_id
            async for page in connector.pages("candidates", Window(), position=first.position)
            for record in page.records
        ]

    assert {record.external_id for record in first.records} | set(later) == set(ats.truth())
    assert len(later) == 40


@pytest.mark.parametrize("status", [Status.INTERVIEW, Status.REJECTED, Status.HIRED])
@pytest.mark.parametrize("application", ["pos0:c000", "pos1:c001"])
async def test_breezy_a_pushed_status_takes_effect_once(application: str, status: Status) -> None:
    ats, imported = Breezy(), Imported()
    async with connected("breezy", ats, ats.serve) as (connector, _):
        await imported.walk(connector)
        first = await pushed(connector, imported.applications[application], status)
        again = await pushed(connector, imported.applications[application], status)

    assert (len(first), again) == (1, [])
    assert ats.truth()[application] == status
    assert len(ats.writes) == 1
    assert ats.violations == []


async def test_breezy_a_wrong_password_is_a_refused_credential() -> None:
    ats = Breezy()
    async with connected("breezy", ats, ats.serve, credentials={"password": "no"}) as (one, _):
        with pytest.raises(AuthRefused):
            await one.check()


async def test_breezy_a_session_that_ends_during_a_walk_is_opened_again() -> None:
    ats, imported = Breezy(), Imported()
    async with connected("breezy", ats, ats.serve) as (connector, tiny):
        await imported.walk(connector)
        ats.end_sessions()
        await imported.walk(connector)
        logins = [each for each in tiny.asked if "signin" in each]

    assert statuses(imported) == ats.truth()
    assert len(logins) == 2


async def test_breezy_a_rate_limit_until_a_moment_is_obeyed() -> None:
    ats, imported, clock = Breezy(slow_down=1), Imported(), QuickClock()
    async with connected("breezy", ats, ats.serve, clock=clock) as (connector, _):
        await imported.walk(connector)

    assert statuses(imported) == ats.truth()
    assert 35 < max(clock.slept) < 45


async def test_jazzhr_pages_in_the_path_are_walked_and_every_record_is_read_in_full() -> None:
    ats, imported = JazzHr(), Imported()
    async with connected("jazzhr", ats, ats.serve) as (connector, _):
        await connector.check()
        await imported.walk(connector)

    assert statuses(imported) == ats.truth()
    emails = {key: each["emails"][0]["value"] for key, each in imported.candidates.items()}
    assert emails == {key: row["email"] for key, row in ats.applicants.items()}
    assert {each["job"]["name"] for each in imported.applications.values()} == {"Analyst"}
    assert {each["hired_at"] for each in imported.applications.values()} == {None}
    assert ats.violations == []


async def test_jazzhr_changes_that_thin_lists_hide_are_found_by_the_next_walk() -> None:
    ats, imported = JazzHr(), Imported()
    async with connected("jazzhr", ats, ats.serve) as (connector, _):
        await imported.walk(connector)
        ats.move("pro003", "Phone Screen")
        ats.applicants["pro004"]["email"] = "moved@people.example"
        ats.add("pro900")
        await imported.walk(connector)

    assert statuses(imported) == ats.truth()
    assert imported.candidates["pro004"]["emails"][0]["value"] == "moved@people.example"


async def test_jazzhr_a_wrong_key_is_a_refused_credential() -> None:
    ats = JazzHr()
    async with connected("jazzhr", ats, ats.serve, credentials={"api_key": "no"}) as (one, _):
        with pytest.raises(AuthRefused):
            await one.check()


async def test_jazzhr_a_refusal_that_names_no_pause_is_waited_for() -> None:
    ats, imported, clock = JazzHr(slow_down=2), Imported(), QuickClock()
    async with connected("jazzhr", ats, ats.serve, clock=clock) as (connector, _):
        await imported.walk(connector)

    assert statuses(imported) == ats.truth()
    assert max(clock.slept) > 9.9


async def test_jazzhr_says_that_it_takes_no_status() -> None:
    ats = JazzHr()
    async with connected("jazzhr", ats, ats.serve) as (connector, _):
        told = connector.capabilities

    assert not any((told.moves, told.rejects, told.hires))
    assert {"move", "reject", "hire"} <= set(told.waivers)


async def test_bullhorn_candidates_and_submissions_are_listed() -> None:
    ats, imported = Bullhorn(), Imported()
    async with connected("bullhorn", ats, ats.serve) as (connector, tiny):
        await connector.check()
        await imported.walk(connector)
        logins = [each for each in tiny.asked if "/login" in each]

    assert statuses(imported) == ats.truth()
    assert len(imported.candidates) == 60
    assert len(logins) == 1
    assert ats.violations == []


async def test_bullhorn_only_what_changed_is_requested_the_second_time() -> None:
    ats, imported = Bullhorn(), Imported()
    async with connected("bullhorn", ats, ats.serve) as (connector, _):
        await imported.walk(connector)
        ats.move(1003, "Offer Extended")
        ats.rename(4, "Newname")
        ats.add(900)
        seen = await imported.walk(connector)

    assert statuses(imported) == ats.truth()
    assert imported.candidates["4"]["last_name"] == "Newname"
    assert seen == 4 + 2, "what changed, and what the overlap repeats"


async def test_bullhorn_deletions_are_found_by_a_complete_listing() -> None:
    ats, imported = Bullhorn(), Imported()
    async with connected("bullhorn", ats, ats.serve) as (connector, _):
        await imported.walk(connector)
        ats.delete(1007)
        await imported.walk(connector, full=True)

    assert statuses(imported) == ats.truth()


@pytest.mark.parametrize("status", [Status.INTERVIEW, Status.REJECTED, Status.HIRED])
async def test_bullhorn_a_pushed_status_takes_effect_once(status: Status) -> None:
    ats, imported = Bullhorn(), Imported()
    async with connected("bullhorn", ats, ats.serve) as (connector, _):
        await imported.walk(connector)
        first = await pushed(connector, imported.applications["1001"], status)
        again = await pushed(connector, imported.applications["1001"], status)

    assert (len(first), again) == (1, [])
    assert ats.truth()["1001"] == status
    assert len(ats.writes) == 1
    assert ats.violations == []


@pytest.mark.parametrize("name", ["client_secret", "refresh_token"])
async def test_bullhorn_a_wrong_secret_is_a_refused_credential(name: str) -> None:
    ats = Bullhorn()
    async with connected("bullhorn", ats, ats.serve, credentials={name: "no"}) as (one, _):
        with pytest.raises(AuthRefused):
            await one.check()


async def test_bullhorn_a_session_whose_access_token_ended_too_is_opened_again() -> None:
    ats, imported = Bullhorn(), Imported()
    async with connected("bullhorn", ats, ats.serve) as (connector, _):
        await imported.walk(connector)
        ats.end_sessions()
        await imported.walk(connector, full=True)

    assert statuses(imported) == ats.truth()
    assert ats.refreshes == 2


async def test_bullhorn_a_rate_limit_is_obeyed() -> None:
    ats, imported, clock = Bullhorn(slow_down=3), Imported(), QuickClock()
    async with connected("bullhorn", ats, ats.serve, clock=clock) as (connector, _):
        await imported.walk(connector)

    assert statuses(imported) == ats.truth()
    assert len([pause for pause in clock.slept if pause > 0.9]) == 3
