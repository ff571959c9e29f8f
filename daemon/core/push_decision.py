"""The meaning of a status change for the ATS: at intake, and again at delivery. Pure.

At intake: is this change work at all? At delivery, given the ATS's state and the status that both
sides last agreed on: is it sent, does the ATS hold it already, or has the ATS moved too?
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from daemon.core.applications import ApplicationState, KnownApplication
from daemon.core.conflict import Policy, Winner, decide_status, who_moved
from daemon.core.pushes import UnfinishedPush
from daemon.core.status_events import StatusEvent
from models.candidate import AtsRef
from models.status import ApplicationStatus, status_word

Coalesce = Literal["latest", "every"]
STATUSES = frozenset(ApplicationStatus)
_ALLOWED = f"allowed are {', '.join(ApplicationStatus)}"


class PushRules(msgspec.Struct, frozen=True):
    """The operator's settings for pushes to one integration."""

    enabled: bool = True
    conflicts: Policy = "ats_wins"
    coalesce: Coalesce = "latest"
    integration: str = ""
    """Its name, for alerts."""
    note: str | None = None
    """The text of the note that is written with each delivered push, with its placeholders."""


class PlannedPush(msgspec.Struct, frozen=True):
    """A push to make. `expected` is None after an unfinished push: its result is expected then."""

    status: ApplicationStatus
    stage: AtsRef | None
    expected: ApplicationState | None


class Skip(msgspec.Struct, frozen=True):
    """The decision to do nothing, with the reason in one word. `failed`: a person should see it."""

    reason: str
    message: str | None = None
    failed: bool = False


def plan_event(
    event: StatusEvent,
    *,
    known: KnownApplication | None,
    earlier: UnfinishedPush | None,
    rules: PushRules | None,
) -> PlannedPush | Skip:
    """Decides if a change in ClearView is work at the ATS.

    A status that the snapshot holds already came from the ATS (or went there): that is the echo
    rule. After an unfinished push nothing can be an echo, because the snapshot will move.
    """
    refusal = _refusal(event, rules)
    if refusal is not None:
        return refusal
    if known is None or known.gone:
        return Skip("not_at_ats", "the ATS is not known to have this application")
    before_stage = _stage_before(event, known, earlier)
    stage = event.stage if names_another_stage(event.stage, before_stage) else None
    before = known.state.status if earlier is None else earlier.status
    status = before if event.status is None else ApplicationStatus(event.status)
    if earlier is not None:
        return PlannedPush(status, stage, expected=None)
    if holds(known.state, status, stage):
        return Skip("echo")
    return PlannedPush(status, stage, expected=known.state)


def _stage_before(
    event: StatusEvent, known: KnownApplication, earlier: UnfinishedPush | None
) -> AtsRef | None:
    """Returns ClearView's stage before the write; None where any stage in the write is a choice.

    A whole document repeats the stage that the unfinished push has not moved yet.
    """
    if earlier is None or (earlier.stage is None and event.is_whole):
        return known.state.stage
    return earlier.stage


def _refusal(event: StatusEvent, rules: PushRules | None) -> Skip | None:
    """Returns the reason why no ATS gets the change; None if one may."""
    if rules is None:
        return Skip("unknown_integration", "the application belongs to no configured integration")
    if not rules.enabled:
        return Skip("push_disabled", "push.enabled is false for this integration")
    if event.problem is not None:
        return Skip("wrong_type", f"{event.problem}; {_ALLOWED}", failed=True)
    if event.status is None and event.stage is None:
        return Skip("no_status", "the write left the application without a status")
    if event.status is None or event.status in STATUSES:
        return None
    word = "the status" if status_word(event.status) is None else f"{event.status!r}"
    return Skip("not_canonical", f"{word} is no canonical status; {_ALLOWED}", failed=True)


def unreadable(event: StatusEvent, error: str) -> Skip:
    """Returns the plan of an event that fails at every try."""
    name = event.document or str(event.application_id)
    message = f"the change of document {name} cannot be handled ({error}); correct the document"
    return Skip("unreadable", message, failed=True)


def names_another_stage(stage: AtsRef | None, before: AtsRef | None) -> bool:
    """True if a write chose a stage, rather than repeating the one that was there."""
    if stage is None or (stage["external_id"] is None and stage["name"] is None):
        return False
    return before is None or not same_stage(stage, before)


def same_stage(wanted: AtsRef, held: AtsRef) -> bool:
    """True if `held` is the stage that `wanted` names.

    People name stages by id or by name; where both ids are known the ids decide, except that a
    new name beside the old id is a choice of its own.
    """
    name_differs = wanted["name"] is not None and held["name"] != wanted["name"]
    if wanted["external_id"] is not None and held["external_id"] is not None:
        return wanted["external_id"] == held["external_id"] and not name_differs
    return not name_differs and wanted["name"] is not None


def holds(state: ApplicationState, status: ApplicationStatus, stage: AtsRef | None) -> bool:
    """True if the wanted status is held in any stage, or in the very stage if one is named."""
    if stage is None:
        return state.status == status
    return same_stage(stage, state.stage)


class Send(msgspec.Struct, frozen=True):
    """The decision to send the status to the ATS."""

    overrules_ats: bool = False
    """The ATS had moved as well, and by the conflict rule ClearView wins."""


class AlreadyHeld(msgspec.Struct, frozen=True):
    """The finding that the ATS holds the wanted status."""


class KeepAtsStatus(msgspec.Struct, frozen=True):
    """The decision that the ATS's status remains. `winner` None: a person decides."""

    winner: Winner | None
    conflict: bool
    """False: ClearView is back where both sides were, so only the ATS moved."""


def plan_delivery(
    *,
    base: ApplicationStatus,
    ats: ApplicationState,
    status: ApplicationStatus,
    stage: AtsRef | None,
    policy: Policy,
    ats_changed_at: datetime | None = None,
    clearview_changed_at: datetime | None = None,
) -> Send | AlreadyHeld | KeepAtsStatus:
    """Decides about a due push; `base` is the status that both sides last agreed on."""
    if holds(ats, status, stage):
        return AlreadyHeld()
    if ats.status == status:
        return Send()
    winner = decide_status(
        base=base,
        ats=ats.status,
        clearview=status,
        policy=policy,
        ats_changed_at=ats_changed_at,
        clearview_changed_at=clearview_changed_at,
    )
    both_moved = who_moved(base=base, ats=ats.status, clearview=status) == "both"
    if winner == "clearview":
        return Send(overrules_ats=both_moved)
    return KeepAtsStatus(winner, conflict=both_moved)


def superseded(waiting: Sequence[UUID], *, coalesce: Coalesce) -> Sequence[UUID]:
    """Returns those of one application's waiting pushes (oldest first) that a newer one replaces."""
    return () if coalesce == "every" else waiting[:-1]
