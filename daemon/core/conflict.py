"""The side that an application's status is taken from, by comparison with the snapshot."""

from datetime import datetime
from typing import Literal

import msgspec

from models.status import TURNED_DOWN, ApplicationStatus

Policy = Literal["ats_wins", "clearview_wins", "newest_wins"]
Winner = Literal["ats", "clearview"]
Movement = Literal["agreed", "ats", "clearview", "both"]


class StatusConflict(msgspec.Struct, frozen=True):
    """A conflict: both sides changed one application's status."""

    application_external_id: str
    candidate_external_id: str
    base: ApplicationStatus | None
    ats: ApplicationStatus
    clearview: ApplicationStatus
    policy: Policy
    winner: Winner | None


def who_moved(
    *,
    base: ApplicationStatus | None,
    ats: ApplicationStatus,
    clearview: ApplicationStatus,
) -> Movement:
    """Returns the side that left the status on which both last agreed.

    `agreed` whenever both sides are equal, however they came there. Without a base every
    difference counts as movement on both sides.
    """
    if ats == clearview:
        return "agreed"
    if ats == base:
        return "clearview"
    if clearview == base:
        return "ats"
    return "both"


def decide_status(
    *,
    base: ApplicationStatus | None,
    ats: ApplicationStatus,
    clearview: ApplicationStatus,
    policy: Policy,
    ats_changed_at: datetime | None = None,
    clearview_changed_at: datetime | None = None,
) -> Winner | None:
    """Returns the side whose status both get; None where only a person may decide.

    A side that moved alone wins whatever the policy says. Equal sides need no decision: `ats` is
    answered, and taking it changes nothing.
    """
    moved = who_moved(base=base, ats=ats, clearview=clearview)
    if moved != "both":
        return "clearview" if moved == "clearview" else "ats"
    if is_for_a_person(ats, clearview):
        return None
    if policy == "newest_wins":
        if ats_changed_at is None or clearview_changed_at is None:
            return "ats"  # the customer's record
        return "clearview" if clearview_changed_at > ats_changed_at else "ats"
    return "ats" if policy == "ats_wins" else "clearview"


def is_for_a_person(one: ApplicationStatus, other: ApplicationStatus) -> bool:
    """Returns True if one side hired whom the other side turned down: no rule may undo either."""
    pair = {one, other}
    return ApplicationStatus.HIRED in pair and not pair.isdisjoint(TURNED_DOWN)
