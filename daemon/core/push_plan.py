"""What an event means for the ATS, and what a waiting push still means when its turn comes.

Two decisions, both pure. At intake: is this change work at all? At delivery: given what the ATS
holds now and what both sides last agreed on, is it sent, is it there already, or has the ATS moved
too?
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from daemon.core.conflict import Policy, Winner, decide_status, who_moved
from models.candidate import NamedRef
from models.status import ApplicationStatus

Coalesce = Literal["latest", "every"]
STATUSES = frozenset(ApplicationStatus)
_ALLOWED = f"allowed are {', '.join(ApplicationStatus)}"
_WORD = re.compile(r"[\w .-]{1,40}")
"""What may be shown of a status that is none."""


class PushRules(msgspec.Struct, frozen=True):
    """What the operator decided about pushes to one integration."""

    enabled: bool = True
    conflicts: Policy = "ats_wins"
    coalesce: Coalesce = "latest"
    integration: str = ""
    """Its name, for alerts."""


class StatusEvent(msgspec.Struct, frozen=True):
    """One change of an application's status or stage in ClearView, as it was at that moment."""

    event_id: str
    sequence: str
    application_id: UUID
    at: datetime
    status: str | None
    """None: the write named a stage only, or holds no text there."""
    stage: NamedRef | None = None
    rejection_reason: str | None = None
    integration_id: UUID | None = None
    external_id: str | None = None
    candidate_id: UUID | None = None
    is_whole: bool = False
    """The write was of the whole document, with fields that it did not change."""
    document: str | None = None
    """The id of a document whose id is no UUID."""
    problem: str | None = None
    """A field of the wrong type, where the write holds nothing that can be followed."""


class Standing(msgspec.Struct, frozen=True):
    """Where an application stands: its status and stage."""

    status: ApplicationStatus
    stage: NamedRef


class KnownApplication(msgspec.Struct, frozen=True):
    """What the ATS last said of an application."""

    standing: Standing
    record: Mapping[str, Any]
    gone: bool = False
    import_id: UUID | None = None
    """The import that wrote the record."""
    seen_at: datetime | None = None
    imported_from: str | None = None
    """The status that this import replaced, if it changed it and no push has moved it since."""


class Earlier(msgspec.Struct, frozen=True):
    """The latest push of the same application that has not ended yet."""

    status: ApplicationStatus
    stage: NamedRef | None


class Push(msgspec.Struct, frozen=True):
    """Work to do. `expected` is None behind an unfinished push: that one's result is expected."""

    status: ApplicationStatus
    stage: NamedRef | None
    expected: Standing | None


class Skip(msgspec.Struct, frozen=True):
    """No work, and why in one word. `failed`: someone should have a look."""

    reason: str
    message: str | None = None
    failed: bool = False


def plan_event(
    event: StatusEvent,
    *,
    known: KnownApplication | None,
    earlier: Earlier | None,
    rules: PushRules | None,
) -> Push | Skip:
    """Whether a change in ClearView is work at the ATS.

    A status that the snapshot holds already came from the ATS (or went there): that is the echo
    rule. Behind an unfinished push nothing can be an echo, because the snapshot will move.
    """
    refusal = _not_for_the_ats(event, known, rules)
    if refusal is not None or known is None:
        return refusal or _NOT_AT_ATS
    before_stage = _stage_before(event, known, earlier)
    stage = event.stage if names_another_stage(event.stage, before_stage) else None
    status = _status_of(event, known, earlier)
    if earlier is not None:
        return Push(status, stage, expected=None)
    if holds(known.standing, status, stage):
        return Skip("echo")
    return Push(status, stage, expected=known.standing)


def _stage_before(
    event: StatusEvent, known: KnownApplication, earlier: Earlier | None
) -> NamedRef | None:
    """The stage that ClearView showed before; None where any stage in the write is a choice.

    A whole document repeats the stage that the unfinished push has not moved yet.
    """
    if earlier is None or (earlier.stage is None and event.is_whole):
        return known.standing.stage
    return earlier.stage


_NOT_AT_ATS = Skip("not_at_ats", "the ATS is not known to have this application")


def _not_for_the_ats(
    event: StatusEvent, known: KnownApplication | None, rules: PushRules | None
) -> Skip | None:
    if rules is None:
        return Skip("unknown_integration", "the application belongs to no configured integration")
    if not rules.enabled:
        return Skip("push_disabled", "push.enabled is false for this integration")
    return _no_status(event) or (_NOT_AT_ATS if known is None or known.gone else None)


def _no_status(event: StatusEvent) -> Skip | None:
    """The reason why the write names nothing that any ATS has."""
    if event.problem is not None:
        return Skip("wrong_type", f"{event.problem}; {_ALLOWED}", failed=True)
    if event.status is None and event.stage is None:
        return Skip("no_status", "the write left the application without a status")
    if event.status is None or event.status in STATUSES:
        return None
    word = f"{event.status!r}" if _WORD.fullmatch(event.status) else "the status"
    return Skip("not_canonical", f"{word} is no canonical status; {_ALLOWED}", failed=True)


def unhandled(event: StatusEvent, error: str) -> Skip:
    """What becomes of an event that fails whenever it is looked at."""
    name = event.document or str(event.application_id)
    message = f"the change of document {name} cannot be handled ({error}); correct the document"
    return Skip("unreadable", message, failed=True)


def _status_of(
    event: StatusEvent, known: KnownApplication, earlier: Earlier | None
) -> ApplicationStatus:
    if event.status is not None:
        return ApplicationStatus(event.status)
    return known.standing.status if earlier is None else earlier.status


def names_another_stage(stage: NamedRef | None, before: NamedRef | None) -> bool:
    """True if a write chose a stage, rather than repeating the one that was there."""
    if stage is None or (stage["external_id"] is None and stage["name"] is None):
        return False
    return before is None or not same_stage(stage, before)


def same_stage(wanted: NamedRef, held: NamedRef) -> bool:
    """True if `held` is the stage that `wanted` names.

    People name stages by id or by name; where both ids are known the ids decide, except that a
    new name beside the old id is a choice of its own.
    """
    name_differs = wanted["name"] is not None and held["name"] != wanted["name"]
    if wanted["external_id"] is not None and held["external_id"] is not None:
        return wanted["external_id"] == held["external_id"] and not name_differs
    return not name_differs and wanted["name"] is not None


def holds(standing: Standing, status: ApplicationStatus, stage: NamedRef | None) -> bool:
    """True if the wanted state is there: any stage of the status, or the very stage if named."""
    if standing.status != status and stage is None:
        return False
    return stage is None or same_stage(stage, standing.stage)


class Send(msgspec.Struct, frozen=True):
    """Bring the application from `standing` to what is wanted."""

    overrules_ats: bool = False
    """The ATS had moved as well and the conflict rule says that ClearView wins."""


class There(msgspec.Struct, frozen=True):
    """The ATS holds what is wanted."""


class Yield(msgspec.Struct, frozen=True):
    """The ATS's status stays. `winner` None: a person decides."""

    winner: Winner | None
    conflict: bool
    """False: ClearView is back where both sides were, so only the ATS moved."""


def plan_delivery(
    *,
    base: ApplicationStatus,
    ats: Standing,
    status: ApplicationStatus,
    stage: NamedRef | None,
    policy: Policy,
    ats_changed_at: datetime | None = None,
    clearview_changed_at: datetime | None = None,
) -> Send | There | Yield:
    """What a push means now that its turn has come; `base` is what both sides last agreed on."""
    if holds(ats, status, stage):
        return There()
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
    return Yield(winner, conflict=both_moved)


def superseded(waiting: Sequence[UUID], *, coalesce: Coalesce, piled_up: bool) -> Sequence[UUID]:
    """Of one application's waiting pushes, oldest first: those that a newer one makes obsolete.

    While the ATS answers, every change is sent; only what piled up behind an outage is dropped.
    """
    if coalesce == "every" or not piled_up:
        return ()
    return waiting[:-1]
