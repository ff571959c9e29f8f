"""The analytics report as tables and bars, in plain values for a terminal to render."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from models.status import ApplicationStatus

Cell = str | int | float | None
BLOCKS = " ▏▎▍▌▋▊▉"


class Table(msgspec.Struct, frozen=True):
    """One section: rows of cells, and a bar for each row where a comparison helps.

    A bar is a share between 0 and 1. None for a cell means "not known".
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    bars: tuple[float, ...] = ()
    note: str = ""


def report_tables(metrics: Mapping[str, Any], *, jobs: int = 20) -> list[Table]:
    """Returns the sections of a metrics object, in reading order, with the busiest `jobs` jobs.

    Sections that an object from ClearView's Analytics Service lacks are left out.
    """
    sections = (
        _funnel(metrics.get("funnel") or {}),
        _conversion(metrics.get("conversion_rates") or {}),
        _transitions(metrics.get("transitions") or []),
        _time_to_hire(metrics.get("time_to_hire") or {}),
        _sources(metrics.get("sources") or []),
        _jobs(metrics.get("jobs") or [], limit=jobs),
        _updates(metrics.get("status_updates") or {}),
    )
    return [table for table in sections if table.rows]


def bar(share: float, *, width: int = 24) -> str:
    """Returns a share as a bar of at most `width` characters, in eighths of one."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return "█" * full + (BLOCKS[part] if part else "")


def _funnel(funnel: Mapping[str, int]) -> Table:
    rows = [(s.value, funnel[s.value]) for s in ApplicationStatus if funnel.get(s.value)]
    return Table(
        "Funnel at the end of the period",
        ("status", "applications"),
        tuple(rows),
        bars=_shares([count for _, count in rows]),
    )


def _conversion(rates: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = [
        (name, rates[name]["left"], rates[name]["advanced"], _percent(rates[name]["rate"]))
        for name in (s.value for s in ApplicationStatus)
        if name in rates
    ]
    return Table(
        "Conversion",
        ("from", "left", "advanced", "rate"),
        tuple(rows),
        bars=tuple(rates[str(row[0])]["rate"] for row in rows),
    )


def _transitions(transitions: Iterable[Mapping[str, Any]]) -> Table:
    rows = [
        (
            f"{move['from']} → {move['to']}",
            move["count"],
            move.get("median_hours"),
            move.get("p90_hours"),
        )
        for move in transitions
    ]
    return Table(
        "Moves and hours in the stage before",
        ("move", "count", "median hours", "p90 hours"),
        tuple(rows),
        bars=_shares([row[1] for row in rows]),
    )


def _time_to_hire(spread: Mapping[str, Any]) -> Table:
    known = bool(spread.get("count"))
    row = (spread.get("count"), spread.get("median_days"), spread.get("p90_days"))
    return Table("Time to hire", ("hires", "median days", "p90 days"), (row,) if known else ())


def _sources(sources: Iterable[Mapping[str, Any]]) -> Table:
    rows = [(s.get("source") or "(none)", s["applied"], s["hired"]) for s in sources]
    return Table(
        "Sources",
        ("source", "applied", "hired"),
        tuple(rows),
        bars=_shares([row[1] for row in rows]),
    )


def _jobs(jobs: Sequence[Mapping[str, Any]], *, limit: int) -> Table:
    rows = [
        (j.get("name") or j.get("external_id") or "(none)", j["open"], j["applied"], j["hired"])
        for j in jobs[:limit]
    ]
    left = len(jobs) - len(rows)
    return Table(
        "Jobs",
        ("job", "open", "applied", "hired"),
        tuple(rows),
        bars=_shares([row[1] for row in rows]),
        note=f"and {left} more" if left else "",
    )


def _updates(updates: Mapping[str, int]) -> Table:
    rows = [(outcome, count) for outcome, count in updates.items() if count]
    return Table("Status changes made in ClearView", ("outcome", "count"), tuple(rows))


def _shares(counts: Sequence[int]) -> tuple[float, ...]:
    most = max(counts, default=0)
    return tuple(count / most if most else 0.0 for count in counts)


def _percent(rate: float) -> str:
    return f"{rate * 100:.1f} %"
