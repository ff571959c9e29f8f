"""The output of `verify` and `plan`: tables for people, plain values for `--json`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import asdict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.core.preview import PreviewCounts, PreviewedChange, PreviewedField
from daemon.core.verification import Drift, VerificationCounts
from models.times import iso

SHOWN = 200
"""Rows of a table; the counts below it are of everything."""
_WIDEST = 36
_SIGNS = {"created": "+", "updated": "~", "deleted": "-", "failed": "!"}
_STYLES = {"created": "green", "updated": "yellow", "deleted": "red", "failed": "bold red"}


def drift_data(name: str, items: Iterable[Drift], counts: VerificationCounts) -> dict[str, Any]:
    """Returns what `verify NAME --json` prints. Differences that should be there are marked so."""
    return {
        "integration": name,
        "drift": counts.drift,
        "compared": {
            "records": counts.records,
            "candidates": counts.candidates,
            "applications": counts.applications,
        },
        "found": dict(counts.found),
        "items": [{**asdict(item), "is_drift": item.is_drift} for item in items],
    }


def render_drift(
    console: Console,
    name: str,
    items: Sequence[Drift],
    counts: VerificationCounts,
) -> None:
    """The differences, and one line that says what they come to."""
    drift = [item for item in items if item.is_drift]
    expected = [item for item in items if not item.is_drift]
    for title, rows in (("Drift", drift), ("As it should be", expected)):
        if rows:
            console.print(_drift_table(title, rows[:SHOWN]))
    more = sum(counts.found.values()) - sum(min(len(r), SHOWN) for r in (drift, expected))
    if more > 0:
        console.print(f"... and {more} more")
    console.print(_drift_summary(name, counts))


def _drift_table(title: str, items: Sequence[Drift]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in ("what", "of", "field", "ATS", "snapshot", "ClearView"):
        table.add_column(heading, overflow="fold")
    for item in items:
        values = (item.ats, item.snapshot, item.clearview) if item.path else (None, None, None)
        empty = "-" if item.path else ""
        cells = [Text(empty if value is None else _text(value)) for value in values]
        where = f"{item.subject} {item.external_id}"
        table.add_row(Text(item.kind), Text(where), Text(item.path or ""), *cells)
    return table


def _drift_summary(name: str, counts: VerificationCounts) -> str:
    compared = (
        f"{counts.records} records, {counts.candidates} candidates, "
        f"{counts.applications} applications"
    )
    verdict = f"{counts.drift} differences" if counts.drift else "no drift"
    kinds = ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.found.items()))
    return f"{name}: {verdict} in {compared}." + (f" ({kinds})" if kinds else "")


def preview_data(
    name: str, items: Iterable[PreviewedChange], counts: PreviewCounts
) -> dict[str, Any]:
    """Returns what `plan NAME --json` prints about the import."""
    return {
        "integration": name,
        "counts": asdict(counts),
        "changes": [
            {**asdict(item), "fields": [asdict(field) for field in item.fields]} for item in items
        ],
    }


def render_preview(
    console: Console,
    name: str,
    items: Sequence[PreviewedChange],
    counts: PreviewCounts,
) -> None:
    """Each change as a field diff, and one line that says what they come to."""
    for item in items[:SHOWN]:
        console.print(_headline(item))
        for field in item.fields:
            console.print(_field_line(field))
        for conflict in item.conflicts:
            winner = conflict.winner or "a person has to decide"
            text = f"conflict on application {conflict.application_external_id}: "
            text += f"ATS {conflict.ats}, ClearView {conflict.clearview} -> {winner}"
            console.print(Text(f"    {text}", style="magenta"))
    found = counts.created + counts.updated + counts.deleted + counts.failed
    more = found - min(len(items), SHOWN)
    if more > 0:
        console.print(f"... and {more} more")
    for brake in counts.brakes:
        console.print(Text(f"deletions would be refused: {brake}", style="bold red"))
    outcomes = ("created", "updated", "deleted", "failed", "conflicts", "unchanged")
    parts = [f"{getattr(counts, what)} {what}" for what in outcomes if getattr(counts, what)]
    summary = f"{name}: {', '.join(parts) or 'nothing to do'}. Nothing was written."
    console.print(summary)


def _headline(item: PreviewedChange) -> Text:
    style = _STYLES[item.change]
    owner = item.candidate_external_id
    subject = f"candidate {owner}" if owner else f"record {item.external_id} of {item.list_name}"
    reason = f": {item.reason}" if item.reason else ""
    return Text(f"{_SIGNS[item.change]} {item.change} {subject}{reason}", style=style)


def _field_line(field: PreviewedField) -> Text:
    line = Text(f"    {field.path}: ")
    if field.old is not None:
        line.append(_text(field.old), style="red")
        line.append(" -> ")
    return line.append(_text(field.new), style="green")


def _text(value: Any) -> str:
    """One line, short: dates as ISO, lists and objects as JSON."""
    if value is None:
        return "nothing"
    if isinstance(value, datetime):
        return iso(value)
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    flat = " ".join(text.split())
    return flat if len(flat) <= _WIDEST else flat[: _WIDEST - 1] + "…"
