"""The output of `status` on a terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.text import Text

from daemon.cli.rendering import colored, moment, paragraph, table
from daemon.cli.session import out
from daemon.core.attachments import OPEN_STATES
from daemon.http.page_parts import OPEN, age, counted, mute_of, number, total

Row = Mapping[str, Any]


def show_status(picture: Row) -> None:
    """The whole picture."""
    now, integrations = picture["at"], picture["integrations"]
    if not integrations:
        out.print("No integration is known yet: `ats-sync run` stores those of the YAML file.")
    else:
        _show_integrations(integrations, now)
    if counts := picture["outbox"]:
        words = ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items()))
        out.print(f"\nOutbox: {words}")
    for one in picture["events"]:
        until = age(one["confirmed_until"], now) or "never"
        again = ", the logs are sent again" if one["repair_since"] else ""
        out.print(f"Events to {one['sink']}: confirmed until {until}{again}")
    _show_alerts(picture["alerts"], now)


def _show_integrations(integrations: list[Row], now: datetime) -> None:
    numbers = ("waiting", "candidates", "applications")
    lines = table("integration", "state", "last poll", "last sweep", *numbers, numbers=numbers)
    for one in integrations:
        lines.add_row(
            one["name"],
            colored(one["state"]),
            _run(one["runs"]["import_poll"], now),
            age(one["swept_at"], now),
            number(total(one["outbox"], *OPEN)),
            number(one["candidates"]),
            number(total(one["applications"])),
        )
    out.print(lines)
    for one in integrations:
        for note in _notes(one, now):
            out.print(paragraph(f"{one['name']}: {note}", 2))


def _run(run: Row | None, now: datetime) -> str | Text:
    if run is None:
        return "never"
    return colored(run["outcome"]) + f" {age(run['finished_at'] or run['started_at'], now)}"


def _notes(one: Row, now: datetime) -> list[str]:
    """Returns what is out of the ordinary."""
    poll, export = one["runs"]["import_poll"], one["runs"]["analytics_export"]
    notes = _details(one)
    if one["state_reason"]:
        notes.append(f"{one['state']}: {one['state_reason']}")
    if poll is not None and poll["error_message"]:
        notes.append(f"last poll: {poll['error_message']}")
    if poll is not None and counted(poll):
        notes.append(f"last poll: {counted(poll)}")
    if export is not None:
        notes.append(f"last export: {export['outcome']}, {age(export['started_at'], now)}")
    if one["oldest_open_push_at"]:
        notes.append(f"the oldest push has waited since {age(one['oldest_open_push_at'], now)}")
    if total(one["failed_records"]):
        counts = ", ".join(f"{n} {state}" for state, n in sorted(one["failed_records"].items()))
        notes.append(f"records that failed to import: {counts}")
    notes += _files(one["attachments"])
    if one["open_conflicts"]:
        notes.append(f"conflicts that wait for a person: {one['open_conflicts']}")
    if one["unmapped_stages"]:
        notes.append(f"stages without a status: {', '.join(one['unmapped_stages'])}")
    if one["webhooks"]:
        notes.append(_webhooks(one["webhooks"], now))
    return notes


def _details(one: Row) -> list[str]:
    if not one["details_pending"]:
        return []
    records = f"{one['details_pending']:,} of {number(total(one['snapshots']))} records"
    return [f"details are read in the background: {records} wait for theirs"]


def _files(counts: Mapping[str, int] | None) -> list[str]:
    """Returns the files that wait for a time or a person."""
    waiting, given_up = total(counts, *OPEN_STATES), total(counts, "dead")
    notes = [f"files that wait to be fetched: {waiting}"] if waiting else []
    return [*notes, f"files that were given up: {given_up}"] if given_up else notes


def _webhooks(health: Row, now: datetime) -> str:
    """Returns what webhooks mean for the time of the next poll."""
    if health.get("healthy"):
        return "webhooks are healthy: the next poll is due by poll.every_with_webhooks"
    gap_at = health.get("gap_at")
    since = f"a gap was found {age(gap_at, now)}" if gap_at else "no event has come yet"
    return f"webhooks are not relied on ({since}): the next poll is due by poll.every"


def _show_alerts(alerts: list[Row], now: datetime) -> None:
    if not alerts:
        out.print("\nNo open alerts.")
        return
    out.print(f"\nOpen alerts: {len(alerts)}")
    for one in alerts:
        head = f"  {one['title']}, {age(one['opened_at'], now)}"
        until = mute_of(one, now)
        muted = f", muted until {moment(until)} UTC" if until else ""
        out.print(paragraph(colored(one["severity"]) + head + muted, 2))
        out.print(paragraph(one["message"], 4))
