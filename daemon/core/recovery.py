"""What a position in the change stream that is lost again and again leads to.

Each time everything is compared, so that nothing is skipped. What grows is the pause between two
such comparisons, and how loudly a person is asked to find the cause.
"""

from datetime import timedelta

import msgspec

_GROWS_BY = 4


class RecoveryRule(msgspec.Struct, frozen=True):
    """How often, and how many in a row before a person has to look."""

    first_pause: timedelta = timedelta(seconds=0.5)
    longest_pause: timedelta = timedelta(minutes=5)
    bound: int = 3


class Recovery(msgspec.Struct, frozen=True):
    """One recovery. `number` counts those in a row, with no minute of reading in between."""

    number: int
    pause: timedelta
    """Before the stream is opened again."""
    needs_person: bool


def recovery(rule: RecoveryRule, number: int) -> Recovery:
    """The `number`-th in a row; 0 is none at all."""
    growth = _GROWS_BY ** min(max(number - 1, 0), 16)
    pause = min(rule.first_pause * growth, rule.longest_pause)
    return Recovery(number, pause, needs_person=number >= rule.bound)
