"""`erasures`: receipts, and who was erased."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from pymongo.errors import DuplicateKeyError

from daemon.core.erasure import ErasureReceipt, IdentityHasher, PersonIds, person_from
from daemon.ports.clock import Clock
from daemon.ports.erasures import ErasedPeople, LegalHolds, PersonData
from daemon.store.connection import Mongo, Row
from daemon.store.data_keys import ERASURE, DataKeys, SavedKey
from models.documents import Erasure
from models.errors import UserError

CHANGED: Row = {"version": 1}
"""Of two copies of a receipt the one with the greater version is the later one."""


class MongoReceipts:
    """`erasures`, as `daemon.ports.erasures.Receipts`."""

    def __init__(self, mongo: Mongo, keys: DataKeys) -> None:
        self._collection = mongo.collection(Erasure)
        self._keys = keys

    async def hasher(self) -> IdentityHasher:
        return IdentityHasher(await self._keys.load(ERASURE))

    async def request(self, receipt: ErasureReceipt) -> None:
        """Stores it; a finished one of the same people is opened again, and its counts grow."""
        change: Row = {
            "$set": {
                "state": "requested",
                "finished_at": None,
                "lifted_at": None,
                "subject": [person.to_value() for person in receipt.subject],
                "texts_cleared": False,
                "candidates": receipt.candidates,
            },
            "$setOnInsert": {"reason": receipt.reason, "requested_at": receipt.requested_at},
            "$inc": {f"counts.{name}": n for name, n in receipt.counts.items()} | CHANGED,
            "$addToSet": {"hashes": {"$each": sorted(receipt.hashes)}},
        }
        with suppress(DuplicateKeyError):  # another process has requested it, and counted
            await self._collection.update_one(
                {"_id": receipt.id, "state": {"$ne": "requested"}}, change, upsert=True
            )
        await self.announce()

    async def extend(self, receipt: ErasureReceipt) -> None:
        await self._collection.update_one(
            {"_id": receipt.id, "state": "requested"},
            {
                "$set": {"subject": [person.to_value() for person in receipt.subject]},
                "$addToSet": {"hashes": {"$each": sorted(receipt.hashes)}},
                "$inc": CHANGED,
            },
        )
        await self.announce()

    async def announce(self) -> None:
        await self._keys.note_write(ERASURE)

    async def note_cleared(self, receipt: UUID) -> None:
        await self._collection.update_one({"_id": receipt}, {"$set": {"texts_cleared": True}})

    async def finish(self, receipt: UUID, *, at: datetime) -> None:
        await self._collection.update_one(
            {"_id": receipt, "state": "requested"},
            {"$set": {"state": "finished", "finished_at": at, "subject": None}},
        )

    async def withdraw(self, receipt: UUID, *, at: datetime) -> None:
        ended = {"state": "finished", "finished_at": at, "subject": None}
        await self._collection.update_one(
            {"_id": receipt, "state": "requested", "texts_cleared": False},
            {
                "$set": {**ended, "counts": {}, "candidates": 0, "hashes": [], "lifted_at": at},
                "$inc": CHANGED,
            },
        )
        await self.announce()

    async def lift(self, receipt: UUID, hashes: Collection[bytes], *, at: datetime | None) -> None:
        await self._collection.update_one(
            {"_id": receipt, "state": "finished"},
            {
                "$pull": {"hashes": {"$in": list(hashes)}},
                "$set": {"lifted_at": at},
                "$inc": CHANGED,
            },
        )

    async def unfinished(self) -> Sequence[ErasureReceipt]:
        rows = self._collection.find({"state": "requested"}, sort=[("requested_at", 1)])
        return [_receipt(row) for row in await rows.to_list()]

    async def hashes(self) -> frozenset[bytes]:
        rows = self._collection.find({}, {"hashes": 1, "_id": 0})
        return frozenset([bytes(one) async for row in rows for one in row["hashes"]])

    async def matching(self, hashes: Collection[bytes]) -> Sequence[ErasureReceipt]:
        which = {"hashes": {"$in": list(hashes)}}
        rows = self._collection.find(which, sort=[("requested_at", -1)])
        return [_receipt(row) for row in await rows.to_list()]

    async def get(self, receipt: UUID) -> ErasureReceipt | None:
        row = await self._collection.find_one({"_id": receipt})
        return None if row is None else _receipt(row)


class SavedReceipts(msgspec.Struct, frozen=True):
    """All receipts, to be kept apart from the database: a backup may be older than they are."""

    key: SavedKey
    receipts: list[ErasureReceipt]


class ReceiptArchive:
    """Receipts on their way to a file, and back after a restore."""

    def __init__(self, mongo: Mongo, keys: DataKeys) -> None:
        self._collection = mongo.collection(Erasure)
        self._keys = keys

    async def save(self) -> bytes:
        """Returns all finished receipts and their key as JSON; it holds no personal data."""
        rows = await self._collection.find({"state": "finished"}).to_list()
        saved = SavedReceipts(await self._keys.saved(ERASURE), [_receipt(row) for row in rows])
        return msgspec.json.encode(saved)

    async def restore(self, content: bytes) -> int:
        """Adds the receipts that are missing here; returns their number.

        Raises:
            UserError: it is no such file, or of another key.
        """
        try:
            saved = msgspec.json.decode(content, type=SavedReceipts)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UserError(
                "the file holds no receipts", remedy="see `erase --save-receipts`"
            ) from None
        in_use = await self._collection.find_one({"hashes": {"$ne": []}}, {"_id": 1}) is not None
        await self._keys.adopt(ERASURE, saved.key, in_use=in_use)
        added = 0
        for receipt in saved.receipts:
            row = msgspec.structs.asdict(receipt)
            row = {**row, "hashes": sorted(receipt.hashes), "subject": None}
            del row["id"]
            result = await self._collection.update_one(
                {"_id": receipt.id}, {"$setOnInsert": row}, upsert=True
            )
            added += result.upserted_id is not None
            await self._bring_up_to_date(receipt, row)
        await self._keys.note_write(ERASURE)
        return added

    async def _bring_up_to_date(self, saved: ErasureReceipt, row: Row) -> None:
        """Takes over what happened to a receipt before the file was written, unless it was erased since."""
        which: Row = {
            "_id": saved.id,
            "state": "finished",
            "finished_at": {"$lte": saved.lifted_at or saved.finished_at},
            "version": {"$not": {"$gte": saved.version}},
        }
        await self._collection.update_one(which, {"$set": row})


class MongoErasedPeople:
    """Who was erased, as `daemon.ports.erasures.ErasedPeople`; one for a process.

    A read asks for one number. Only where it has grown are the hashes read again.
    """

    def __init__(
        self,
        mongo: Mongo,
        keys: DataKeys,
        clock: Clock,
        data: PersonData,
        holds: LegalHolds,
    ) -> None:
        self._collection = mongo.collection(Erasure)
        self._keys = keys
        self._clock = clock
        self._data = data
        self._holds = holds
        self._hasher: IdentityHasher | None = None
        self._hashes: frozenset[bytes] = frozenset()
        self._version = 0
        self._read_at = float("-inf")

    @property
    def is_empty(self) -> bool:
        return not self._hashes

    async def refresh(self, *, unless_younger_than: timedelta = timedelta(0)) -> int:
        now = self._clock.monotonic()
        if now - self._read_at < unless_younger_than.total_seconds():
            return self._version
        version = await self._keys.version(ERASURE)
        if version != self._version:
            self._hasher = IdentityHasher(await self._keys.load(ERASURE))
            rows = self._collection.find({"hashes": {"$ne": []}}, {"hashes": 1, "_id": 0})
            self._hashes = frozenset([bytes(one) async for row in rows for one in row["hashes"]])
        self._version, self._read_at = version, now
        return version

    def holds(self, identity: UUID) -> bool:
        return self._hasher is not None and self._hasher.of_id(identity) in self._hashes

    def holds_address(self, address: str) -> bool:
        return self._hasher is not None and self._hasher.of_address(address) in self._hashes

    async def erase_again(
        self, person: PersonIds, addresses: Collection[str] = frozenset()
    ) -> None:
        if await self._holds.held(person):
            return
        known_by = [self._hasher.of_address(a) for a in addresses] if self._hasher else []
        if self._hasher is None or not any(one in self._hashes for one in known_by):
            await self._data.remove(person)
            return
        person = await self._data.complete(person)
        await self._data.clear_texts([person])
        await self._data.remove(person)
        ids = sorted(self._hasher.of_people([person], ()))
        change = {"$addToSet": {"hashes": {"$each": ids}}, "$inc": CHANGED}
        await self._collection.update_one({"hashes": {"$in": known_by}}, change)
        await self._keys.note_write(ERASURE)


async def remove_if_erased(erased: ErasedPeople | None, people: Iterable[PersonIds]) -> None:
    """Removes those of these people again who were erased, after rows about them were written."""
    if erased is None:
        return
    await erased.refresh()
    for person in () if erased.is_empty else people:
        if any(map(erased.holds, person.identities)):
            await erased.erase_again(person)


def _receipt(row: Row) -> ErasureReceipt:
    return ErasureReceipt(
        id=row["_id"],
        state=row["state"],
        reason=row["reason"],
        requested_at=row["requested_at"],
        finished_at=row.get("finished_at"),
        lifted_at=row.get("lifted_at"),
        candidates=row["candidates"],
        counts=dict(row.get("counts") or {}),
        hashes=frozenset(bytes(one) for one in row["hashes"]),
        subject=tuple(person_from(each) for each in row.get("subject") or ()),
        texts_cleared=row.get("texts_cleared", False),
        version=row.get("version", 0),
    )
