"""What every definition without a simulator does, at a small server with its vendor's rules."""

from typing import cast, get_args

import pytest

from connectors.connector import Connector
from connectors.errors import AuthRefused, OutcomeUnknown
from connectors.values import Impossible, PushTarget
from models.candidate import ApplicationRecord
from models.status import ApplicationStatus as Status
from tests.support.ats import Imported, QuickClock
from tests.support.foreign import ForeignAts, PassingFault, connected, pushed, reference, servers

PUSHED = (Status.INTERVIEW, Status.OFFER, Status.REJECTED, Status.HIRED)


@pytest.fixture(params=sorted(servers()))
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ats(vendor: str) -> ForeignAts:
    return servers()[vendor]()


def assert_equal_to_truth(ats: ForeignAts, found: Imported) -> None:
    assert found.failed == []
    assert {key: each["status"] for key, each in found.applications.items()} == ats.truth()
    assert first_emails(found) == ats.emails()
    assert ats.violations == []


def first_emails(found: Imported) -> dict[str, str]:
    return {key: each["emails"][0]["value"] for key, each in found.candidates.items()}


def an_open_application(found: Imported) -> ApplicationRecord:
    each = next(each for each in found.applications.values() if each["status"].is_open)
    return cast("ApplicationRecord", each)


def refuse_if_waived(connector: Connector, status: Status) -> None:
    """Skips a push that the definition waives, with its reason."""
    name = {Status.REJECTED: "reject", Status.HIRED: "hire"}.get(status, "move")
    if name in connector.capabilities.waivers:
        pytest.skip(connector.capabilities.waivers[name])


async def test_a_complete_listing_equals_the_truth(vendor: str, ats: ForeignAts) -> None:
    found = Imported()
    async with connected(vendor, ats) as (connector, _):
        await found.walk(connector)

    assert len(found.applications) > 50
    assert_equal_to_truth(ats, found)


async def test_the_credential_is_checked(vendor: str, ats: ForeignAts) -> None:
    async with connected(vendor, ats) as (connector, _):
        await connector.check()

    for name in ats.credentials:
        async with connected(vendor, ats, credentials={name: "wrong"}) as (wrong, _):
            with pytest.raises(AuthRefused):
                await wrong.check()


async def test_a_poll_after_a_change_equals_the_truth(vendor: str, ats: ForeignAts) -> None:
    found = Imported()
    async with connected(vendor, ats) as (connector, _):
        await found.walk(connector)
        ats.change()
        await found.walk(connector)

    assert_equal_to_truth(ats, found)


async def test_what_was_deleted_is_gone_after_a_complete_listing(
    vendor: str, ats: ForeignAts
) -> None:
    found = Imported()
    async with connected(vendor, ats) as (connector, _):
        await found.walk(connector)
        ats.delete()
        await found.walk(connector, full=True)

    assert_equal_to_truth(ats, found)


async def test_a_rate_limit_is_waited_for_and_costs_no_record(vendor: str, ats: ForeignAts) -> None:
    found, clock = Imported(), QuickClock()
    ats.slow_down = 2
    async with connected(vendor, ats, clock=clock) as (connector, _):
        await found.walk(connector)

    assert len([pause for pause in clock.slept if pause > 0.9]) >= 2
    assert_equal_to_truth(ats, found)


@pytest.mark.parametrize("fault", get_args(PassingFault))
async def test_a_passing_fault_costs_no_record(
    vendor: str, ats: ForeignAts, fault: PassingFault
) -> None:
    found = Imported()
    async with connected(vendor, ats) as (connector, _):
        await connector.check()
        ats.faults = [fault, fault]
        await found.walk(connector)

    assert ats.faults == []
    assert_equal_to_truth(ats, found)


@pytest.mark.parametrize("status", PUSHED)
async def test_a_pushed_status_is_there_and_a_second_push_does_nothing(
    vendor: str, ats: ForeignAts, status: Status
) -> None:
    found = Imported()
    async with connected(vendor, ats) as (connector, _):
        refuse_if_waived(connector, status)
        await found.walk(connector)
        application = an_open_application(found)
        first = await pushed(connector, application, status)
        again = await pushed(connector, application, status)

    assert (len(first), again) == (1, [])
    assert ats.truth()[application["external_id"]] == status
    assert len(ats.writes) == 1
    assert ats.violations == []


@pytest.mark.parametrize("status", [Status.REJECTED, Status.HIRED])
async def test_a_way_back_leads_back(vendor: str, ats: ForeignAts, status: Status) -> None:
    found = Imported()
    async with connected(vendor, ats) as (connector, _):
        refuse_if_waived(connector, status)
        await found.walk(connector)
        application = an_open_application(found)
        await pushed(connector, application, status)
        await pushed(connector, application, Status.INTERVIEW)

    assert ats.truth()[application["external_id"]] == Status.INTERVIEW
    assert len(ats.writes) == 2
    assert ats.violations == []


async def test_a_write_whose_answer_is_lost_is_unknown_and_took_effect_once(
    vendor: str, ats: ForeignAts
) -> None:
    found = Imported()
    ats.lost = 1
    async with connected(vendor, ats) as (connector, _):
        refuse_if_waived(connector, Status.INTERVIEW)
        await found.walk(connector)
        application = an_open_application(found)
        with pytest.raises(OutcomeUnknown):
            await pushed(connector, application, Status.INTERVIEW)
        again = await pushed(connector, application, Status.INTERVIEW)

    assert (again, len(ats.writes)) == ([], 1)


async def test_an_application_that_is_gone_is_none(vendor: str, ats: ForeignAts) -> None:
    found = Imported()
    async with connected(vendor, ats) as (connector, _):
        refuse_if_waived(connector, Status.INTERVIEW)
        await found.walk(connector)
        before = {key: reference(each) for key, each in found.applications.items()}
        ats.delete()
        [gone] = before.keys() - ats.truth().keys()

        assert await connector.read_application(before[gone]) is None


async def test_a_status_that_the_definition_waives_is_refused_in_words(
    vendor: str, ats: ForeignAts
) -> None:
    found = Imported()
    async with connected(vendor, ats) as (connector, _):
        if "move" not in connector.capabilities.waivers:
            pytest.skip("it takes statuses")
        await found.walk(connector)
        assert not connector.capabilities.moves
        record = an_open_application(found)
        plan = await connector.plan_push(reference(record), record, PushTarget(Status.INTERVIEW))

    assert isinstance(plan, Impossible)
    assert plan.reason
