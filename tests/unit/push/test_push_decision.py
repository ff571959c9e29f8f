"""The meaning of an event and of a due push, decided without any I/O."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.core.applications import ApplicationState, KnownApplication
from daemon.core.push_decision import (
    AlreadyHeld,
    Coalesce,
    KeepAtsStatus,
    PlannedPush,
    PushRules,
    Send,
    Skip,
    plan_delivery,
    plan_event,
    superseded,
)
from daemon.core.pushes import UnfinishedPush
from daemon.core.status_events import StatusEvent
from models.candidate import AtsRef
from models.status import ApplicationStatus

S = ApplicationStatus
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
APPLIED = AtsRef(external_id="1", name="Applied")
ONSITE = AtsRef(external_id="2", name="Onsite")
statuses = st.sampled_from(list(S))


def an_event(status: str | None = "interview", stage: AtsRef | None = None) -> StatusEvent:
    return StatusEvent(
        event_id="e1",
        sequence="000001:e1",
        application_id=UUID(int=1),
        at=NOON,
        status=status,
        stage=stage,
        integration_id=UUID(int=2),
        external_id="a1",
    )


def known(status: S = S.NEW, stage: AtsRef = APPLIED) -> KnownApplication:
    return KnownApplication(state=ApplicationState(status, stage), record={})


def plan(
    event: StatusEvent,
    snapshot: KnownApplication | None = None,
    earlier: UnfinishedPush | None = None,
    rules: PushRules | None = PushRules(),  # noqa: B008 - a frozen value
) -> PlannedPush | Skip:
    return plan_event(event, known=snapshot or known(), earlier=earlier, rules=rules)


@given(status=statuses)
def test_the_snapshots_own_status_is_an_echo_and_any_other_is_work(status: S) -> None:
    decided = plan(an_event(status))

    assert decided == (
        Skip("echo")
        if status is S.NEW
        else PlannedPush(status, None, ApplicationState(S.NEW, APPLIED))
    )


@given(status=statuses, before=statuses)
def test_after_an_unfinished_push_nothing_is_an_echo(status: S, before: S) -> None:
    decided = plan(an_event(status), earlier=UnfinishedPush(before, None))

    assert decided == PlannedPush(status, None, expected=None)


def test_a_stage_named_in_the_same_write_is_the_target() -> None:
    decided = plan(an_event("interview", ONSITE))

    assert isinstance(decided, PlannedPush)
    assert decided.stage == ONSITE


def test_the_stage_that_a_whole_document_repeats_was_not_named() -> None:
    decided = plan(an_event("interview", APPLIED))

    assert isinstance(decided, PlannedPush)
    assert decided.stage is None


def test_a_whole_document_repeats_the_stage_that_a_push_has_not_moved_yet() -> None:
    unfinished = UnfinishedPush(S.INTERVIEW, None)
    whole = plan(replace(an_event("offer", APPLIED), is_whole=True), earlier=unfinished)
    named = plan(an_event("offer", APPLIED), earlier=unfinished)

    assert whole == PlannedPush(S.OFFER, None, expected=None)
    assert named == PlannedPush(S.OFFER, APPLIED, expected=None)


def test_a_new_name_beside_the_old_id_names_a_stage() -> None:
    decided = plan(an_event("interview", AtsRef(external_id="1", name="Onsite")))

    assert isinstance(decided, PlannedPush)
    assert decided.stage is not None


def test_a_write_of_a_stage_only_keeps_the_status() -> None:
    assert plan(an_event(None, ONSITE)) == PlannedPush(
        S.NEW, ONSITE, ApplicationState(S.NEW, APPLIED)
    )
    unfinished = plan(an_event(None, ONSITE), earlier=UnfinishedPush(S.OFFER, None))
    assert unfinished == PlannedPush(S.OFFER, ONSITE, None)


@pytest.mark.parametrize(
    ("decided", "reason", "failed"),
    [
        (plan(an_event("bogus")), "not_canonical", True),
        (plan(an_event("bogus"), rules=None), "unknown_integration", False),
        (plan(replace(an_event(None), problem="status is of type date")), "wrong_type", True),
        (plan(an_event(None)), "no_status", False),
        (plan(an_event(), rules=PushRules(enabled=False)), "push_disabled", False),
        (plan(an_event(), replace(known(), gone=True)), "not_at_ats", False),
    ],
)
def test_what_cannot_be_sent_says_why(decided: Skip, reason: str, failed: bool) -> None:
    assert (decided.reason, decided.failed) == (reason, failed)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("on_hold", "'on_hold' is no canonical status; allowed are new, reviewing, "),
        ("ada@example.com", "the status is no canonical status; allowed are new, "),
        ("x" * 41, "the status is no canonical status; allowed are new, "),
        ("Ada Lovelace called", "the status is no canonical status; allowed are new, "),
        ("555-0143", "the status is no canonical status; allowed are new, "),
    ],
)
def test_another_word_is_named_with_the_allowed_ones_unless_it_may_be_personal(
    status: str, shown: str
) -> None:
    decided = plan(an_event(status))

    assert isinstance(decided, Skip)
    assert (decided.message or "").startswith(shown)


def test_an_application_without_a_snapshot_is_not_at_the_ats() -> None:
    decided = plan_event(an_event(), known=None, earlier=None, rules=PushRules())

    assert isinstance(decided, Skip)
    assert decided.reason == "not_at_ats"


@given(base=statuses, ats=statuses, status=statuses)
def test_a_push_is_sent_there_or_yields_and_never_disagrees_with_the_rule(
    base: S, ats: S, status: S
) -> None:
    decided = plan_delivery(
        base=base, ats=ApplicationState(ats, APPLIED), status=status, stage=None, policy="ats_wins"
    )

    if ats == status:
        assert decided == AlreadyHeld()
    elif ats == base:
        assert decided == Send()
    else:
        assert isinstance(decided, KeepAtsStatus)
        assert decided.conflict == (status != base)


@given(base=statuses, ats=statuses, status=statuses)
def test_clearview_wins_sends_and_says_that_it_overrules(base: S, ats: S, status: S) -> None:
    decided = plan_delivery(
        base=base,
        ats=ApplicationState(ats, APPLIED),
        status=status,
        stage=None,
        policy="clearview_wins",
    )
    for_a_person = {ats, status} in ({S.HIRED, S.REJECTED}, {S.HIRED, S.WITHDRAWN})

    if len({base, ats, status}) == 3:
        assert decided == (
            KeepAtsStatus(None, conflict=True) if for_a_person else Send(overrules_ats=True)
        )


def test_another_stage_of_the_same_status_is_moved_to_without_a_conflict() -> None:
    decided = plan_delivery(
        base=S.NEW,
        ats=ApplicationState(S.INTERVIEW, APPLIED),
        status=S.INTERVIEW,
        stage=ONSITE,
        policy="ats_wins",
    )

    assert decided == Send()


@given(count=st.integers(0, 20), coalesce=st.sampled_from(["latest", "every"]))
def test_the_latest_of_a_pile_replaces_the_others_unless_every_one_is_wanted(
    count: int, coalesce: Coalesce
) -> None:
    waiting = [uuid4() for _ in range(count)]

    expected = waiting[:-1] if coalesce == "latest" else []
    assert list(superseded(waiting, coalesce=coalesce)) == expected
