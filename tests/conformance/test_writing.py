"""What every definition has to write: each status once, nothing twice, and what it cannot, said."""

from typing import Any

import pytest

from connectors.connector import Connector
from connectors.errors import AtsError, OutcomeUnknown
from connectors.simulator import Fault
from connectors.values import AlreadyThere, ApplicationRef, Impossible, PushTarget, Steps
from models.candidate import ApplicationRecord
from models.status import ApplicationStatus as Status
from tests.conformance.conftest import Account
from tests.support.ats import Imported


async def an_open_application(connector: Connector) -> ApplicationRef:
    found = Imported()
    await found.walk(connector)
    record = next(
        a
        for a in found.applications.values()
        if a["status"] in {Status.NEW, Status.REVIEWING, Status.SCREENING}
    )
    return ApplicationRef(
        record["external_id"], record["candidate_external_id"], record["job"]["external_id"]
    )


async def now(connector: Connector, ref: ApplicationRef) -> ApplicationRecord:
    application = await connector.read_application(ref)
    assert application is not None
    return application


async def push(connector: Connector, ref: ApplicationRef, status: Status) -> Any:
    reason = "withdrew" if status is Status.WITHDRAWN else None
    target = PushTarget(status, rejection_reason=reason)
    plan = await connector.plan_push(ref, await now(connector, ref), target)
    if isinstance(plan, Steps):
        for step in plan.steps:
            await connector.perform(step)
    return plan


@pytest.mark.parametrize(
    "status", [Status.INTERVIEW, Status.OFFER, Status.REJECTED, Status.WITHDRAWN, Status.HIRED]
)
async def test_a_pushed_status_is_there_and_a_second_push_does_nothing(
    account: Account, status: Status
) -> None:
    simulator, connector = await account(candidates=40)
    ref = await an_open_application(connector)

    plan = await push(connector, ref, status)
    again = await push(connector, ref, status)

    assert isinstance(plan, Steps), plan
    assert again == AlreadyThere()
    assert (await now(connector, ref))["status"] is status
    assert plan.status is status
    assert [write.effect for write in simulator.writes] == [True]
    assert simulator.violations == []


@pytest.mark.parametrize("status", [Status.REJECTED, Status.HIRED])
async def test_a_way_back_leads_back_or_is_said_to_be_missing(
    account: Account, status: Status
) -> None:
    _, connector = await account(candidates=40)
    ref = await an_open_application(connector)
    await push(connector, ref, status)

    plan = await push(connector, ref, Status.INTERVIEW)

    if isinstance(plan, Impossible):
        assert f"cannot move an application that is {status.value}" in plan.reason
        assert status is Status.HIRED
        pytest.skip(plan.reason)
    assert (await now(connector, ref))["status"] is Status.INTERVIEW


async def test_a_write_whose_answer_is_lost_is_unknown_and_took_effect_once(
    account: Account,
) -> None:
    simulator, connector = await account(candidates=40)
    ref = await an_open_application(connector)
    simulator.faults.add(Fault("lost_answer", operation="write"))

    with pytest.raises(OutcomeUnknown):
        await push(connector, ref, Status.INTERVIEW)
    again = await push(connector, ref, Status.INTERVIEW)

    assert again == AlreadyThere()
    assert len(simulator.writes) == 1


@pytest.mark.parametrize(
    "fault", [Fault("web_page", operation="write"), Fault("redirect", operation="write")]
)
async def test_a_web_page_in_answer_to_a_write_is_no_success(
    account: Account, fault: Fault
) -> None:
    simulator, connector = await account(candidates=40)
    ref = await an_open_application(connector)
    simulator.faults.add(fault)

    with pytest.raises(OutcomeUnknown) as unknown:
        await push(connector, ref, Status.INTERVIEW)
    plan = await push(connector, ref, Status.INTERVIEW)

    assert unknown.value.was_answered
    assert isinstance(plan, Steps)
    assert [write.effect for write in simulator.writes] == [True]


async def test_a_stale_move_is_refused_where_the_vendor_guards_it(account: Account) -> None:
    simulator, connector = await account(candidates=40)
    ref = await an_open_application(connector)
    if not connector.capabilities.guarded_writes:
        pytest.skip(connector.capabilities.waivers["guard"])
    plan = await connector.plan_push(ref, await now(connector, ref), PushTarget(Status.OFFER))
    await push(connector, ref, Status.INTERVIEW)

    assert isinstance(plan, Steps)
    with pytest.raises(AtsError):
        await connector.perform(plan.steps[0])
    assert (await now(connector, ref))["status"] is Status.INTERVIEW
    assert len(simulator.writes) == 1


async def test_a_named_stage_is_entered(account: Account) -> None:
    _, connector = await account(candidates=40)
    ref = await an_open_application(connector)
    stage = next(
        s
        for s in await connector.stages()
        if s.status is Status.SCREENING or s.status is Status.OFFER
    )
    target = PushTarget(Status.OFFER, stage={"external_id": None, "name": stage.name.upper()})

    plan = await connector.plan_push(ref, await now(connector, ref), target)
    if isinstance(plan, Steps):
        for step in plan.steps:
            await connector.perform(step)

    assert not isinstance(plan, Impossible)
    assert (await now(connector, ref))["stage"]["name"] == stage.name


async def test_an_analytics_value_arrives_and_repeating_it_is_harmless(account: Account) -> None:
    simulator, connector = await account(candidates=40)
    ref = await an_open_application(connector)

    for value in ("71", "72", "72"):
        await connector.send_value(ref, value, field_name="clearview_score")

    assert simulator.violations == []
    if connector.ats_name == "BambooHR":
        pytest.skip("a comment cannot be overwritten")
    assert simulator.writes[-1].effect is False


async def test_every_stage_is_shown_and_each_open_status_has_at_most_one_target_per_scope(
    account: Account,
) -> None:
    _, connector = await account(candidates=40)
    stages = await connector.stages()
    targets = [(s.job_external_id, s.status) for s in stages if s.is_push_target]

    assert stages
    assert len(targets) == len(set(targets))


async def test_an_application_that_is_gone_is_none(account: Account) -> None:
    simulator, connector = await account(candidates=40)
    ref = await an_open_application(connector)
    application = simulator.find_application(ref.external_id)
    assert application is not None
    simulator.actions.delete_person(simulator.world.people[application.person])

    assert await connector.read_application(ref) is None
