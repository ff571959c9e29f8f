"""`oauth_tokens`: the tokens of refresh token grants, encrypted, one exchange at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from connectors.errors import TokenUnavailable
from connectors.http.token_store import Grant, StoredTokens, TokenClaim
from daemon.ports.clock import Clock
from daemon.store.connection import Mongo, Row
from daemon.store.secret_encryption import Keyring, Tampered, UnknownKey
from models.documents import OAuthToken
from models.times import EPOCH

_CLAIMED_UNTIL = {"$ifNull": ["$claimed_until", EPOCH]}


class ClaimTimes(msgspec.Struct, frozen=True):
    """The lifetime of a claim without renewal, and the longest wait for another one."""

    ttl: timedelta = timedelta(seconds=12)
    patience: timedelta = timedelta(seconds=45)
    look_every: timedelta = timedelta(milliseconds=200)


class MongoTokenStore:
    """`connectors.http.token_store.TokenStore` in MongoDB, for all replicas.

    A claim is a lease in the grant's own document, by the server's clock; tokens replace only the
    version that their writer has read.
    """

    def __init__(
        self, mongo: Mongo, keyring: Keyring, clock: Clock, *, times: ClaimTimes | None = None
    ) -> None:
        self._collection = mongo.collection(OAuthToken)
        self._keyring = keyring
        self._clock = clock
        self._times = times or ClaimTimes()

    @asynccontextmanager
    async def claim(self, grant: Grant) -> AsyncIterator[TokenClaim]:
        """Claims the grant, which may take a wait, and gives it back at the end."""
        owner = uuid4()
        row = await self._claimed(grant, owner)
        renewing = asyncio.create_task(self._renew(grant, owner), name="token claim")
        try:
            yield _MongoClaim(self, grant, row["version"], self.tokens_in(grant, row))
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with suppress(PyMongoError):
                await self._collection.update_one(
                    {"_id": grant.id, "owner": owner},
                    {"$set": {"owner": None, "claimed_until": None}},
                )

    async def _claimed(self, grant: Grant, owner: UUID) -> Row:
        until = self._clock.monotonic() + self._times.patience.total_seconds()
        while True:
            try:
                row = await self._try(grant, owner)
            except PyMongoError as error:
                raise _away(error) from None
            if row is not None:
                return row
            if self._clock.monotonic() >= until:
                waited = self._times.patience.total_seconds()
                message = f"another process has been fetching a token for more than {waited:.0f} s"
                raise TokenUnavailable(message, operation="token")
            await self._clock.sleep(self._times.look_every)

    async def _try(self, grant: Grant, owner: UUID) -> Row | None:
        await self._ensure_row(grant)
        # No claim reaches as far as twice its length: a clock was set back. Once its length is no
        # limit: of two commands at the same moment the later one may have the earlier $$NOW.
        too_far = {"$add": ["$$NOW", 2 * self._milliseconds]}
        return await self._collection.find_one_and_update(
            {
                "_id": grant.id,
                "$expr": {
                    "$or": [
                        {"$lte": [_CLAIMED_UNTIL, "$$NOW"]},
                        {"$gt": [_CLAIMED_UNTIL, too_far]},
                    ]
                },
            },
            [{"$set": {"owner": owner, "claimed_until": self._expiry}}],
            return_document=ReturnDocument.AFTER,
        )

    async def _ensure_row(self, grant: Grant) -> None:
        # An upsert cannot carry $expr, so the row has to be there first.
        if await self._collection.find_one({"_id": grant.id}, {"_id": 1}) is not None:
            return
        first = {"integration": grant.integration, "version": 0, "updated_at": self._clock.now()}
        with suppress(DuplicateKeyError):
            await self._collection.update_one(
                {"_id": grant.id}, {"$setOnInsert": first}, upsert=True
            )

    @property
    def _milliseconds(self) -> int:
        return int(self._times.ttl.total_seconds() * 1000)

    @property
    def _expiry(self) -> Row:
        return {"$add": ["$$NOW", self._milliseconds]}

    async def _renew(self, grant: Grant, owner: UUID) -> None:
        """Renews the claim: a token request may wait for a rate limit longer than a claim lasts."""
        while True:
            await asyncio.sleep(self._times.ttl.total_seconds() / 3)
            with suppress(PyMongoError):
                await self._collection.update_one(
                    {"_id": grant.id, "owner": owner}, [{"$set": {"claimed_until": self._expiry}}]
                )

    async def replace(self, grant: Grant, version: int, tokens: StoredTokens) -> Row | None:
        """Stores the tokens durably and returns None; returns the document if its version has changed."""
        sealed = self._keyring.encrypt(msgspec.json.encode(tokens), belongs_to=grant.id)
        change = {
            "sealed": sealed,
            "key_id": self._keyring.key_id,
            "version": version + 1,
            "integration": grant.integration,
            "updated_at": self._clock.now(),
        }
        mine = {"_id": grant.id, "version": version}
        try:
            if (await self._collection.update_one(mine, {"$set": change})).matched_count:
                return None
            return await self._collection.find_one({"_id": grant.id}) or {"version": 0}
        except PyMongoError as error:
            raise _away(error) from None

    def tokens_in(self, grant: Grant, row: Row) -> StoredTokens | None:
        """Returns the tokens of a document.

        Raises:
            TokenUnavailable: they cannot be decrypted.
        """
        if row.get("sealed") is None:
            return None
        try:
            plaintext = self._keyring.decrypt(
                bytes(row["sealed"]), key_id=str(row["key_id"]), belongs_to=grant.id
            )
            return msgspec.json.decode(plaintext, type=StoredTokens)
        except UnknownKey:
            message = (
                f"the stored refresh token is encrypted with key {row['key_id']}, which "
                "ATS_SYNC_ENCRYPTION_KEY does not hold; write that key after the new one, "
                "with a comma between them"
            )
        except (Tampered, msgspec.MsgspecError):
            message = (
                f"the stored refresh token (oauth_tokens, _id {grant.id[:8]}…) was changed and cannot "
                "be read; delete that document, sign in at the ATS again and put the new refresh "
                "token where the configuration points"
            )
        raise TokenUnavailable(message, operation="token")


@dataclass(slots=True)
class _MongoClaim:
    """`connectors.http.token_store.TokenClaim`."""

    store: MongoTokenStore
    grant: Grant
    version: int
    tokens: StoredTokens | None = field(repr=False)

    async def keep(self, tokens: StoredTokens) -> bool:
        other = await self.store.replace(self.grant, self.version, tokens)
        if other is None:
            self.version, self.tokens = self.version + 1, tokens
            return True
        self.version, self.tokens = other["version"], self.store.tokens_in(self.grant, other)
        return False


def _away(error: PyMongoError) -> TokenUnavailable:
    return TokenUnavailable(
        f"the stored refresh token cannot be read or replaced: MongoDB does not answer "
        f"({type(error).__name__})",
        operation="token",
    )
