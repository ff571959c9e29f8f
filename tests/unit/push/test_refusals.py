"""Refusals: which count, and the words that a person is shown."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from connectors.errors import AtsError, GuardRefused, NotFound, Rejected
from daemon.pushing.refusals import has_moved, refusal_text
from models.candidate import ApplicationRecord, AtsRef
from models.status import ApplicationStatus as Status
from tests.support.records import empty_application

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 13, tzinfo=UTC)
GUARD = GuardRefused("moved", status=422, operation="move")


def record(**fields: Any) -> ApplicationRecord:
    application = empty_application("a1", "c1")
    application["status"] = Status.NEW
    application["external_updated_at"] = NOON
    return cast("ApplicationRecord", {**application, **fields})


@pytest.mark.parametrize(
    ("after", "error", "moved"),
    [
        (record(), GUARD, False),
        (record(status=Status.OFFER), GUARD, True),
        (record(stage=AtsRef(external_id="s2", name=None)), GUARD, True),
        (record(external_updated_at=LATER), GUARD, True),
        (record(external_updated_at=None), GUARD, False),
        (record(external_updated_at=LATER), Rejected("no", status=400), False),
        (record(status=Status.OFFER), Rejected("no", status=400), True),
        (record(rejection_reason="x"), NotFound("no", status=404), False),
    ],
)
def test_a_refusal_counts_unless_the_application_has_moved(
    after: ApplicationRecord, error: AtsError, *, moved: bool
) -> None:
    assert has_moved(record(), after, error) is moved


def said(error: AtsError, words: str = "", code: str = "") -> AtsError:
    error.words, error.code = words, code
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (said(GUARD), "Rejected: move: the ATS refuses this request (answered 422), and the application has not moved there"),
        (said(Rejected("move: no (answered 400) (E7)", status=400), "Closed for Ada", "E7"), "Rejected: move: no (answered 400) (E7): Closed for …"),
        (said(NotFound("x", status=404, operation="move"), "Not found"), "NotFound: move: the ATS answered 404 although it still has the application; the stage or the reason may be gone: Not found"),
        (Rejected("the plan failed"), "Rejected: the plan failed"),
    ],
)  # fmt: skip
def test_a_refusal_shows_the_atss_own_words_without_names(error: AtsError, text: str) -> None:
    assert refusal_text(error, ["Ada"]) == text


def test_what_else_would_have_to_be_done_is_added() -> None:
    assert refusal_text(Rejected("no"), [], hint="Name a reason") == "Rejected: no. Name a reason"


def test_a_code_that_names_the_candidate_is_left_out() -> None:
    refused = said(
        Rejected("move: refused (Jane.Doe)", status=400, operation="move"), code="Jane.Doe"
    )

    assert refusal_text(refused, ["Jane", "Doe"]) == "Rejected: move: refused"
    assert refusal_text(refused, ["Ada"]) == "Rejected: move: refused (Jane.Doe)"
