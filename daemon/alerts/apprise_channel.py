"""Chat, mail and pagers, by way of the Apprise library."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import apprise

from daemon.core.notifications import ChannelFailed
from models.errors import UserError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+]{0,19})://")
_TYPES = {
    "info": apprise.NotifyType.INFO,
    "warning": apprise.NotifyType.WARNING,
    "error": apprise.NotifyType.FAILURE,
    "critical": apprise.NotifyType.FAILURE,
}


class AppriseChannel:
    """Sends each message through one Apprise address, in a thread because Apprise blocks."""

    def __init__(self, url: str) -> None:
        """Raises UserError when the address is none that Apprise understands."""
        named = _SCHEME.match(url)
        scheme = named[1].lower() if named else "?"
        # The library's own log quotes parts of addresses, such as a token that it finds odd.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        # The address holds secrets; its hash distinguishes two addresses of one kind.
        digest = hashlib.sha256(url.encode()).hexdigest()[:8]
        self.name = f"apprise:{scheme}:{digest}"
        self._apprise = apprise.Apprise()
        if not self._apprise.add(url):
            raise UserError(
                f"an Apprise address of kind {scheme!r} cannot be used",
                remedy="check the address under clearview.notifications against Apprise's own list",
            )

    async def send(self, payload: Mapping[str, Any], *, delivery_id: UUID) -> None:  # noqa: ARG002
        """Deliver once. Apprise cannot recognise a repetition: a crash may say a thing twice."""
        taken = await asyncio.to_thread(
            self._apprise.notify,
            title=str(payload["title"]),
            body=_body(payload),
            notify_type=apprise.NotifyType.SUCCESS
            if payload["state"] == "resolved"
            else _TYPES[payload["severity"]],
        )
        if not taken:
            raise ChannelFailed("The service of the Apprise address did not take the message.")

    async def close(self) -> None:
        """Nothing stays open."""


def _body(payload: Mapping[str, Any]) -> str:
    if payload["state"] == "resolved":
        return f"It is over. Since {payload['opened_at']:%Y-%m-%d %H:%M} UTC it had been so."
    integrations = payload["details"].get("integrations")
    names = f"\n{', '.join(integrations)}" if integrations else ""
    return f"{payload['message']}{names}"
