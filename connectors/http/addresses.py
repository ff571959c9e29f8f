"""The address of a next page, as an ATS wrote it: made sendable, and judged before it is followed."""

import re
from urllib.parse import quote

from yarl import URL

from connectors.errors import Misdirected

_NEVER_IN_AN_ADDRESS = re.compile(r"""[^!#-;=?-~]|%(?![0-9A-Fa-f]{2})""")
"""Blanks, control characters, quotes, angle brackets, letters beyond ASCII; a percent sign alone."""


def sendable(address: str) -> str:
    """Returns the address with all that cannot be in one percent-encoded; the rest stays as it is.

    Raises:
        UnicodeEncodeError: it holds half a character.
    """
    return _NEVER_IN_AN_ADDRESS.sub(
        lambda match: quote(match[0].encode("utf-8", "surrogateescape"), safe=""), address.strip()
    )


def same_origin(one: URL, other: URL) -> bool:
    """True when scheme, host and port are the same, so that credentials may go to both."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def next_address(
    address: str, *, current: URL, origin: URL, keep_origin: bool, operation: str
) -> URL:
    """Returns the address of the next page; it is never on another origin than the integration's own.

    With `keep_origin`, scheme and port of an address on the same host are those of `origin`.

    Raises:
        Misdirected: it is on another origin, or no address at all.
    """
    try:
        url = current.join(URL(sendable(address), encoded=True))
        own = same_origin(url, origin)
    except ValueError:
        raise _refused(operation, "that the ATS names cannot be read") from None
    if url.host != origin.host:
        raise _refused(operation, f"is on another host than {origin.host}; nothing was sent there")
    if own or keep_origin:
        return _on(origin, url)
    raise _refused(
        operation,
        f"is on {origin.host} with another scheme or port than the endpoint's; nothing was sent "
        "there; if the ATS writes it so from behind a proxy, the definition's `pagination` needs "
        "`keep_origin: true`",
    )


def _refused(operation: str, why: str) -> Misdirected:
    return Misdirected(f"{operation}: the next address {why}", operation=operation)


def _on(origin: URL, url: URL) -> URL:
    """The same path and query there, not encoded once more, and without a user."""
    return URL.build(
        scheme=origin.scheme,
        host=origin.host or "",
        port=origin.explicit_port,
        path=url.raw_path,
        query_string=url.raw_query_string,
        encoded=True,
    )
