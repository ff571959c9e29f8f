"""Maps stages and rejection reasons to canonical statuses. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from connectors.definition.compiled_paths import compile_path
from connectors.definition.records import Statuses
from models.candidate import AtsRef
from models.status import TURNED_DOWN, ApplicationStatus

Operators = Mapping[ApplicationStatus, Sequence[str]]
_DEFAULT_NAMES: dict[ApplicationStatus, tuple[str, ...]] = {
    ApplicationStatus.NEW: ("new", "new applicant", "new lead", "applied", "inbox", "lead"),
    ApplicationStatus.REVIEWING: (
        "reviewing", "review", "application review", "in review", "resume review", "cv review",
        "reviewed", "under review",
    ),
    ApplicationStatus.SCREENING: (
        "screening", "screen", "phone screen", "phone screening", "phone interview",
        "recruiter screen", "pre-screen", "phone screened", "schedule phone screen",
        "recruiter phone screen", "initial screen",
    ),
    ApplicationStatus.ASSESSMENT: (
        "assessment", "test", "take home test", "take-home test", "take home", "take-home",
        "coding test", "coding challenge", "technical assessment", "skills test", "case study",
    ),
    ApplicationStatus.INTERVIEW: (
        "interview", "interviews", "interviewing", "onsite", "on-site", "onsite interview",
        "on-site interview", "face to face", "team interview", "technical interview",
        "hiring manager interview", "final interview", "second interview", "first interview",
        "schedule interview", "interviewed", "panel interview",
    ),
    ApplicationStatus.BACKGROUND_CHECK: (
        "background check", "background screening", "reference check", "reference checks",
        "checking references", "references",
    ),
    ApplicationStatus.OFFER: (
        "offer", "offers", "offer extended", "offer stage", "made an offer", "offer sent",
        "offered", "offer out", "offer made",
    ),
    ApplicationStatus.HIRED: ("hired", "hire", "offer accepted", "accepted"),
    ApplicationStatus.REJECTED: (
        "rejected", "not a fit", "disqualified", "declined", "archived", "not hired",
        "not selected", "turned down",
    ),
    ApplicationStatus.WITHDRAWN: (
        "withdrawn", "withdrew", "candidate withdrew", "candidate withdrawn", "self-withdrawn",
        "declined offer", "offer declined",
    ),
}  # fmt: skip


def folded(name: str) -> str:
    """A name without regard to case and to the number of spaces."""
    return " ".join(name.split()).casefold()


class Verdict(msgspec.Struct, frozen=True):
    """A status, and how surely it is known: 0 the operator's word, then kinds, then names."""

    status: ApplicationStatus
    rank: int


class StatusRules:
    """Outcomes, the operator's `statuses`, the vendor's kinds, usual names: in that order."""

    def __init__(self, statuses: Statuses, operators: Operators) -> None:
        self.paths = tuple(each.when for each in statuses.outcomes)
        """Every path of an application that the outcomes read."""
        self._outcomes = [(compile_path(each.when), each.status) for each in statuses.outcomes]
        self._kinds = {folded(kind): status for kind, status in statuses.kinds.items()}
        self._coarse = {folded(kind): status for kind, status in statuses.coarse_kinds.items()}
        self._operators = {
            folded(name): status for status, names in operators.items() for name in names
        }
        usual = _by_name(_DEFAULT_NAMES) | _by_name(statuses.names)
        closes = statuses.names_close
        self._names = {name: status for name, status in usual.items() if closes or status.is_open}
        self._reasons = {
            folded(name): ApplicationStatus(status)
            for status, names in statuses.reasons.items()
            for name in names
        }

    def status_of(
        self, context: Any, stage: AtsRef, kind: str | None, reason: str | None
    ) -> ApplicationStatus | None:
        """The status of an application; None where no rule knows its stage."""
        for holds, status in self._outcomes:
            if holds(context):
                return self._turned_down(status, reason)
        verdict = self.verdict(stage["external_id"], stage["name"], kind)
        return self._turned_down(verdict.status, reason) if verdict else None

    def _turned_down(self, status: ApplicationStatus, reason: str | None) -> ApplicationStatus:
        """Corrects the status by the reason, which often alone says who ended the application."""
        if status not in TURNED_DOWN or reason is None:
            return status
        return self.reason_status(reason) or status

    def reason_status(self, reason: str) -> ApplicationStatus | None:
        """Returns the status that a rejection reason's name means by itself."""
        name = folded(reason)
        own = self._operators.get(name)
        return own if own in TURNED_DOWN else self._reasons.get(name)

    def verdict(
        self, external_id: str | None, name: str | None, kind: str | None
    ) -> Verdict | None:
        """Returns the status of a stage by itself."""
        for key in (external_id, name):
            if key is not None and (status := self._operators.get(folded(key))):
                return Verdict(status, 0)
        if kind is not None and (status := self._kinds.get(folded(kind))):
            return Verdict(status, 1)
        if name is not None and (status := self._names.get(folded(name))):
            return Verdict(status, 2)
        if kind is not None and (status := self._coarse.get(folded(kind))):
            return Verdict(status, 3)
        return None


def _by_name(
    names: Mapping[ApplicationStatus, Iterable[str]],
) -> dict[str, ApplicationStatus]:
    return {folded(name): status for status, each in names.items() for name in each}
