"""The condition under which a holder of a lease may write a row that carries a fencing token.

Tokens are milliseconds (`daemon.store.leases`): one that lies a year ahead of the holder's own was
never given to anyone, and keeps no one from writing for ever.
"""

from daemon.store.connection import Row

A_YEAR_MS = 366 * 24 * 3600 * 1000


def not_of_a_later_holder(fence: int) -> Row:
    """Matches a field that is absent, no number, or a token that is not later than this one."""
    return {"$not": {"$gt": fence, "$lt": fence + A_YEAR_MS}}


def of_another_holder(fence: int) -> Row:
    """Matches the same, but for this very token: what an earlier holder has left."""
    return {"$not": {"$gte": fence, "$lt": fence + A_YEAR_MS}}
