"""The pauses between recoveries from lost positions of the change stream, which `daemon.jobs.status_intake` makes.

Each recovery compares everything, so that nothing is skipped. The pauses grow, and from the third in a
row a person has to find the cause.
"""

from datetime import timedelta

import msgspec

from models.backoff import backoff_pause


class RecoveryRule(msgspec.Struct, frozen=True):
    """Pauses, and the number of losses in a row from which a person has to find the cause."""

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
    """Returns the `number`-th recovery in a row; 0 is none at all."""
    pause = backoff_pause(number, first=rule.first_pause, longest=rule.longest_pause, growth=4)
    return Recovery(number, pause, needs_person=number >= rule.bound)
