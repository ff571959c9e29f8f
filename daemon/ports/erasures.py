"""Ports of erasures: who was erased, what is held about a person, and the receipts."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from daemon.core.erasure import ErasureReason, ErasureReceipt, IdentityHasher, PersonIds


class ErasedPeople(Protocol):
    """Who was erased, as this process knows it.

    A writer asks twice: before it writes, to leave them out, and after it has written, since an
    erasure may have been requested meanwhile. Whichever of both comes second finds the other.
    """

    @property
    def is_empty(self) -> bool: ...

    async def refresh(self, *, unless_younger_than: timedelta = timedelta(0)) -> int:
        """Reads what is new; returns the version of what is known, which grows with each erasure.

        Raises:
            ServiceFailed: the key of the hashes cannot be decrypted: nothing may be imported.
        """

    def holds(self, identity: UUID) -> bool: ...

    def holds_address(self, address: str) -> bool: ...

    async def erase_again(
        self, person: PersonIds, addresses: Collection[str] = frozenset()
    ) -> None:
        """Removes what a write that was under way has brought back.

        One who is known by an erased address is refused by the ids as well from now on: a list may
        not show the address.
        """


class People(Protocol):
    """Finds candidates, over all integrations."""

    async def holding(self, address: str) -> Sequence[PersonIds]:
        """Returns the candidates that have the address, or had it."""

    async def named(self, name: str, *, integration: UUID | None) -> Sequence[PersonIds]:
        """Returns the candidates with this id: ClearView's own, or the one of an ATS."""

    def everyone(self) -> AsyncIterator[tuple[PersonIds, frozenset[str]]]:
        """Yields each candidate that anything is held about, with addresses; some more than once.

        A record whose candidate is not known comes as a record alone.
        """

    async def identities(self, name: str, *, integration: UUID | None) -> Collection[UUID]:
        """Returns every id that a candidate of this name may have had; None: in any integration."""


class PersonData(Protocol):
    """Everything that is held about people, in both databases."""

    async def complete(self, person: PersonIds) -> PersonIds:
        """Returns the candidates with all applications and records by which rows are found."""

    async def addresses(self, people: Sequence[PersonIds]) -> frozenset[str]:
        """Returns their e-mail addresses that no other candidate has."""

    async def counts(self, people: Sequence[PersonIds]) -> Mapping[str, int]:
        """Returns the number of documents that an erasure removes, by collection; no zeros."""

    async def clear_texts(self, people: Sequence[PersonIds]) -> None:
        """Clears messages that name them; before their documents are removed, which have the names."""

    async def remove(self, person: PersonIds) -> None:
        """Removes their documents; repeating it is harmless."""

    async def keep(self, person: PersonIds) -> None:
        """Marks their rows: no retention deletes them."""

    async def let_expire(self, person: PersonIds) -> None:
        """Removes the marks."""

    async def documents(self, people: Sequence[PersonIds]) -> Mapping[str, list[dict[str, Any]]]:
        """Returns all that is held, by collection."""


class LegalHolds(Protocol):
    """Candidates who are not to be erased for now."""

    async def held(self, person: PersonIds) -> frozenset[str]:
        """Returns the external ids of those who are held."""

    async def all(self) -> Sequence[tuple[UUID, str]]:
        """Returns every held candidate: integration and external id."""

    async def set(self, person: PersonIds, reason: str) -> None: ...

    async def release(self, person: PersonIds) -> int:
        """Returns the number of holds that there were."""


class DeletedCandidateErasure(Protocol):
    """Erases candidates that the ATS no longer has."""

    async def erase_deleted(self, person: PersonIds, *, reason: ErasureReason) -> int:
        """Returns the number of erased candidates: those under a legal hold stay."""


class DeletedCandidates(Protocol):
    """Candidates that are marked deleted."""

    async def before(
        self, moment: datetime, *, limit: int, besides: Sequence[tuple[UUID, str]] = ()
    ) -> Sequence[PersonIds]:
        """Returns some of those that were deleted before, at most `limit`, without `besides`."""


class Receipts(Protocol):
    """`erasures`."""

    async def hasher(self) -> IdentityHasher:
        """Returns the hashes' key, made at the first call of an installation."""

    async def request(self, receipt: ErasureReceipt) -> None:
        """Stores a receipt, or adds to the one of the same people; from now on imports refuse them."""

    async def extend(self, receipt: ErasureReceipt) -> None:
        """Stores more ids and hashes of an unfinished erasure."""

    async def announce(self) -> None:
        """Lets every process read the hashes again: a kill may have come before it."""

    async def note_cleared(self, receipt: UUID) -> None: ...

    async def finish(self, receipt: UUID, *, at: datetime) -> None:
        """Removes the ids from the receipt; only hashes and counts stay."""

    async def withdraw(self, receipt: UUID, *, at: datetime) -> None:
        """Ends an erasure that removed nothing; no import refuses the people by it."""

    async def lift(self, receipt: UUID, hashes: Collection[bytes], *, at: datetime | None) -> None:
        """Removes hashes from a finished receipt; `at` is given if none is left."""

    async def unfinished(self) -> Sequence[ErasureReceipt]: ...

    async def hashes(self) -> frozenset[bytes]:
        """Returns the hashes of all receipts."""

    async def matching(self, hashes: Collection[bytes]) -> Sequence[ErasureReceipt]:
        """Returns the receipts that have one of the hashes, the latest first."""

    async def get(self, receipt: UUID) -> ErasureReceipt | None: ...
