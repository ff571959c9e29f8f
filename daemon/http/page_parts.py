"""The parts of the status page, made from what the overview says. No part shows a person."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from daemon.http.html import Html, el, joined
from models.times import iso

Row = Mapping[str, Any]
CHIPS = {
    **dict.fromkeys(("active", "success", "ready", "delivered"), "ok"),
    **dict.fromkeys(
        ("partial", "waiting", "interrupted", "warning", "retrying", "not ready"), "warn"
    ),
    **dict.fromkeys(("auth_failed", "failed", "error", "critical", "dead"), "bad"),
}
COUNTED = ("created", "updated", "deleted", "failed", "unmapped", "conflicts")
OPEN = ("pending", "in_flight", "retrying")
NOT_COUNTED = "?"


def chip(word: str, *, quiet: bool = False) -> Html:
    """A state in its colour, or without one."""
    color = "" if quiet else CHIPS.get(word, "")
    return el("span", word.replace("_", " "), css=f"chip {color}".strip())


def age(moment: datetime | None, now: datetime) -> str:
    """Returns the time since then, as people say it."""
    if moment is None:
        return "never"
    seconds = max(int((now - moment).total_seconds()), 0)
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def number(count: int | None) -> str:
    """With thousands apart."""
    return NOT_COUNTED if count is None else f"{count:,}"


def total(counts: Mapping[str, int] | None, *names: str) -> int | None:
    """The sum of these counts, or of all."""
    if counts is None:
        return None
    return sum(count for name, count in counts.items() if not names or name in names)


def tiles(picture: Row) -> Html:
    """The figures for a glance."""
    integrations, outbox = picture["integrations"], picture["outbox"]
    active = sum(one["state"] == "active" for one in integrations)
    dead = total(outbox, "dead")
    failed = sum(total(one["failed_records"]) or 0 for one in integrations)
    shown = [
        (f"{active} / {len(integrations)}", "integrations active", ""),
        (number(_over(integrations, "candidates")), "candidates", ""),
        (number(_over(integrations, "applications")), "applications", ""),
        (number(total(outbox, *OPEN)), "pushes waiting", ""),
        (number(dead), "dead letters", "bad" if dead else ""),
        (number(failed), "failed records", "warn" if failed else ""),
        (number(len(picture["alerts"])), "open alerts", "warn" if picture["alerts"] else ""),
    ]
    each = (
        el("div", el("b", value), el("span", name), css=f"tile {kind}")
        for value, name, kind in shown
    )
    return el("div", *each, css="tiles")


def _over(integrations: Sequence[Row], name: str) -> int | None:
    parts = [one[name] for one in integrations]
    if any(part is None for part in parts):
        return None
    return sum(part if isinstance(part, int) else sum(part.values()) for part in parts)


def alerts(open_alerts: Sequence[Row], now: datetime) -> Html | None:
    """Returns what a person should look at; nothing if there is nothing."""
    if not open_alerts:
        return None
    return el("section", el("h2", "Open alerts"), *(_alert(one, now) for one in open_alerts))


def mute_of(alert: Row, now: datetime) -> datetime | None:
    """Returns the end of its mute; None if it is not muted."""
    until: datetime | None = alert.get("muted_until")
    return until if until is not None and until > now else None


def _alert(one: Row, now: datetime) -> Html:
    seen = f"opened {age(one['opened_at'], now)}, seen {number(one['count'])} times"
    until = mute_of(one, now)
    muted = el("span", f"muted until {until:%Y-%m-%d %H:%M} UTC", css="chip") if until else None
    head = joined(chip(one["severity"]), " ", muted, " ", el("b", one["title"]), " ")
    return el(
        "div",
        head,
        el("span", seen, css="soft small"),
        el("p", one["message"]),
        css=f"alert {CHIPS.get(one['severity'], '')}".strip(),
    )


def integrations(rows: Sequence[Row], now: datetime) -> Html:
    """One line each."""
    if not rows:
        text = "There are none yet: add some to the YAML file; they appear here by themselves."
        return el("section", el("h2", "Integrations"), el("p", text, css="soft"))
    heads = ["Integration", "State", "Last poll", "Last sweep", "Pushes", "Last export"]
    numbers = ["Candidates", "Applications"]
    head = el("tr", *(el("th", h) for h in heads), *(el("th", h, css="num") for h in numbers))
    body = (_integration(one, now) for one in rows)
    return el("section", el("h2", "Integrations"), el("table", head, *body))


def _integration(one: Row, now: datetime) -> Html:
    connector = el("div", one["connector"], css="soft small")
    reason = el("div", one["state_reason"], css="soft small") if one["state_reason"] else None
    unmapped, details = len(one["unmapped_stages"]), one["details_pending"]
    failed = ", ".join(f"{n} {state}" for state, n in sorted(one["failed_records"].items()))
    return el(
        "tr",
        el("td", el("b", one["name"]), connector),
        el("td", chip(one["state"]), reason, _note(unmapped and f"{unmapped} unmapped stages")),
        el(
            "td",
            _run(one["runs"]["import_poll"], now),
            _note(failed and f"failed records: {failed}"),
            _note(details and f"{details:,} details pending"),
        ),
        el("td", age(one["swept_at"], now)),
        el("td", _pushes(one, now)),
        el("td", _run(one["runs"]["analytics_export"], now)),
        el("td", number(one["candidates"]), css="num"),
        el("td", number(total(one["applications"])), css="num"),
    )


def _note(words: object) -> Html | None:
    """A small line; nothing without words."""
    return el("div", words, css="small soft") if words else None


def _pushes(one: Row, now: datetime) -> Html:
    waiting, dead = total(one["outbox"], *OPEN), total(one["outbox"], "dead")
    since, conflicts = one["oldest_open_push_at"], one["open_conflicts"]
    return joined(
        f"{number(waiting)} waiting",
        _note(since and f"oldest {age(since, now)}"),
        el("div", chip("dead"), f" {number(dead)}") if dead else None,
        _note(conflicts and f"{conflicts} open conflicts"),
    )


def _run(run: Row | None, now: datetime) -> Html:
    if run is None:
        return el("span", "never", css="soft")
    when = age(run["finished_at"] or run["started_at"], now)
    return joined(chip(run["outcome"]), " ", when, _note(_came_to(run)))


def counted(run: Row) -> str:
    """Returns what a run came to, without what it did not do."""
    return ", ".join(f"{run[name]:,} {name}" for name in COUNTED if run.get(name))


def _came_to(run: Row) -> str:
    """Only a poll that went well can say that nothing changed."""
    idle = run["job"] == "import_poll" and run["outcome"] == "success"
    return counted(run) or ("no change" if idle else "")


def runs(rows: Sequence[Row], now: datetime) -> Html | None:
    """The latest runs; nothing before the first."""
    if not rows:
        return None
    head = el("tr", *(el("th", h) for h in ("Run", "Integration", "Outcome", "When", "Came to")))
    return el("section", el("h2", "Latest runs"), el("table", head, *(_line(r, now) for r in rows)))


def _line(run: Row, now: datetime) -> Html:
    return el(
        "tr",
        el("td", run["job"].replace("_", " ")),
        el("td", run.get("integration") or ""),
        el("td", chip(run["outcome"])),
        el("td", age(run["started_at"], now), title=iso(run["started_at"])),
        el("td", _came_to(run), _note(run["error_message"])),
    )


def sinks(rows: Sequence[Row], now: datetime) -> Html | None:
    """The receivers of events; nothing without one."""
    if not rows:
        return None
    head = el("tr", *(el("th", h) for h in ("Events to", "Confirmed until")))
    lines = [
        el("tr", el("td", row["sink"]), el("td", age(row["confirmed_until"], now))) for row in rows
    ]
    return el("section", el("h2", "Events"), el("table", head, *lines))


def outbox(counts: Mapping[str, int] | None) -> Html | None:
    """Pushes by state; nothing before the first."""
    if not counts:
        return None
    order = (*OPEN, "delivered", "skipped", "superseded", "dead")
    cells = [
        el("td", chip(state, quiet=not counts.get(state)), " ", number(counts.get(state, 0)))
        for state in order
    ]
    return el("section", el("h2", "Outbox"), el("table", el("tr", *cells)))
