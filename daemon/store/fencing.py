"""Conditions under which the holder of a lease may write a row with a fencing token.

Tokens are milliseconds (`daemon.store.leases`): one that lies a year ahead of the holder's own was
never given, and blocks no writer.
"""

from daemon.store.connection import Row

A_YEAR_MS = 366 * 24 * 3600 * 1000


def not_of_a_later_holder(fence: int) -> Row:
    """Matches a field that is absent, no number, or a token that is not later than this one."""
    return {"$not": {"$gt": fence, "$lt": fence + A_YEAR_MS}}


def of_another_holder(fence: int) -> Row:
    """Matches the same except this very token: rows of an earlier holder."""
    return {"$not": {"$gte": fence, "$lt": fence + A_YEAR_MS}}
