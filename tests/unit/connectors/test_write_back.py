"""What a definition and an operator's file may say about notes, e-mails and fields of a hire."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.problems import ConfigError
from connectors.definition.placeholders import fill
from connectors.values import Impossible, PushTarget, Steps
from daemon.core.push_note import LONGEST, note_text
from daemon.runtime.checked_config import load_checked_config
from models.status import ApplicationStatus as Status
from tests.support.definitions import spoilt
from tests.unit.connectors.test_definition_mistakes import complaints
from tests.unit.connectors.test_pushes import planned

LEVER = 'connector: lever\n    credentials: {api_key: "${env:K}"}\n'
GREENHOUSE = (
    'connector: greenhouse\n    credentials: {client_id: "${env:K}", client_secret: "${env:K}"}\n'
)
ICIMS = (
    'connector: icims\n    credentials: {username: u, password: "${env:K}"}\n'
    "    options: {customer_id: '1'}\n"
)


def found(folder: Path, integration: str) -> tuple[list[str], list[str]]:
    """Errors and warnings about an integration."""
    file = folder / "f.yaml"
    file.write_text(f"version: 1\nintegrations:\n  acme:\n    {integration}")
    try:
        checked = load_checked_config(file, environment={"K": "k"})
    except ConfigError as error:
        return [str(each).removeprefix(f"{file}:") for each in error.problems], []
    return [], [str(each).removeprefix(f"{file}:") for each in checked.loaded.warnings]


@pytest.mark.parametrize(
    ("push", "expected"),
    [
        ("{note: 'Moved to {status} from {previous_status} for {job}'}", []),
        (
            "{note: 'Hello {first_name}'}",
            ["may hold only these in braces: {status}, {previous_status}, {job}"],
        ),
        (
            "{note: 'Moved {to'}",
            ["may hold only these in braces: {status}, {previous_status}, {job}"],
        ),
        (
            "{hired: {start: hired_at}}",
            ["Lever takes no such field with a hire; it takes nothing"],
        ),
    ],
)
def test_a_file_says_only_what_the_ats_takes(
    tmp_path: Path, push: str, expected: list[str]
) -> None:
    errors, _ = found(tmp_path, f"{LEVER}    push: {push}\n")

    assert [error.split(": ", 1)[1] for error in errors] == expected


@pytest.mark.parametrize(
    ("integration", "expected"),
    [
        (f"{LEVER}    push: {{note: Moved}}\n", []),
        (
            f"{LEVER}    push: {{rejection_email: {{template: '1'}}}}\n",
            [
                "push.rejection_email: Lever sends no e-mail with a rejection: Archiving sends no e-mail; none will be sent"
            ],
        ),
        (
            f"{GREENHOUSE}    push: {{note: Moved}}\n",
            ["push.note: Greenhouse takes a note in someone's name only; add `acting_user`"],
        ),
        (
            f"{ICIMS}    push: {{note: Moved}}\n",
            [
                "push.note: iCIMS takes no note: Whether the API takes notes is unverified 2026-11-29; none will be written"
            ],
        ),
    ],
)
def test_a_wish_that_the_ats_cannot_follow_is_warned_of(
    tmp_path: Path, integration: str, expected: list[str]
) -> None:
    errors, warnings = found(tmp_path, integration)

    own = [each.partition("integrations.acme.")[2] for each in warnings if ".push" in each]
    assert (errors, own) == ([], expected)


def test_a_field_of_a_hire_is_near_enough_to_be_guessed(tmp_path: Path) -> None:
    errors, _ = found(tmp_path, f"{GREENHOUSE}    push: {{hired: {{start_dat: 'a ||'}}}}\n")

    assert '(did you mean "start_date"?)' in errors[0]
    assert "is not a JMESPath expression" in errors[1]


NOTE = "analytics:\n"


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        (
            "  note: {request: {post: /notes}}\n",
            "writes.note.request: writes nothing: {note} must be in it",
        ),
        (
            '  note: {request: {post: /notes, body: {t: "{note}"}}, needs_user: true}\n',
            "writes.note.needs_user: needs {acting_user} in the request",
        ),
        (
            '  note: {request: {post: /notes, body: {t: "{note}", s: "{stage_id}"}}}\n',
            "writes.note.request.body.s: unknown placeholder {stage_id}",
        ),
        (
            "  hired_fields: {start: {description: First day}}\n",
            "writes.hired_fields.start: is declared, but {start} is nowhere in `hire`",
        ),
    ],
)
def test_a_definition_that_says_half_is_refused(added: str, expected: str) -> None:
    [problem] = complaints(spoilt(NOTE, added + NOTE))

    assert problem.split("  ", 1)[1].startswith(expected)


def test_only_a_rejection_can_ask_for_an_e_mail() -> None:
    text = spoilt(
        '{opening: "{opening_id:int}"}', '{opening: "{opening_id:int}", mail: "{email_at}"}'
    )

    [problem] = complaints(text)

    assert "unknown placeholder {email_at}" in problem


def with_start(required: str = "") -> str:
    return spoilt(
        '{opening: "{opening_id:int}"}', '{opening: "{opening_id:int}", start: "{start:date}"}'
    ).replace(
        NOTE,
        f"  hired_fields: {{start: {{description: First day, path: custom_fields.day{required}}}}}\n{NOTE}",
    )


async def test_a_field_that_the_vendor_demands_is_missing_before_the_request() -> None:
    plan = await planned(PushTarget(Status.HIRED), text=with_start(", required: true"))

    assert isinstance(plan, Impossible)
    assert plan.reason == (
        "Acme Hire needs start to hire (First day), and ClearView's application has no value at "
        "`custom_fields.day`; enter it there, or correct `integrations.acme.push.hired.start`"
    )


@pytest.mark.parametrize(
    ("content", "start"),
    [
        ({}, {}),
        ({"custom_fields": {"day": "2027-01-04"}}, {"start": "2027-01-04"}),
        ({"custom_fields": {"day": "2027-01-04T22:00:00-05:00"}}, {"start": "2027-01-05"}),
        ({"custom_fields": {"day": "soon"}}, {"start": "soon"}),
        ({"custom_fields": {"day": datetime(2027, 1, 4, 9, tzinfo=UTC)}}, {"start": "2027-01-04"}),
    ],
)
async def test_a_field_that_is_there_is_sent_in_the_vendors_form(
    content: dict[str, Any], start: dict[str, str]
) -> None:
    plan = await planned(PushTarget(Status.HIRED, application=content), text=with_start())

    assert isinstance(plan, Steps)
    assert plan.steps[0].body == {"opening": 6, **start}


def test_an_object_whose_every_entry_is_unset_is_left_out() -> None:
    body = {"a": 1, "mail": {"template": "{x}", "inner": {"at": "{y}"}}, "none": {}, "own": "{z}"}

    assert fill(body, {"z": {}}.get) == {"a": 1, "none": {}, "own": {}}


def test_a_note_names_the_job_and_is_cut_where_its_name_is_too_long() -> None:
    def text(job: dict[str, Any]) -> str:
        return note_text(
            "{status}/{previous_status}: {job}", status=Status.OFFER, previous=Status.NEW, job=job
        )

    assert text({"name": "Welder {status}"}) == "offer/new: Welder {status}"
    assert text({"external_id": "j1", "name": None}) == "offer/new: j1"
    assert len(text({"name": "x" * 999})) == LONGEST
