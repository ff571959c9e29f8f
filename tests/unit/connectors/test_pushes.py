"""What a push plans, and what is reported when a write goes wrong."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from config.operator import Integration
from connectors.connector import Connector
from connectors.definition import load_definition_text
from connectors.errors import GuardRefused, OutcomeUnknown, RateLimited, Rejected, Unavailable
from connectors.registry import create_connector
from connectors.values import AlreadyThere, ApplicationRef, Impossible, PushPlan, PushTarget, Steps
from models.candidate import ApplicationRecord
from models.status import ApplicationStatus as Status
from tests.support.ats import QuickClock
from tests.support.definitions import ACME, spoilt
from tests.support.records import empty_application
from tests.support.tiny_ats import TinyAts, tiny_ats

STAGES = [
    {"id": "s1", "name": "Recruiter call", "type": "x", "job_id": "j1"},
    {"id": "s2", "name": "Onsite", "type": "x", "job_id": "j1"},
    {"id": "s3", "name": "Interview", "type": "x", "job_id": "j1"},
    {"id": "s4", "name": "The offer", "type": "Offer", "job_id": "j1"},
    {"id": "s9", "name": "Onsite", "type": "x", "job_id": "j2"},
]
REASONS = [{"id": "r1", "text": "Not a fit"}, {"id": "r2", "text": "Took another job"}]
REF = ApplicationRef("a1", "c1", "j1")


class Acme:
    """An account with one application; writes get the answers that a test sets."""

    def __init__(self, **application: Any) -> None:
        self.application = {"id": "a1", "candidate_id": "c1", "job_id": "j1", "stage_id": "s1"}
        self.application |= application
        self.writes: list[Any] = []
        self.answers: list[web.Response | None] = []

    async def __call__(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            rows: dict[str, list[Any]] = {
                "/stages": STAGES,
                "/reasons": REASONS,
                "/applications": [self.application],
                "/openings": [{"id": 5, "job_id": "j2"}, {"id": 6, "job_id": "j1"}],
            }
            return web.json_response({"ok": True, "data": rows[request.path]})
        self.writes.append((request.path, await request.json()))
        answer = self.answers.pop(0) if self.answers else web.Response(status=204)
        if answer is None:
            request.transport.close()  # type: ignore[union-attr]  # a connection has one
            return web.Response()
        return answer


def connector_to(ats: TinyAts, text: str = ACME, **operator: Any) -> Connector:
    definition = load_definition_text(text, path=Path("acme.yaml"))
    facts: dict[str, Any] = {
        "connector": "acme",
        "endpoint": ats.url,
        "credentials": {"api_key": SecretStr("k")},
        "acting_user": "u7",
        "rejection_reasons": {"default": "Not a fit"},
    }
    integration = Integration(**{**facts, **operator})
    return create_connector("acme", integration, definition, clock=QuickClock())


def current(status: Status = Status.SCREENING, stage: str = "s1") -> ApplicationRecord:
    application = empty_application("a1", "c1")
    application["status"] = status
    application["job"] = {"external_id": "j1", "name": None}
    application["stage"] = {"external_id": stage, "name": None}
    return application


async def planned(
    target: PushTarget,
    *,
    status: Status = Status.SCREENING,
    text: str = ACME,
    account: Acme | None = None,
    **operator: Any,
) -> PushPlan:
    async with tiny_ats(account or Acme()) as ats:
        connector = connector_to(ats, text, **operator)
        plan = await connector.plan_push(REF, current(status), target)
        await connector.close()
        return plan


async def test_a_move_names_the_stage_it_expects_the_one_it_wants_and_who_does_it() -> None:
    plan = await planned(PushTarget(Status.OFFER))

    assert isinstance(plan, Steps)
    assert plan.steps[0].body == {"from": "s1", "to": "s4", "by": "u7"}
    assert plan.stage == {"external_id": "s4", "name": "The offer"}
    assert plan.status is Status.OFFER


async def test_of_several_fitting_stages_the_lowest_of_the_applications_own_job_is_taken() -> None:
    plan = await planned(PushTarget(Status.INTERVIEW))

    assert isinstance(plan, Steps)
    assert plan.stage["external_id"] == "s2"


async def test_the_operators_first_stage_comes_before_every_rule() -> None:
    plan = await planned(
        PushTarget(Status.INTERVIEW), statuses={Status.INTERVIEW: ["interview", "Onsite"]}
    )

    assert isinstance(plan, Steps)
    assert plan.stage["external_id"] == "s3"


async def test_any_stage_of_the_status_will_do_when_none_is_named() -> None:
    plan = await planned(PushTarget(Status.INTERVIEW), status=Status.INTERVIEW)

    assert plan == AlreadyThere()


@pytest.mark.parametrize("named", [{"external_id": "s3", "name": None}, {"external_id": None, "name": "INTERVIEW"}])  # fmt: skip
async def test_a_named_stage_is_the_target_itself(named: Any) -> None:
    plan = await planned(PushTarget(Status.INTERVIEW, stage=named), status=Status.INTERVIEW)

    assert isinstance(plan, Steps)
    assert plan.stage["external_id"] == "s3"


async def test_a_status_without_a_stage_says_which_line_to_add() -> None:
    plan = await planned(PushTarget(Status.ASSESSMENT))

    assert isinstance(plan, Impossible)
    assert 'add `integrations.acme.statuses.assessment: ["<stage>"]`' in plan.reason


async def test_a_rejection_without_a_reason_says_which_line_to_add() -> None:
    plan = await planned(PushTarget(Status.REJECTED), rejection_reasons={})

    assert isinstance(plan, Impossible)
    assert "integrations.acme.rejection_reasons" in plan.reason


async def test_a_withdrawal_takes_a_reason_that_means_one() -> None:
    plan = await planned(PushTarget(Status.WITHDRAWN))

    assert isinstance(plan, Steps)
    assert plan.steps[0].body == {"reason": "r2"}


async def test_a_reason_named_in_clearview_comes_before_the_default() -> None:
    plan = await planned(
        PushTarget(Status.REJECTED, rejection_reason="skills"),
        rejection_reasons={"default": "nothing known", "skills": "r1"},
    )

    assert isinstance(plan, Steps)
    assert plan.steps[0].body == {"reason": "r1"}


async def test_a_hire_takes_the_opening_of_its_own_job() -> None:
    plan = await planned(PushTarget(Status.HIRED))

    assert isinstance(plan, Steps)
    assert plan.steps[0].body == {"opening": 6}


async def test_a_write_whose_needed_choice_finds_nothing_is_impossible() -> None:
    text = spoilt('where: {job_id: "{job_id}"}}', "where: {job_id: other}, required: true}")

    plan = await planned(PushTarget(Status.HIRED), text=text)

    assert isinstance(plan, Impossible)
    assert "nothing in `openings` fits it" in plan.reason


async def test_what_the_vendor_cannot_undo_is_impossible() -> None:
    plan = await planned(PushTarget(Status.OFFER), status=Status.REJECTED)

    assert isinstance(plan, Impossible)
    assert plan.reason == "Acme Hire cannot move an application that is rejected"


async def test_a_vendor_that_wants_a_user_gets_none_of_our_writes_without_one() -> None:
    plan = await planned(PushTarget(Status.OFFER), acting_user=None)

    assert isinstance(plan, Impossible)
    assert "integrations.acme.acting_user" in plan.reason


async def performed(account: Acme, text: str = ACME, *, times: int = 1) -> None:
    async with tiny_ats(account) as ats:
        connector = connector_to(ats, text)
        plan = await connector.plan_push(REF, current(), PushTarget(Status.OFFER))
        assert isinstance(plan, Steps)
        try:
            for step in plan.steps * times:
                await connector.perform(step)
        finally:
            await connector.close()


async def test_a_write_is_sent_once() -> None:
    account = Acme()
    await performed(account)

    assert len(account.writes) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, OutcomeUnknown),
        (web.Response(status=500), OutcomeUnknown),
        (web.Response(status=429, headers={"Retry-After": "30"}), RateLimited),
        (web.Response(status=400), Rejected),
        (web.Response(status=408), Unavailable),
    ],
)
async def test_a_write_that_goes_wrong_is_not_repeated(
    answer: web.Response | None, error: type[Exception]
) -> None:
    account = Acme()
    account.answers = [answer]

    with pytest.raises(error):
        await performed(account)
    assert len(account.writes) == 1


async def test_a_refused_guard_is_followed_by_its_other_form() -> None:
    text = ACME.replace("guard: [stage_id]", "guard: [stage_id, row]").replace(
        "    - {header: X-Error",
        "    - {status: [409], on: [write], then: guard}\n    - {header: X-Error",
    )
    account = Acme(row="row-5")
    account.answers = [web.Response(status=409)]

    await performed(account, text)

    assert [body["from"] for _, body in account.writes] == ["s1", "row-5"]


async def test_the_form_that_an_account_takes_is_tried_first_from_then_on() -> None:
    text = ACME.replace("guard: [stage_id]", "guard: [stage_id, row]").replace(
        "    - {header: X-Error",
        "    - {status: [409], on: [write], then: guard}\n    - {header: X-Error",
    )
    account = Acme(row="row-5")
    account.answers = [web.Response(status=409)]

    await performed(account, text, times=2)

    assert [body["from"] for _, body in account.writes] == ["s1", "row-5", "row-5"]


async def test_a_guard_that_is_refused_in_every_form_is_reported() -> None:
    text = ACME.replace(
        "    - {header: X-Error",
        "    - {status: [409], on: [write], then: guard}\n    - {header: X-Error",
    )
    account = Acme()
    account.answers = [web.Response(status=409)]

    with pytest.raises(GuardRefused):
        await performed(account, text)


async def test_an_application_is_read_with_its_joins() -> None:
    async with tiny_ats(Acme(archived=True, reason_id="r2")) as ats:
        connector = connector_to(ats)
        application = await connector.read_application(REF)
        await connector.close()

    assert application is not None
    assert application["status"] is Status.WITHDRAWN
    assert application["stage"] == {"external_id": "s1", "name": "Recruiter call"}
    assert application["rejection_reason"] == "Took another job"


async def test_an_application_that_is_gone_is_none() -> None:
    async with tiny_ats(Acme(id="other")) as ats:
        connector = connector_to(ats)
        application = await connector.read_application(REF)
        await connector.close()

    assert application is None


async def test_analytics_are_written_for_the_field_that_the_operator_named() -> None:
    account = Acme()
    async with tiny_ats(account) as ats:
        connector = connector_to(ats)
        await connector.send_value(REF, "71", field_name="score")
        await connector.close()

    assert account.writes == [("/applications/a1/score", {"name": "score", "value": "71"})]


async def test_stages_are_shown_with_what_they_map_to() -> None:
    async with tiny_ats(Acme()) as ats:
        connector = connector_to(ats)
        stages = await connector.stages()
        await connector.close()

    assert [(s.name, s.status) for s in stages[:2]] == [
        ("Recruiter call", Status.SCREENING),
        ("Onsite", Status.INTERVIEW),
    ]
    assert stages[1].is_push_target
    assert not stages[2].is_push_target
