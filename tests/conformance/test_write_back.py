"""Beside a status: a note, an e-mail that was asked for, and what a hire needs. Nothing else, and once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.definition import load_definition
from connectors.errors import OutcomeUnknown, Rejected
from connectors.simulator import Fault
from connectors.values import Impossible, PushTarget, Steps
from models.status import ApplicationStatus as Status
from tests.conformance.conftest import Account
from tests.conformance.test_seven_vendors import only, pushed
from tests.conformance.test_writing import an_open_application, now
from tests.support.ats import Imported
from tests.support.foreign import connected, reference
from tests.support.foreign_breezy import Breezy

TEXT = "Moved by ClearView to {} \N{EM DASH} Zoë's job"
EMAIL = {"push": {"rejection_email": {"template": "4711", "after": "48h"}}}
ASKED = {
    "greenhouse": ("rejection_email", "email_template_id", 4711, "send_email_at"),
    "ashby": ("archiveEmail", "communicationTemplateId", "4711", "sendAt"),
}


@pytest.mark.parametrize("status", [Status.INTERVIEW, Status.REJECTED, Status.HIRED])
async def test_a_note_is_on_the_application_once_with_its_text(
    account: Account, status: Status
) -> None:
    simulator, connector = await account(candidates=40)
    ref = await an_open_application(connector)
    text = TEXT.format(status)

    await pushed(connector, ref, PushTarget(status, note=text))
    if status not in connector.capabilities.carries_note:
        await connector.add_note(ref, text)

    [note] = simulator.world.notes
    application = simulator.find_application(ref.external_id)
    assert application is not None
    assert note.person == application.person
    assert note.body.startswith(text)
    assert simulator.violations == []
    assert simulator.recorder.emails_sent == (
        1 if (connector.ats_name, status) == ("Greenhouse", Status.INTERVIEW) else 0
    ), "Greenhouse sends e-mails for moves by rules of its own"


async def test_a_note_whose_answer_is_lost_is_unknown(account: Account) -> None:
    simulator, connector = await account(candidates=40)
    ref = await an_open_application(connector)
    simulator.faults.add(Fault("lost_answer", operation="write"))

    with pytest.raises(OutcomeUnknown):
        await connector.add_note(ref, "Moved")

    assert len(simulator.world.notes) == 1


async def test_a_note_without_the_user_whom_the_vendor_demands_is_not_sent(
    account: Account, vendor: str
) -> None:
    note = load_definition(vendor).model.writes.note
    assert note is not None
    if not note.needs_user:
        pytest.skip("notes need no user here")
    simulator, connector = await account(candidates=40, operator={"acting_user": None})
    ref = await an_open_application(connector)

    with pytest.raises(Rejected, match="add `acting_user`"):
        await connector.add_note(ref, "Moved")

    assert simulator.world.notes == []
    assert simulator.violations == []


async def test_no_candidate_gets_an_e_mail_that_no_one_asked_for(account: Account) -> None:
    simulator, connector = await account(candidates=40)
    ref = await an_open_application(connector)

    await pushed(connector, ref, PushTarget(Status.REJECTED))

    assert simulator.recorder.emails_sent == 0


async def test_an_e_mail_that_the_operator_asks_for_is_sent_with_a_rejection_and_no_withdrawal(
    account: Account, vendor: str
) -> None:
    simulator, connector = await account(candidates=40, operator=EMAIL)
    found = Imported()
    await found.walk(connector)
    first, second = [
        reference(each) for each in found.applications.values() if each["status"].is_open
    ][:2]

    await pushed(connector, first, PushTarget(Status.REJECTED))
    await pushed(connector, second, PushTarget(Status.WITHDRAWN, rejection_reason="withdrew"))

    rejection, withdrawal = simulator.writes
    assert simulator.violations == []
    assert simulator.recorder.emails_sent == (vendor in ASKED)
    if vendor in ASKED:
        key, template, wanted, at = ASKED[vendor]
        email: Any = rejection.body[key]
        sent_in = datetime.fromisoformat(email[at]) - datetime.now(UTC)
        assert email[template] == wanted
        assert timedelta(hours=47) < sent_in <= timedelta(hours=48)
        assert key not in withdrawal.body


async def test_a_rejection_of_a_closed_application_asks_for_no_e_mail(account: Account) -> None:
    simulator, connector = await account(candidates=40, operator=EMAIL)
    ref = await an_open_application(connector)
    await pushed(connector, ref, PushTarget(Status.WITHDRAWN, rejection_reason="withdrew"))

    plan = await connector.plan_push(ref, await now(connector, ref), PushTarget(Status.REJECTED))
    for step in plan.steps if isinstance(plan, Steps) else ():
        await connector.perform(step)

    assert simulator.recorder.emails_sent == 0


HIRED_AT = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("vendor", "options", "operator", "sent"),
    [
        ("greenhouse", {}, {}, {"start_date": "2026-11-20"}),
        (
            "greenhouse",
            {},
            {"start_date": "custom_fields.first_day"},
            {"start_date": "2027-01-04"},
        ),
        ("smartrecruiters", {}, {}, {"status": "HIRED"}),
        (
            "smartrecruiters",
            {"starts_on_required": True},
            {"start_date": "custom_fields.first_day"},
            {"status": "HIRED", "startsOn": "2027-01-04T00:00:00.000Z"},
        ),
        (
            "workable",
            {"requisition_required": True},
            {
                "requisition_code": "custom_fields.requisition",
                "start_date": "custom_fields.first_day",
            },
            {"requisition": {"code": "RQ-7", "start_date": "2027-01-04"}},
        ),
    ],
    indirect=["vendor"],
    ids=["by default", "another path", "not demanded", "demanded", "requisition"],
)
async def test_a_hire_takes_its_fields_from_clearviews_application(
    account: Account, options: Any, operator: dict[str, str], sent: dict[str, Any]
) -> None:
    simulator, connector = await account(
        candidates=40, operator={"push": {"hired": operator}}, **options
    )
    ref = await an_open_application(connector)
    content = {
        "hired_at": HIRED_AT,
        "custom_fields": {"first_day": "2027-01-04", "requisition": "RQ-7"},
    }

    await pushed(connector, ref, PushTarget(Status.HIRED, application=content))

    body = simulator.writes[-1].body
    assert {name: body.get(name) for name in sent} == sent
    assert set(body) - set(sent) <= {"opening_id", "member_id", "target_stage"}
    assert simulator.violations == []


@only("smartrecruiters")
async def test_a_hire_without_a_value_that_the_operator_names_is_not_sent(account: Account) -> None:
    operator = {"push": {"hired": {"start_date": "custom_fields.first_day"}}}
    simulator, connector = await account(candidates=40, operator=operator)
    ref = await an_open_application(connector)
    target = PushTarget(Status.HIRED, application={"hired_at": HIRED_AT})

    plan = await connector.plan_push(ref, await now(connector, ref), target)

    assert isinstance(plan, Impossible)
    assert "custom_fields.first_day" in plan.reason
    assert "integrations.acme.push.hired.start_date" in plan.reason
    assert simulator.writes == []


async def test_breezy_takes_a_note_as_a_comment() -> None:
    ats, imported = Breezy(), Imported()
    async with connected("breezy", ats) as (connector, _):
        await imported.walk(connector)
        await connector.add_note(reference(imported.applications["pos1:c001"]), "Moved")

    assert ats.comments == [("pos1:c001", "Moved")]
    assert ats.violations == []
