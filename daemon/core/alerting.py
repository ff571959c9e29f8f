"""Which messages go out about which conditions, and when. Pure: alerts and a moment in, a plan out.

Every condition is told once when it opens and once when it is resolved; in between it is recalled
at growing intervals. Conditions of one kind and one cause wait for one another as long as more of them
keep coming (`group_window` apart, and `longest_hold` at most) and are told in one message if there are
`storm_size` of them; while that storm lasts (`storm_window` after the latest message) the rest wait
and are told together. A muted condition neither opens nor reminds until
the mute ends, and is then told if it is still open. Its end is told even under a mute if its opening
was, so that whoever keeps it as open can close it; otherwise no one ever hears of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

MAX_REST = timedelta(minutes=10)
"""A channel that is down is tried at least this often."""

Phase = Literal["opened", "reminder", "resolved"]


class AlertPolicy(msgspec.Struct, frozen=True):
    """How patient and how talkative alerting is."""

    failed_runs: int = 3
    failing_for: timedelta = timedelta(minutes=10)
    limited_for: timedelta = timedelta(minutes=10)
    unlimited_for: timedelta = timedelta(minutes=5)
    """An ATS that has not asked to slow down for so long does not limit any more."""
    group_window: timedelta = timedelta(seconds=10)
    """How long a message waits for others of the same cause."""
    longest_hold: timedelta = timedelta(minutes=2)
    """How long it waits in all while others keep coming."""
    storm_size: int = 3
    storm_window: timedelta = timedelta(minutes=10)
    reminders: tuple[timedelta, ...] = (
        timedelta(hours=1),
        timedelta(hours=4),
        timedelta(hours=24),
    )
    """Time between messages about a condition that stays open; the last one repeats."""

    def reminder_after(self, told: int) -> timedelta:
        """How long after message number `told` (from 1) the next one is due."""
        return self.reminders[min(max(told, 1), len(self.reminders)) - 1]


class AlertState(msgspec.Struct, frozen=True):
    """One condition as it stands, as far as messages are concerned."""

    id: UUID
    key: str
    kind: str
    severity: str
    title: str
    message: str
    opened_at: datetime
    integration: str | None = None
    details: Mapping[str, Any] = msgspec.field(default_factory=dict)
    count: int = 1
    resolved_at: datetime | None = None
    muted_until: datetime | None = None
    told: int = 0
    told_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def phase(self) -> Phase:
        """What the next message about it will say."""
        if self.told == 0:
            return "opened"
        return "reminder" if self.resolved_at is None else "resolved"

    @property
    def told_phase(self) -> Phase:
        """What the latest message about it said."""
        if self.resolved_at is not None and self.due_at is None:
            return "resolved"
        return "opened" if self.told <= 1 else "reminder"

    @property
    def cause(self) -> str:
        """What conditions must share to be told together."""
        return f"{self.kind}:{self.details.get('cause', '')}"

    @property
    def round(self) -> str:
        """Names the next message about this very alert, whoever plans it."""
        return f"{self.id}:{self.told}:{self.phase}"


class Message(msgspec.Struct, frozen=True):
    """One thing to say, about one condition or about a storm of them."""

    phase: Phase
    alerts: tuple[AlertState, ...]


class Plan(msgspec.Struct, frozen=True):
    """What to say now, and which conditions to pass over in silence for now or for good."""

    messages: tuple[Message, ...]
    silent: tuple[AlertState, ...]


def plan_messages(
    due: Iterable[AlertState],
    recent: Iterable[AlertState],
    *,
    now: datetime,
    policy: AlertPolicy,
) -> Plan:
    """Decide about the alerts that are due or will be within the group window.

    `recent` are those told within the storm window. Alerts in neither part of the plan are held back
    by a mute, by a storm or by others that keep coming: they stay due.
    """
    due, told = tuple(due), _count_by_bucket(recent, now - policy.storm_window)
    messages: list[Message] = []
    spoken = [a for a in due if not _is_muted(a, now)]
    silent = [a for a in due if _is_muted(a, now) and _came_and_went(a)]
    for (phase, cause), alerts in _buckets(spoken).items():
        if told.get((phase, cause), 0) >= policy.storm_size:
            silent += [a for a in alerts if _came_and_went(a)]
        elif _is_ripe(alerts, now, policy):
            messages += _grouped(phase, alerts, policy.storm_size)
    return Plan(tuple(messages), tuple(silent))


def next_message_at(
    alert: AlertState, *, now: datetime, policy: AlertPolicy, silent: bool = False
) -> datetime | None:
    """When the message after the planned one is due; None when nothing is left to say."""
    if silent:
        return None
    match alert.phase:
        case "resolved":
            return None
        case "opened" | "reminder":
            later = now + policy.reminder_after(alert.told + 1)
            return now if alert.resolved_at is not None else later


def payload_of(message: Message) -> dict[str, Any]:
    """The notification as ClearView's Notification Service takes it."""
    first = message.alerts[0]
    if len(message.alerts) > 1:
        return _storm_payload(message, first)
    return {
        "key": first.key,
        "kind": first.kind,
        "severity": first.severity,
        "state": _state(message.phase),
        "integration": first.integration,
        "title": _title(message.phase, first.title),
        "message": first.message,
        "opened_at": first.opened_at,
        "details": {
            **first.details,
            "times_seen": first.count,
            **({"resolved_at": first.resolved_at} if message.phase == "resolved" else {}),
            **({"reminder": first.told} if message.phase == "reminder" else {}),
        },
    }


def channels_for(payload: Mapping[str, Any], channels: Sequence[str]) -> list[str]:
    """Every channel but the one that the message itself reports as broken."""
    broken = payload["details"].get("channel")
    return [channel for channel in channels if channel != broken]


def retry_delay(attempts: int, *, jitter: float) -> timedelta:
    """How long a channel rests after its attempt number `attempts`; `jitter` is in [0, 1)."""
    ceiling = min(2.0 * 2 ** min(attempts, 16), MAX_REST.total_seconds())
    return timedelta(seconds=ceiling * (0.5 + jitter / 2))


def _storm_payload(message: Message, first: AlertState) -> dict[str, Any]:
    integrations = sorted({a.integration for a in message.alerts if a.integration})
    where = f"{len(integrations) or len(message.alerts)} integrations: {first.kind}"
    return {
        "key": f"{first.kind}:storm:{first.id}",
        "kind": first.kind,
        "severity": max((a.severity for a in message.alerts), key=SEVERITIES.index),
        "state": _state(message.phase),
        "integration": None,
        "title": _title(message.phase, where.replace("_", " ")),
        "message": f"{len(message.alerts)} conditions share one cause. {first.message}",
        "opened_at": min(a.opened_at for a in message.alerts),
        "details": {
            "count": len(message.alerts),
            "integrations": integrations,
            "keys": sorted(a.key for a in message.alerts),
        },
    }


SEVERITIES = ("info", "warning", "error", "critical")


def _state(phase: Phase) -> Literal["open", "resolved"]:
    return "resolved" if phase == "resolved" else "open"


def _title(phase: Phase, title: str) -> str:
    prefix = {"opened": "", "reminder": "Still: ", "resolved": "Resolved: "}[phase]
    return prefix + title


def _buckets(alerts: Iterable[AlertState]) -> dict[tuple[Phase, str], list[AlertState]]:
    buckets: dict[tuple[Phase, str], list[AlertState]] = defaultdict(list)
    for alert in sorted(alerts, key=lambda a: (a.opened_at, a.key)):
        buckets[alert.phase, alert.cause].append(alert)
    return buckets


def _is_ripe(alerts: Sequence[AlertState], now: datetime, policy: AlertPolicy) -> bool:
    """Whether no more are on their way, or the first has waited long enough for them."""
    dates = [alert.due_at or now for alert in alerts]
    return max(dates) <= now or min(dates) + policy.longest_hold <= now


def _count_by_bucket(recent: Iterable[AlertState], since: datetime) -> dict[tuple[Phase, str], int]:
    counts: dict[tuple[Phase, str], int] = defaultdict(int)
    for alert in recent:
        if alert.told_at is not None and alert.told_at > since:
            counts[alert.told_phase, alert.cause] += 1
    return counts


def _is_muted(alert: AlertState, now: datetime) -> bool:
    """What was told before the mute is told to be over; what ended under it stays unsaid."""
    if alert.muted_until is None or alert.phase == "resolved":
        return False
    return alert.muted_until > (alert.resolved_at or now)


def _came_and_went(alert: AlertState) -> bool:
    """Opened and resolved while it was held back: no one knew, no one need know."""
    return alert.told == 0 and alert.resolved_at is not None


def _grouped(phase: Phase, alerts: Sequence[AlertState], storm_size: int) -> list[Message]:
    if len(alerts) >= max(storm_size, 2):
        return [Message(phase, tuple(alerts))]
    return [Message(phase, (alert,)) for alert in alerts]


class FailureStreak(msgspec.Struct, frozen=True):
    """How long an integration has been failing. A new process starts with an unknown past."""

    failures: int = 0
    since: datetime | None = None
    known_well: bool = False


def after_run(
    streak: FailureStreak, *, failed: bool, now: datetime, policy: AlertPolicy
) -> tuple[FailureStreak, Literal["open", "resolve"] | None]:
    """The streak after one more run, and what to do about the integration's condition.

    It opens after `failed_runs` failures in a row, or at the first failure that comes `failing_for`
    after the streak began; every further failure counts again. The first success resolves.
    """
    if not failed:
        well = FailureStreak(known_well=True)
        return well, None if streak == well else "resolve"
    since = streak.since or now
    failures = streak.failures + 1
    is_open = failures >= policy.failed_runs or now - since >= policy.failing_for
    return FailureStreak(failures, since), "open" if is_open else None


class LimitStreak(msgspec.Struct, frozen=True):
    """How long an ATS has been asking to slow down, again and again."""

    since: datetime
    until: datetime
    """When the latest of these requests ends."""

    def asked_again(self, now: datetime, until: datetime, policy: AlertPolicy) -> "LimitStreak":
        """The streak after one more request; a new one if the last was over by then."""
        since = now if self.is_over(now, policy) else self.since
        return LimitStreak(since, max(self.until, until))

    def is_over(self, now: datetime, policy: AlertPolicy) -> bool:
        """Whether the ATS has left us alone for long enough."""
        return now - self.until >= policy.unlimited_for

    def is_long(self, policy: AlertPolicy) -> bool:
        """Whether a person should know, also of a single request to wait for very long."""
        return self.until - self.since >= policy.limited_for
