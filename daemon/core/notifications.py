"""Messages to one channel, and the errors of sending them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from models.errors import AtsSyncError


class ChannelFailed(AtsSyncError):
    """The channel did not take the message; it may take it later."""


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
