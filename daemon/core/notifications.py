"""Messages to one channel, and the errors of sending them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from models.backoff import backoff_pause
from models.errors import AtsSyncError

FIRST_PAUSE = timedelta(seconds=4)
LONGEST_PAUSE = timedelta(minutes=10)
"""A channel that is down is tried at least this often."""


class ChannelFailed(AtsSyncError):
    """The channel did not take the message; it may take it later."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """The pause that the channel requested, in seconds."""


class MessageRefused(AtsSyncError):
    """The channel works but will never take this very message."""


class ChannelMessage(msgspec.Struct, frozen=True):
    """One message to one channel, claimed for sending."""

    id: UUID
    channel: str
    payload: Mapping[str, Any]
    attempts: int
    """Attempts so far, this one included."""
    created_at: datetime


def channel_pause(attempts: int, *, requested_s: float | None = None, chance: float) -> timedelta:
    """Returns the pause of a channel after attempt number `attempts`; `chance` is in [0, 1).

    It is no shorter than the channel requested, in seconds, and never longer than `LONGEST_PAUSE`.
    """
    pause = backoff_pause(
        attempts, first=FIRST_PAUSE, longest=LONGEST_PAUSE, certain=0.5, chance=chance
    )
    requested = timedelta(seconds=min(requested_s or 0.0, LONGEST_PAUSE.total_seconds()))
    return max(pause, requested)
