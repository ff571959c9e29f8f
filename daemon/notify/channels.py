"""Channels as the operator's file names them."""

from collections.abc import Iterable

from config.operator_clearview import NotifyByApprise, NotifyByHttp
from daemon.notify.apprise_channel import AppriseChannel
from daemon.notify.http_channel import HttpChannel
from daemon.ports.notifications import Channel


def open_channels(notifications: Iterable[NotifyByHttp | NotifyByApprise]) -> list[Channel]:
    """One channel for each entry of `clearview.notifications`.

    Raises:
        UserError: an Apprise address is none.
    """
    return [_channel(entry) for entry in notifications]


def _channel(entry: NotifyByHttp | NotifyByApprise) -> Channel:
    match entry:
        case NotifyByHttp():
            return HttpChannel(str(entry.url), entry.token.get_secret_value())
        case NotifyByApprise():
            return AppriseChannel(entry.url.get_secret_value())
