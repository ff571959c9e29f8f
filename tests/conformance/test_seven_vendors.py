"""What single vendors demand beyond the behaviours that all share."""

from dataclasses import replace

import pytest

from connectors.connector import Connector
from connectors.simulator import Simulator
from connectors.values import (
    AlreadyThere,
    ApplicationRef,
    Impossible,
    Mapped,
    PushPlan,
    PushTarget,
    Steps,
    Window,
)
from models.status import ApplicationStatus as Status
from tests.conformance.conftest import Account
from tests.conformance.test_reading import assert_equal_to_truth
from tests.conformance.test_writing import now
from tests.support.ats import Imported


def only(vendor_name: str) -> pytest.MarkDecorator:
    """The behaviour is this vendor's own."""
    return pytest.mark.parametrize("vendor", [vendor_name], indirect=True)


async def imported(simulator: Simulator, connector: Connector) -> Imported:
    """Everything, equal to the truth."""
    found = Imported()
    await found.walk(connector, full=True)
    assert_equal_to_truth(simulator, connector, found)
    return found


@only("teamtailor")
async def test_records_made_in_one_instant_are_all_there(account: Account) -> None:
    simulator, connector = await account()
    for person in simulator.world.people.values():
        person.created_ms = 1_790_000_000_000
    for application in simulator.world.applications.values():
        application.created_ms = 1_790_000_000_000

    await imported(simulator, connector)


@only("smartrecruiters")
async def test_a_transferred_application_is_closed(account: Account) -> None:
    simulator, connector = await account()

    found = await imported(simulator, connector)
    transferred = [
        application
        for application in found.applications.values()
        if application["stage"]["name"] == "TRANSFERRED"
    ]

    assert transferred
    assert {application["status"] for application in transferred} == {Status.WITHDRAWN}


@only("smartrecruiters")
@pytest.mark.parametrize(
    ("status", "body", "shown"),
    [
        (Status.REVIEWING, {"status": "IN_REVIEW"}, Status.REVIEWING),
        (Status.SCREENING, {"status": "IN_REVIEW"}, Status.REVIEWING),
        (Status.ASSESSMENT, {"status": "IN_REVIEW"}, Status.REVIEWING),
        (Status.INTERVIEW, {"status": "INTERVIEW"}, Status.INTERVIEW),
        (Status.BACKGROUND_CHECK, {"status": "OFFERED"}, Status.OFFER),
        (Status.OFFER, {"status": "OFFERED"}, Status.OFFER),
        (Status.HIRED, {"status": "HIRED"}, Status.HIRED),
    ],
    ids=lambda value: value.value if isinstance(value, Status) else "by",
)
async def test_a_push_sends_the_bare_status_whatever_hiring_process_the_job_has(
    account: Account, status: Status, body: dict[str, str], shown: Status
) -> None:
    simulator, connector = await account(candidates=40)
    refs = open_applications(await imported(simulator, connector), {Status.NEW, Status.OFFER})

    for ref in refs:
        plan = await pushed(connector, ref, PushTarget(status))
        again = await connector.plan_push(ref, await now(connector, ref), PushTarget(status))

        assert isinstance(plan, AlreadyThere) or (isinstance(plan, Steps) and plan.status is shown)
        assert again == AlreadyThere()
        assert (await now(connector, ref))["status"] is shown

    assert [write.body for write in simulator.writes] == [body] * len(simulator.writes)
    assert len(simulator.writes) > 4
    assert simulator.violations == []


@only("smartrecruiters")
async def test_a_sub_status_that_the_operator_or_a_person_names_is_sent(account: Account) -> None:
    simulator, connector = await account(
        candidates=40, operator={"statuses": {"screening": ["Phone screen"]}}
    )
    jobs = {simulator.JOB_IDS.text(job) for job in list(simulator.world.jobs)[::2]}
    found = await imported(simulator, connector)
    first, second = [
        ref for ref in open_applications(found, {Status.NEW}) if ref.job_external_id in jobs
    ][:2]
    named = PushTarget(Status.REVIEWING, stage={"external_id": None, "name": "phone SCREEN"})

    await pushed(connector, first, PushTarget(Status.SCREENING))
    await pushed(connector, second, named)

    sent = {"status": "IN_REVIEW", "subStatus": "Phone screen"}
    assert [write.body for write in simulator.writes] == [sent, sent]
    assert (await now(connector, first))["status"] is Status.SCREENING
    assert simulator.violations == []


def open_applications(found: Imported, statuses: set[Status]) -> list[ApplicationRef]:
    return [
        ApplicationRef(
            record["external_id"], record["candidate_external_id"], record["job"]["external_id"]
        )
        for record in found.applications.values()
        if record["status"] in statuses
    ]


async def pushed(connector: Connector, ref: ApplicationRef, target: PushTarget) -> PushPlan:
    plan = await connector.plan_push(ref, await now(connector, ref), target)
    assert not isinstance(plan, Impossible), plan
    for step in plan.steps if isinstance(plan, Steps) else ():
        await connector.perform(step)
    return plan


@only("bamboohr")
async def test_statuses_end_an_application_by_their_group_and_not_by_their_names(
    account: Account,
) -> None:
    operator = {"statuses": {"withdrawn": ["Absage 4", "Absage 5"], "reviewing": ["Rejected"]}}
    simulator, connector = await account(operator=operator)
    world = simulator.world
    for number, reason in list(world.reasons.items()):
        world.reasons[number] = replace(reason, name=f"Absage {number}")
    stages = {stage.name: stage for stage in world.stages.values()}
    simulator.actions.rename_stage(stages["Hired"], "Eingestellt")
    simulator.actions.rename_stage(stages["Reviewed"], "Rejected")

    found = await imported(simulator, connector)

    by_stage = {a["stage"]["name"]: a["status"] for a in found.applications.values()}
    assert by_stage["Absage 1"] is Status.REJECTED
    assert by_stage["Absage 4"] is Status.WITHDRAWN
    assert by_stage["Eingestellt"] is Status.HIRED
    assert by_stage["Rejected"] is Status.REVIEWING
    assert simulator.violations == []


@only("bamboohr")
async def test_a_push_ends_an_application_in_a_status_of_the_right_group(account: Account) -> None:
    simulator, connector = await account()
    world = simulator.world
    for number, reason in list(world.reasons.items()):
        world.reasons[number] = replace(reason, name=f"Absage {number}")
    hired = next(stage for stage in world.stages.values() if stage.name == "Hired")
    simulator.actions.rename_stage(hired, "Eingestellt")
    found = await imported_without_truth(connector)
    first, second = open_applications(found, {Status.NEW})[:2]

    await pushed(connector, first, PushTarget(Status.REJECTED))
    await pushed(connector, second, PushTarget(Status.HIRED))

    rejected, hired_now = await now(connector, first), await now(connector, second)
    assert rejected["status"] is Status.REJECTED
    assert str(rejected["stage"]["name"]).startswith("Absage")
    assert (hired_now["status"], hired_now["stage"]["name"]) == (Status.HIRED, "Eingestellt")


@only("bamboohr")
async def test_an_account_without_an_ended_application_is_read_for_its_status(
    account: Account,
) -> None:
    simulator, connector = await account(candidates=20, operator={"statuses": {}})
    world = simulator.world
    for application in world.applications.values():
        if application.state != "active":
            simulator.actions.unreject(application)
    [ref, *_] = open_applications(await imported(simulator, connector), {Status.NEW})

    plan = await connector.plan_push(ref, await now(connector, ref), PushTarget(Status.REJECTED))

    assert isinstance(plan, Impossible)
    assert "integrations.acme.statuses.rejected" in plan.reason


async def imported_without_truth(connector: Connector) -> Imported:
    found = Imported()
    await found.walk(connector, full=True)
    return found


@only("lever")
async def test_a_candidate_whom_the_vendor_anonymised_is_known_as_such(account: Account) -> None:
    simulator, connector = await account()
    person = next(p for p in simulator.world.people.values() if p.applications)
    simulator.actions.anonymise(person)
    [facts] = [facts for facts in connector.lists if facts.holds == "both"]
    await connector.prepare_mapping(facts.name)

    found: dict[bool, list[Mapped]] = {True: [], False: []}
    async for page in connector.pages(facts.name, Window()):
        for mapped in await connector.map_records(facts.name, page.records):
            assert isinstance(mapped, Mapped)
            found[mapped.is_anonymised].append(mapped)

    assert len({m.candidate["external_id"] for m in found[True] if m.candidate}) == 1
    assert found[False]
