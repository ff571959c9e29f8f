"""The store of refresh tokens, over restarts and for all replicas.

A vendor that rotates refresh tokens accepts each of them once. So the one who spends it claims its
grant first, and uses what the vendor gave only after it is stored.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol

import msgspec


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """The tokens that the vendor gave last."""

    refresh: str = field(repr=False)
    access: str = field(repr=False)
    asked_as: str
    """A digest of the client and the form: the access token is good for requests made like that."""
    renew_at: datetime
    ends: datetime | None


class Grant(msgspec.Struct, frozen=True):
    """The grant that began with one configured refresh token."""

    id: str
    """Names the refresh token of the configuration without containing it: a new one is a new grant."""
    integration: str
    """For people."""


def grant_of(token_url: str, refresh_token: str, integration: str) -> Grant:
    """The grant of a configured refresh token."""
    digest = sha256(f"refresh token\0{token_url}\0{refresh_token}".encode()).hexdigest()
    return Grant(digest, integration)


class TokenClaim(Protocol):
    """The right to spend a grant's refresh token, held by one at a time."""

    @property
    def tokens(self) -> StoredTokens | None:
        """The stored tokens; None as long as only the configured refresh token is known."""

    async def keep(self, tokens: StoredTokens) -> bool:
        """Returns once the tokens are durable; False if others have been stored meanwhile.

        Raises:
            TokenUnavailable: they cannot be stored.
        """


class TokenStore(Protocol):
    """Keeps tokens."""

    def claim(self, grant: Grant) -> AbstractAsyncContextManager[TokenClaim]:
        """Waits until no one else, in whatever process, has claimed the grant.

        Raises:
            TokenUnavailable: the store cannot be read, or another claim lasts too long.
        """


@dataclass(slots=True)
class _GrantTokens:
    tokens: StoredTokens | None = None

    async def keep(self, tokens: StoredTokens) -> bool:
        self.tokens = tokens
        return True


class InMemoryTokenStore:
    """Keeps tokens as long as the process: for one that never sees a refresh token, and for tests."""

    def __init__(self) -> None:
        self._tokens: defaultdict[str, _GrantTokens] = defaultdict(_GrantTokens)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def claim(self, grant: Grant) -> AsyncIterator[TokenClaim]:
        async with self._locks[grant.id]:
            yield self._tokens[grant.id]
