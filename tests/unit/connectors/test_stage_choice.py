"""Which stage or reason a push takes: never one that is out of use, nor an unasked sub-status."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.definition.records import Statuses
from connectors.definition.writes import Reasons, Stages
from connectors.read.statuses import StatusRules
from connectors.simulator import Simulator, create_simulator
from connectors.values import ApplicationRef, PushPlan, PushTarget, Steps
from connectors.write.stages import ReasonReader, StageReader, push_target, reason_for
from models.status import ApplicationStatus as Status
from tests.support.ats import connect
from tests.support.records import empty_application

RULES = StatusRules(Statuses(), {})
OUT_OF_USE: list[dict[str, Any]] = [
    {"active": False},
    {"is_active": 0},
    {"isEnabled": "false"},
    {"archived": True},
    {"isArchived": "true"},
    {"is-deleted": 1},
    {"archived_at": "2026-01-05T09:00:00Z"},
    {"deletedAt": 1790000000000},
    {"status": "Inactive"},
    {"state": "archived"},
    {"attributes": {"active": False}},
]
IN_USE: list[dict[str, Any]] = [
    {},
    {"active": True},
    {"active": None},
    {"archived": False},
    {"deleted_at": None},
    {"archived_at": ""},
    {"status": "active"},
    {"type": "Archived"},
    {"attributes": {"active": True}},
]


@pytest.mark.parametrize("flag", OUT_OF_USE)
def test_a_stage_out_of_use_is_never_chosen(flag: dict[str, Any]) -> None:
    stages = StageReader(Stages(list="stages"), RULES).read([{"id": 1, "name": "Offer", **flag}])

    assert push_target(stages, Status.OFFER, {}) is None
    assert push_target(stages, Status.OFFER, {Status.OFFER: ["Offer"]}) is None


@pytest.mark.parametrize("flag", IN_USE)
def test_a_stage_in_use_is_chosen(flag: dict[str, Any]) -> None:
    stages = StageReader(Stages(list="stages"), RULES).read([{"id": 1, "name": "Offer", **flag}])

    assert push_target(stages, Status.OFFER, {}) is stages[0]


@pytest.mark.parametrize("odd", [{"name": {"a": 1}}, {"name": ["a"]}, {"id": {}, "name": []}])
def test_an_odd_row_is_no_stage_and_no_reason_and_the_others_are(odd: dict[str, Any]) -> None:
    rows = [{"id": 7, **odd}, {"id": 1, "name": "Offer"}]

    stages = StageReader(Stages(list="stages"), RULES).read(rows)
    reasons = ReasonReader(Reasons(list="reasons"), RULES).read(rows)

    assert [stage.name for stage in stages] == ["Offer"]
    assert [reason.name for reason in reasons] == ["Offer"]


@pytest.mark.parametrize("flag", OUT_OF_USE)
def test_a_reason_out_of_use_is_never_chosen(flag: dict[str, Any]) -> None:
    rows = [{"id": 1, "name": "Too far", **flag}]
    reasons = ReasonReader(Reasons(list="reasons"), RULES).read(rows)

    operators = {"default": "Too far"}
    assert reason_for(reasons, Status.REJECTED, named="Too far", operators=operators) is None


def test_a_pipeline_out_of_use_takes_its_stages_with_it() -> None:
    spec = Stages(list="pipelines", each="steps")
    rows = [{"enabled": False, "steps": [{"id": 1, "name": "Offer"}]}]

    assert push_target(StageReader(spec, RULES).read(rows), Status.OFFER, {}) is None


def test_the_definitions_own_condition_replaces_the_usual_fields() -> None:
    spec = Stages(list="stages", active="in_use == 'yes'")
    rows = [
        {"id": 1, "name": "Offer", "in_use": "no"},
        {"id": 2, "name": "Offer", "in_use": "yes", "active": False},
    ]
    chosen = push_target(StageReader(spec, RULES).read(rows), Status.OFFER, {})

    assert chosen is not None
    assert chosen.external_id == "2"


@pytest.fixture
async def smartrecruiters() -> AsyncIterator[Simulator]:
    simulator = create_simulator("smartrecruiters", candidates=20, unlimited=True)
    await simulator.start()
    yield simulator
    await simulator.stop()


async def planned(simulator: Simulator, target: PushTarget, **operator: Any) -> PushPlan:
    connector = connect(simulator, **operator)
    person = next(iter(simulator.truth().applications.values()))
    candidate, job = person["external_id"].split(":")
    application = empty_application(person["external_id"], candidate)
    application["job"] = {"external_id": job, "name": None}
    application["status"] = Status.NEW
    try:
        ref = ApplicationRef(application["external_id"], candidate, job)
        return await connector.plan_push(ref, application, target)
    finally:
        await connector.close()


@pytest.mark.parametrize(
    ("status", "sent"),
    [(Status.INTERVIEW, "INTERVIEW"), (Status.OFFER, "OFFERED"), (Status.REVIEWING, "IN_REVIEW")],
)
async def test_a_bare_status_is_sent_where_no_sub_status_was_named(
    smartrecruiters: Simulator, status: Status, sent: str
) -> None:
    plan = await planned(smartrecruiters, PushTarget(status))

    assert isinstance(plan, Steps)
    assert plan.steps[0].body == {"status": sent}


async def test_a_sub_status_is_sent_that_was_named(smartrecruiters: Simulator) -> None:
    connector = connect(smartrecruiters)
    stages = await connector.stages()
    await connector.close()
    [label, *_] = [s.name for s in stages if s.kind == "INTERVIEW" and s.name != "INTERVIEW"]
    expected = {"status": "INTERVIEW", "subStatus": label}

    by_operator = await planned(
        smartrecruiters, PushTarget(Status.INTERVIEW), statuses={Status.INTERVIEW: [label]}
    )
    by_person = await planned(
        smartrecruiters,
        PushTarget(Status.INTERVIEW, stage={"external_id": None, "name": label}),
    )

    assert isinstance(by_operator, Steps)
    assert isinstance(by_person, Steps)
    assert by_operator.steps[0].body == by_person.steps[0].body == expected


async def test_a_status_that_only_a_sub_status_has_goes_to_the_bare_status_above_it(
    smartrecruiters: Simulator,
) -> None:
    plan = await planned(smartrecruiters, PushTarget(Status.BACKGROUND_CHECK))

    assert isinstance(plan, Steps)
    assert plan.steps[0].body == {"status": "OFFERED"}
    assert plan.status is Status.OFFER
