"""When an integration counts as failing, and when as recovered: streaks of failures and of rate limits. Pure."""

from datetime import datetime
from typing import Literal

import msgspec

from daemon.core.alert_policy import AlertPolicy


class FailureStreak(msgspec.Struct, frozen=True):
    """Failures of an integration in a row. A new process starts with an unknown past."""

    failures: int = 0
    since: datetime | None = None
    known_well: bool = False
    """The last run succeeded, and this process has seen it."""


def after_run(
    streak: FailureStreak, *, failed: bool, now: datetime, policy: AlertPolicy
) -> tuple[FailureStreak, Literal["open", "resolve"] | None]:
    """Returns the streak after one more run, and the action on the integration's condition.

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
    """Requests of an ATS to slow down, with no quiet time in between."""

    since: datetime
    until: datetime
    """The end of the latest of these requests."""

    def extended(self, now: datetime, until: datetime, policy: AlertPolicy) -> "LimitStreak":
        """Returns the streak after one more request; a new one if the last was over by then."""
        since = now if self.is_over(now, policy) else self.since
        return LimitStreak(since, max(self.until, until))

    def is_over(self, now: datetime, policy: AlertPolicy) -> bool:
        """True if the ATS has requested nothing for long enough."""
        return now - self.until >= policy.unlimited_for

    def is_long(self, policy: AlertPolicy) -> bool:
        """True if a person should know, also of a single request for a very long pause."""
        return self.until - self.since >= policy.limited_for
