"""The rules of alerting, with their usual values."""

from datetime import timedelta

import msgspec


class AlertPolicy(msgspec.Struct, frozen=True):
    """Times and numbers that decide when alerting sends a message."""

    failed_runs: int = 3
    failing_for: timedelta = timedelta(minutes=10)
    limited_for: timedelta = timedelta(minutes=10)
    unlimited_for: timedelta = timedelta(minutes=5)
    """An ATS without a request to slow down for so long no longer limits the rate."""
    group_window: timedelta = timedelta(seconds=10)
    """The wait of a message for others of the same cause."""
    longest_hold: timedelta = timedelta(minutes=2)
    """The longest such wait while others keep coming."""
    storm_size: int = 3
    storm_window: timedelta = timedelta(minutes=10)
    reminders: tuple[timedelta, ...] = (
        timedelta(hours=1),
        timedelta(hours=4),
        timedelta(hours=24),
    )
    """Time between messages about a condition that stays open; the last one repeats."""

    def reminder_after(self, messages: int) -> timedelta:
        """Returns the time from message number `messages` (from 1) to the next one."""
        return self.reminders[min(max(messages, 1), len(self.reminders)) - 1]
