"""The messages that go out about conditions, and when. Pure: alerts and a moment in, a plan out.

Every condition has one message when it opens and one when it is resolved, and reminders at growing
intervals in between.

- Grouping: conditions of one kind and one cause wait for one another as long as more of them keep
  coming (`group_window` apart, and `longest_hold` at most). From `storm_size` on they share one
  message; while that storm lasts (`storm_window` after the latest message) the rest wait, and share
  one, too.
- Mutes: a muted condition neither opens nor reminds until the mute ends; its message goes out then if
  it is still open. If its opening went out before the mute, its end does so at once, so that
  everyone who keeps it as open can close it. Otherwise no message is ever sent about it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from daemon.core.alert_policy import AlertPolicy

Phase = Literal["opened", "reminder", "resolved"]


class AlertState(msgspec.Struct, frozen=True):
    """One condition, with its messages so far."""

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
    messages: int = 0
    """Messages about it so far."""
    last_message_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def phase(self) -> Phase:
        """The content of the next message about it."""
        if self.messages == 0:
            return "opened"
        return "reminder" if self.resolved_at is None else "resolved"

    @property
    def last_phase(self) -> Phase:
        """The content of the latest message about it."""
        if self.resolved_at is not None and self.due_at is None:
            return "resolved"
        return "opened" if self.messages <= 1 else "reminder"

    @property
    def cause(self) -> str:
        """Equal for conditions that may share a message."""
        return f"{self.kind}:{self.details.get('cause', '')}"

    @property
    def round(self) -> str:
        """The identity of the next message about this very alert, whichever replica plans it."""
        return f"{self.id}:{self.messages}:{self.phase}"


class AlertMessage(msgspec.Struct, frozen=True):
    """One message, about one condition or about a storm of them."""

    phase: Phase
    alerts: tuple[AlertState, ...]


class MessagePlan(msgspec.Struct, frozen=True):
    """The messages to send now, and the conditions that get none, for now or for good."""

    messages: tuple[AlertMessage, ...]
    silent: tuple[AlertState, ...]


def plan_messages(
    due: Iterable[AlertState],
    recent: Iterable[AlertState],
    *,
    now: datetime,
    policy: AlertPolicy,
) -> MessagePlan:
    """Decides about the alerts that are due or will be within the group window.

    `recent` are those with a message within the storm window. Alerts in neither part of the plan are
    held back by a mute, by a storm or by others that keep coming: they remain due.
    """
    due, storm_began = tuple(due), now - policy.storm_window
    sent = Counter(
        (alert.last_phase, alert.cause)
        for alert in recent
        if alert.last_message_at is not None and alert.last_message_at > storm_began
    )
    messages: list[AlertMessage] = []
    audible = [a for a in due if not _is_muted(a, now)]
    silent = [a for a in due if _is_muted(a, now) and _came_and_went(a)]
    for (phase, cause), alerts in _buckets(audible).items():
        if sent[phase, cause] >= policy.storm_size:
            silent += [a for a in alerts if _came_and_went(a)]
        elif _is_ripe(alerts, now, policy):
            messages += _grouped(phase, alerts, policy.storm_size)
    return MessagePlan(tuple(messages), tuple(silent))


def next_message_at(
    alert: AlertState, *, now: datetime, policy: AlertPolicy, silent: bool = False
) -> datetime | None:
    """Returns when the message after the planned one is due; None if none is left."""
    if silent:
        return None
    match alert.phase:
        case "resolved":
            return None
        case "opened" | "reminder":
            later = now + policy.reminder_after(alert.messages + 1)
            return now if alert.resolved_at is not None else later


def _buckets(alerts: Iterable[AlertState]) -> dict[tuple[Phase, str], list[AlertState]]:
    buckets: dict[tuple[Phase, str], list[AlertState]] = defaultdict(list)
    for alert in sorted(alerts, key=lambda a: (a.opened_at, a.key)):
        buckets[alert.phase, alert.cause].append(alert)
    return buckets


def _is_ripe(alerts: Sequence[AlertState], now: datetime, policy: AlertPolicy) -> bool:
    """True if no more are coming, or the first has waited long enough for them."""
    dates = [alert.due_at or now for alert in alerts]
    return max(dates) <= now or min(dates) + policy.longest_hold <= now


def _is_muted(alert: AlertState, now: datetime) -> bool:
    """True if no message may go out now. A mute does not hold back an end whose opening went out."""
    if alert.muted_until is None or alert.phase == "resolved":
        return False
    return alert.muted_until > (alert.resolved_at or now)


def _came_and_went(alert: AlertState) -> bool:
    """True if it opened and resolved while it was held back: no one knew of it."""
    return alert.messages == 0 and alert.resolved_at is not None


def _grouped(phase: Phase, alerts: Sequence[AlertState], storm_size: int) -> list[AlertMessage]:
    if len(alerts) >= max(storm_size, 2):
        return [AlertMessage(phase, tuple(alerts))]
    return [AlertMessage(phase, (alert,)) for alert in alerts]
