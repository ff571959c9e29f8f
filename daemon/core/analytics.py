"""The meaning of the hiring metrics, and the periods that are due.

All times are UTC and every period is half-open, [from, to). For one integration:

- An application *starts* when the candidate applied (`applied_at`; where the ATS does not say, when
  ClearView first saw it, `created_at`). It belongs to a period's report if it started before `to`,
  was not deleted before `to`, and has one of the ten canonical statuses.
- A *move* is a recorded change of an application's status from one canonical status to another
  one. Moves are ordered by their time, then by their id.
- The *status at `to`* is what the first move at or after `to` led away from; without such a move,
  the present status.
- `funnel`: how many applications were in each status at `to`.
- `transitions`: the moves within the period, by the pair of statuses. The hours in stage are from
  the application's move before, or from its start, until the move. A move whose application is
  unknown, or that is dated before its start, counts but is not timed.
- `conversion_rates`: for each status, of the moves that left it, the share that led further along
  the pipeline (`advanced`), not back and not to rejected or withdrawn.
- An application is *hired* at `hired_at`; where the ATS does not say, at the last move to `hired`
  within the period. `time_to_hire`: days from the start until hired, over the applications hired in
  the period that are not dated before their start.
- `sources` and `jobs`: applications started in the period (`applied`) and hired in it (`hired`); for jobs also the applications whose status at `to` is an open one (`open`).
- `status_updates`: what became, within the period, of the status changes made in ClearView.

The median of an even count is the mean of the two in the middle; the 90th percentile is the smallest
value that at least nine tenths of all values do not exceed. Hours and days have two decimals.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from models.backoff import backoff_pause
from models.errors import AtsSyncError
from models.status import TURNED_DOWN, ApplicationStatus
from models.times import EPOCH, iso

PIPELINE: tuple[ApplicationStatus, ...] = tuple(
    s for s in ApplicationStatus if s not in TURNED_DOWN
)
"""The statuses of an application that ends as hired, in order."""
STATUS_ORDER = {status: number for number, status in enumerate(ApplicationStatus)}

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Period(msgspec.Struct, frozen=True, order=True):
    """A half-open stretch of time in UTC."""

    start: datetime
    end: datetime

    @property
    def key(self) -> str:
        """Names the period in requests and messages."""
        return f"{iso(self.start)}/{iso(self.end)}"


class ExportOutcome(msgspec.Struct, frozen=True):
    """The outcome of one export. `reason` says why nothing, or nothing more, was exported."""

    exported: tuple[Period, ...] = ()
    failed: Period | None = None
    reason: str | None = None

    @property
    def ok(self) -> bool:
        return self.failed is None


class Attempts(msgspec.Struct, frozen=True):
    """The attempts at the export of a period."""

    count: int = 0
    last_at: datetime | None = None
    exported_until: datetime | None = None
    """The end of the period as it was exported; None while it is not."""


class MetricsUnavailable(AtsSyncError):
    """The metrics could not be had; they may be later."""


def floor_to(moment: datetime, every: timedelta) -> datetime:
    """Returns the latest multiple of `every` since 1970 that is not after the moment.

    Counted in absolute time, so no change of any clock's offset makes a period longer or shorter.
    """
    return EPOCH + (moment - EPOCH) // every * every


def latest_complete(now: datetime, every: timedelta) -> Period:
    """Returns the last period that is over: the default of a report."""
    end = floor_to(now, every)
    return Period(end - every, end)


def due_periods(
    exported_until: datetime | None, *, now: datetime, every: timedelta, limit: int
) -> list[Period]:
    """Returns the oldest complete periods that are not exported yet, at most `limit` of them.

    Periods begin and end at multiples of `every`. When `every` was changed in between, the first
    one is cut short to get there: periods never overlap and leave no gap. Before the first export
    only the latest complete period is due.
    """
    latest = latest_complete(now, every)
    last_end = latest.end
    start = latest.start if exported_until is None else exported_until
    periods: list[Period] = []
    while start < last_end and len(periods) < limit:
        end = floor_to(start, every) + every
        periods.append(Period(start, end))
        start = end
    return periods


def retry_at(attempts: int, last_at: datetime) -> datetime:
    """Returns when a failed period is tried again: after 1, 2, 4 ... minutes, at most an hour."""
    return last_at + backoff_pause(attempts, first=timedelta(minutes=1), longest=timedelta(hours=1))


class Spread(msgspec.Struct, frozen=True):
    """Durations in milliseconds: the number of known ones, their median and 90th percentile."""

    count: int
    median_ms: float | None = None
    p90_ms: float | None = None


class StatusCount(msgspec.Struct, frozen=True):
    """Applications of one job that were in one status at the end of the period."""

    job_external_id: str | None
    job_name: str | None
    status: ApplicationStatus
    count: int


class Moves(msgspec.Struct, frozen=True):
    """Moves of the period between one pair of statuses."""

    before: ApplicationStatus
    after: ApplicationStatus
    count: int
    in_stage: Spread


class Arrivals(msgspec.Struct, frozen=True):
    """Applications started and applications hired in the period, by source or by job."""

    external_id: str | None
    name: str | None
    applied: int
    hired: int


class Facts(msgspec.Struct, frozen=True):
    """One period of one integration, counted."""

    status_counts: Sequence[StatusCount]
    moves: Sequence[Moves]
    time_to_hire: Spread
    sources: Sequence[Arrivals]
    jobs: Sequence[Arrivals]
    status_updates: Mapping[str, int]


def metrics_of(period: Period, facts: Facts) -> dict[str, Any]:
    """Returns the metrics object that is logged, exported and shown."""
    return {
        "period": {"from": iso(period.start), "to": iso(period.end)},
        "funnel": _funnel(facts.status_counts),
        "transitions": _transitions(facts.moves),
        "conversion_rates": _conversion_rates(facts.moves),
        "time_to_hire": {
            "count": facts.time_to_hire.count,
            "median_days": _in_units(facts.time_to_hire.median_ms, DAY_MS),
            "p90_days": _in_units(facts.time_to_hire.p90_ms, DAY_MS),
        },
        "sources": _sources(facts.sources),
        "jobs": _jobs(facts.status_counts, facts.jobs),
        "status_updates": {
            outcome: facts.status_updates.get(outcome, 0)
            for outcome in ("Success", "Failed", "Skipped")
        },
    }


def _funnel(counts: Iterable[StatusCount]) -> dict[str, int]:
    funnel = {status.value: 0 for status in ApplicationStatus}
    for row in counts:
        funnel[row.status] += row.count
    return funnel


def _transitions(moves: Iterable[Moves]) -> list[dict[str, Any]]:
    return [
        {
            "from": move.before.value,
            "to": move.after.value,
            "count": move.count,
            "timed": move.in_stage.count,
            "median_hours": _in_units(move.in_stage.median_ms, HOUR_MS),
            "p90_hours": _in_units(move.in_stage.p90_ms, HOUR_MS),
        }
        for move in sorted(moves, key=lambda m: (STATUS_ORDER[m.before], STATUS_ORDER[m.after]))
    ]


def _conversion_rates(moves: Sequence[Moves]) -> dict[str, dict[str, Any]]:
    rates: dict[str, dict[str, Any]] = {}
    for status in ApplicationStatus:
        left = sum(m.count for m in moves if m.before is status)
        if left:
            advanced = sum(
                m.count for m in moves if m.before is status and 0 < _step(status) < _step(m.after)
            )
            rates[status.value] = {
                "left": left,
                "advanced": advanced,
                "rate": round(advanced / left, 4),
            }
    return rates


def _sources(sources: Iterable[Arrivals]) -> list[dict[str, Any]]:
    return [
        {"source": row.name, "applied": row.applied, "hired": row.hired}
        for row in sorted(sources, key=lambda r: (-r.applied, -r.hired, r.name or ""))
    ]


def _jobs(counts: Iterable[StatusCount], arrivals: Iterable[Arrivals]) -> list[dict[str, Any]]:
    jobs: dict[str | None, dict[str, Any]] = {}
    for at_end in counts:
        job = _job(jobs, at_end.job_external_id, at_end.job_name)
        job["open"] += at_end.count if at_end.status.is_open else 0
    for row in arrivals:
        job = _job(jobs, row.external_id, row.name)
        job["applied"] += row.applied
        job["hired"] += row.hired
    busy = [job for job in jobs.values() if job["open"] or job["applied"] or job["hired"]]
    return sorted(busy, key=lambda j: (-j["open"], -j["applied"], j["external_id"] or ""))


def _job(
    jobs: dict[str | None, dict[str, Any]], external_id: str | None, name: str | None
) -> dict[str, Any]:
    job = jobs.setdefault(
        external_id, {"external_id": external_id, "name": None, "open": 0, "applied": 0, "hired": 0}
    )
    # A renamed job keeps one name here whichever application is read first.
    job["name"] = max(filter(None, (job["name"], name)), default=None)
    return job


def _in_units(value_ms: float | None, unit_ms: int) -> float | None:
    return None if value_ms is None else round(value_ms / unit_ms, 2)


class Standpoint(msgspec.Struct, frozen=True):
    """One application as it stood at the end of a period."""

    external_id: str
    candidate_external_id: str
    job_external_id: str | None
    application_id: Any
    status: ApplicationStatus
    started_at: datetime
    entered_at: datetime
    """When it came into that status."""


def value_of(point: Standpoint, field_name: str) -> str:
    """Returns the value of one application for an ATS. It changes only when the status does.

    A field whose name ends in "score" is taken for a number field, any other for a text field.
    """
    return score_of(point) if field_name.endswith("score") else text_of(point)


def text_of(point: Standpoint) -> str:
    """Returns, say, "interview 5/8 day 12 since 2026-03-14": the fifth of eight steps, reached on the
    twelfth day after the application, in UTC. No comma: where it becomes a tag, it stays one tag.
    """
    day = max((point.entered_at - point.started_at).days, 0)
    step = f" {_step(point.status)}/{len(PIPELINE)}" if point.status in PIPELINE else ""
    return f"{point.status.value}{step} day {day} since {point.entered_at:%Y-%m-%d}"


def score_of(point: Standpoint) -> str:
    """Returns how far the application has come, from 0 (turned down) to 100 (hired)."""
    return str(100 * _step(point.status) // len(PIPELINE))


def _step(status: ApplicationStatus) -> int:
    return PIPELINE.index(status) + 1 if status in PIPELINE else 0


def values_to_send(
    points: Iterable[Standpoint],
    sent: Mapping[Any, str | None],
    period: Period,
    *,
    field_name: str,
) -> Iterator[tuple[Standpoint, str]]:
    """Yields the applications whose value the ATS does not have yet.

    An application that was closed before the period and never had a value is history: it is left
    alone. One whose value was refused, or lost at the ATS, is among `sent` with None.
    """
    for point in points:
        value = value_of(point, field_name)
        is_current = point.status.is_open or point.entered_at >= period.start
        if sent.get(point.application_id) != value and (is_current or point.application_id in sent):
            yield point, value
