"""Length limits for the bodies of requests, by path."""

from daemon.http.answers import Problem

WEBHOOKS = "/webhooks/"
MOST_BYTES = 64 * 1024
MOST_WEBHOOK_BYTES = 1024 * 1024
"""Vendors send a record whole, with answers and texts, although only its id is used."""


def most_bytes(path: str) -> int:
    """Returns how long the body of a request to this path may be."""
    return MOST_WEBHOOK_BYTES if path.startswith(WEBHOOKS) else MOST_BYTES


def too_large(path: str) -> Problem:
    """Returns the answer to a longer body."""
    return Problem(413, f"the body may have at most {most_bytes(path)} bytes")
