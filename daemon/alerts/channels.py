"""Channels as the operator's file names them."""

from collections.abc import Sequence

from config.operator_clearview import NotifyByApprise, NotifyByHttp
from connectors.http.outbound import rules_of
from daemon.alerts.apprise_channel import AppriseChannel
from daemon.alerts.http_channel import HttpChannel
from daemon.ports.notifications import Channel

Entry = NotifyByHttp | NotifyByApprise


class Channels:
    """One open channel for each entry of `clearview.notifications`."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Open a channel for each entry.

        Raises:
            UserError: an Apprise address is none.
        """
        self._by_entry = [(entry, channel_of(entry)) for entry in entries]

    @property
    def open(self) -> list[Channel]:
        """The channels in force."""
        return [channel for _, channel in self._by_entry]

    def become(self, entries: Sequence[Entry]) -> None:
        """Keep the channels of entries that are as they were, and open those of the others.

        Raises:
            UserError: an Apprise address is none; nothing was changed.
        """
        kept = list(self._by_entry)
        found = []
        for entry in entries:
            same = next((pair for pair in kept if pair[0] == entry), None)
            if same is not None:
                kept.remove(same)
            found.append(same or (entry, channel_of(entry)))
        self._by_entry = found


def channel_of(entry: Entry) -> Channel:
    """Returns a channel for the entry.

    Raises:
        UserError: an Apprise address is none.
    """
    match entry:
        case NotifyByHttp():
            outbound = rules_of(entry, [entry.url])
            return HttpChannel(entry.url, entry.token.get_secret_value(), outbound=outbound)
        case NotifyByApprise():
            return AppriseChannel(entry.url.get_secret_value())
