"""Random hiring histories, and the metrics of a period worked out the slow and obvious way."""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st

from daemon.core.analytics import PIPELINE, Period
from daemon.store.connection import Mongo
from models.documents import (
    CandidateChange,
    ClearViewApplication,
    StatusUpdateLog,
)
from models.status import CLOSED, ApplicationStatus
from models.times import EPOCH, iso

DAY = timedelta(days=1)
PERIOD = Period(EPOCH + 20 * DAY, EPOCH + 24 * DAY)


@dataclass
class Move:
    at: datetime
    old: str
    new: str
    id: UUID = field(default_factory=uuid4)


@dataclass
class Application:
    created_at: datetime
    status: str
    moves: list[Move]
    applied_at: datetime | None = None
    hired_at: datetime | None = None
    deleted_at: datetime | None = None
    source: str | None = None
    job: str | None = None
    erased: bool = False
    """Its document is gone; its moves are not."""
    id: UUID = field(default_factory=uuid4)
    candidate_id: UUID = field(default_factory=uuid4)

    @property
    def start(self) -> datetime:
        return self.applied_at or self.created_at


@dataclass
class History:
    applications: list[Application]
    outcomes: list[tuple[datetime, str]]


def moments() -> st.SearchStrategy[datetime]:
    """Around the period, often on its very edges and often equal."""
    whole_days = st.integers(16, 27).map(lambda n: EPOCH + n * DAY)
    odd = st.integers(16 * 86_400_000, 27 * 86_400_000).map(
        lambda ms: EPOCH + timedelta(milliseconds=ms)
    )
    just_before = whole_days.map(lambda at: at - timedelta(milliseconds=1))
    return st.one_of(whole_days, odd, just_before)


@st.composite
def applications(draw: st.DrawFn) -> Application:
    statuses = [s.value for s in ApplicationStatus]
    status = draw(st.sampled_from(statuses))
    moves = []
    for at in sorted(draw(st.lists(moments(), max_size=5))):
        new = draw(st.sampled_from([s for s in statuses if s != status]))
        moves.append(Move(at, status, new))
        status = new
    # Equal times are ordered by id, so the ids must follow the chain.
    for move, key in zip(moves, sorted((m.id for m in moves), key=lambda u: u.bytes), strict=True):
        move.id = key
    return Application(
        created_at=draw(moments()),
        status=status,
        moves=moves,
        applied_at=draw(st.none() | moments()),
        hired_at=draw(st.none() | moments()),
        deleted_at=draw(st.none() | st.none() | moments()),
        source=draw(st.sampled_from([None, "Referral", "Job board"])),
        job=draw(st.sampled_from([None, "j1", "j2"])),
        erased=draw(st.integers(0, 9)) == 0,
    )


def histories() -> st.SearchStrategy[History]:
    return st.builds(
        History,
        st.lists(applications(), max_size=12),
        st.lists(
            st.tuples(moments(), st.sampled_from(["Success", "Failed", "Skipped"])), max_size=5
        ),
    )


def expected_metrics(history: History, period: Period) -> dict[str, Any]:
    """What the definitions say, read aloud."""
    members = [a for a in history.applications if _belongs(a, period)]
    hires = [(a, at) for a in members if (at := _hired_at(a, period)) is not None]
    return {
        "period": {"from": iso(period.start), "to": iso(period.end)},
        "funnel": {
            s.value: sum(_status_at(a, period.end) == s for a in members) for s in ApplicationStatus
        },
        "transitions": _transitions(history, period),
        "conversion_rates": _conversion_rates(history, period),
        "time_to_hire": _time_to_hire(hires),
        "sources": _sources(members, hires, period),
        "jobs": _jobs(members, hires, period),
        "status_updates": {
            wanted: sum(o == wanted and _inside(at, period) for at, o in history.outcomes)
            for wanted in ("Success", "Failed", "Skipped")
        },
    }


def _inside(at: datetime, period: Period) -> bool:
    return period.start <= at < period.end


def _belongs(a: Application, period: Period) -> bool:
    deleted = a.deleted_at is not None and a.deleted_at < period.end
    return a.start < period.end and not deleted and not a.erased


def _status_at(a: Application, moment: datetime) -> str:
    for move in a.moves:
        if move.at >= moment:
            return move.old
    return a.status


def _hired_at(a: Application, period: Period) -> datetime | None:
    if a.hired_at is not None:
        return a.hired_at if _inside(a.hired_at, period) else None
    found = [m.at for m in a.moves if m.new == "hired" and _inside(m.at, period)]
    return found[-1] if found else None


def _all_moves(history: History, period: Period) -> list[tuple[str, str, timedelta | None]]:
    found = []
    for a in history.applications:
        entered: datetime | None = None if a.erased else a.start
        for move in a.moves:
            stayed = None if entered is None or entered > move.at else move.at - entered
            if _inside(move.at, period):
                found.append((move.old, move.new, stayed))
            entered = move.at
    return found


def _transitions(history: History, period: Period) -> list[dict[str, Any]]:
    found = _all_moves(history, period)
    statuses = [s.value for s in ApplicationStatus]
    rows = []
    for old in statuses:
        for new in statuses:
            same = [took for before, after, took in found if (before, after) == (old, new)]
            hours = [t / timedelta(hours=1) for t in same if t is not None]
            if same:
                rows.append(
                    {
                        "from": old,
                        "to": new,
                        "count": len(same),
                        "timed": len(hours),
                        "median_hours": median(hours),
                        "p90_hours": p90(hours),
                    }
                )
    return rows


def _conversion_rates(history: History, period: Period) -> dict[str, Any]:
    found = _all_moves(history, period)
    order = [s.value for s in PIPELINE]
    rates = {}
    for status in ApplicationStatus:
        left = [after for before, after, _ in found if before == status]
        if left:
            advanced = [
                after
                for after in left
                if status in order and after in order and order.index(after) > order.index(status)
            ]
            rates[status.value] = {
                "left": len(left),
                "advanced": len(advanced),
                "rate": round(len(advanced) / len(left), 4),
            }
    return rates


def _time_to_hire(hires: list[tuple[Application, datetime]]) -> dict[str, Any]:
    days = [(at - a.start) / DAY for a, at in hires if at >= a.start]
    return {"count": len(days), "median_days": median(days), "p90_days": p90(days)}


def _sources(
    members: list[Application], hires: list[tuple[Application, datetime]], period: Period
) -> list[dict[str, Any]]:
    rows = []
    for source in (None, "Referral", "Job board"):
        applied = sum(a.source == source and _inside(a.start, period) for a in members)
        hired = sum(a.source == source for a, _ in hires)
        if applied or hired:
            rows.append({"source": source, "applied": applied, "hired": hired})
    return sorted(rows, key=lambda r: (-r["applied"], -r["hired"], r["source"] or ""))


def _jobs(
    members: list[Application], hires: list[tuple[Application, datetime]], period: Period
) -> list[dict[str, Any]]:
    rows = []
    for job in (None, "j1", "j2"):
        row = {
            "external_id": job,
            "name": job and f"Job {job}",
            "open": sum(a.job == job and _status_at(a, period.end) not in CLOSED for a in members),
            "applied": sum(a.job == job and _inside(a.start, period) for a in members),
            "hired": sum(a.job == job for a, _ in hires),
        }
        if row["open"] or row["applied"] or row["hired"]:
            rows.append(row)
    return sorted(rows, key=lambda r: (-r["open"], -r["applied"], r["external_id"] or ""))


def median(values: list[float]) -> float | None:
    ordered = sorted(values)
    n = len(ordered)
    if n == 0:
        return None
    middle = ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2
    return round(middle, 2)


def p90(values: list[float]) -> float | None:
    ordered = sorted(values)
    return round(ordered[math.ceil(len(ordered) * 9 / 10) - 1], 2) if ordered else None


async def write_history(mongo: Mongo, integration: UUID, history: History) -> None:
    """Store a history as the daemon and ClearView would have left it, with noise beside it."""
    kept = [a for a in history.applications if not a.erased]
    changes = [row for a in history.applications for row in _change_rows(integration, a)]
    for document, rows in (
        (ClearViewApplication, [_application_row(integration, a) for a in kept]),
        (CandidateChange, changes),
        (StatusUpdateLog, [_outcome_row(integration, *o) for o in history.outcomes]),
    ):
        if rows:
            await mongo.collection(document).insert_many(rows)


def _application_row(integration: UUID, a: Application) -> dict[str, Any]:
    return {
        "_id": a.id,
        "integration_id": integration,
        "candidate_id": a.candidate_id,
        "external_id": str(a.id),
        "job": {"external_id": a.job, "name": a.job and f"Job {a.job}"},
        "status": a.status,
        "stage": {"external_id": None, "name": None},
        "source": a.source,
        "applied_at": a.applied_at,
        "hired_at": a.hired_at,
        "deleted_at": a.deleted_at,
        "created_at": a.created_at,
        "updated_at": a.created_at,
    }


def _change_rows(integration: UUID, a: Application) -> list[dict[str, Any]]:
    prefix = f"applications.{a.id}"
    rows: list[tuple[UUID, datetime, str, str | None, str]]
    rows = [(m.id, m.at, f"{prefix}.status", m.old, m.new) for m in a.moves]
    noise = PERIOD.start + DAY
    rows += [
        (uuid4(), noise, f"{prefix}.custom_fields.status", "new", "offer"),
        (uuid4(), noise, f"{prefix}.source", "new", "offer"),
        (uuid4(), noise, f"{prefix}.status", "offer", "offer"),
        (uuid4(), noise, f"{prefix}.status", None, "offer"),
        (uuid4(), noise, "title", "new", "offer"),
    ]
    return [
        {
            "_id": key,
            "ats_integration_id": integration,
            "candidate_id": a.candidate_id,
            "application_id": a.id,
            "changed_at": at,
            "run_id": None,
            "path": path,
            "old": old,
            "new": new,
            "origin": "ats",
        }
        for key, at, path, old, new in rows
    ]


def _outcome_row(integration: UUID, at: datetime, outcome: str) -> dict[str, Any]:
    return {
        "_id": uuid4(),
        "ats_integration_id": integration,
        "candidate_id": None,
        "application_id": uuid4(),
        "status": "offer",
        "updated_at": at,
        "outcome": outcome,
        "attempts": 1,
        "event_id": str(uuid4()),
    }
