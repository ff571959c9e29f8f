"""The path of an erasure: locate, request, clear, remove, finish.

The receipt comes first. From then on imports leave the people out, and a kill between any two writes
leaves a receipt that names what is still to be removed: the next start, or the next erasure, goes on
with it. Nothing is locked: a page that was under way when the receipt was written looks for receipts
after its last write, and removes what it has brought back (`daemon.ports.erasures.ErasedPeople`).
"""

from collections.abc import Collection, Sequence
from contextlib import suppress

import structlog
from msgspec.structs import replace

from daemon.core.erasure import ErasureReason, ErasureReceipt, PersonIds
from daemon.ports.audit import AuditTrail
from daemon.ports.clock import Clock
from daemon.ports.erasures import LegalHolds, PersonData, Receipts
from models.errors import UserError

log = structlog.get_logger(__name__)


class HeldMeanwhile(UserError):
    """A legal hold was set while an erasure was requested."""

    def __init__(self) -> None:
        super().__init__(
            "a legal hold has just been set on one of the candidates: nothing was erased",
            remedy="see `ats-sync legal-hold list`; release it first",
        )


class Erasures:
    """Carries out erasures."""

    def __init__(
        self,
        data: PersonData,
        receipts: Receipts,
        holds: LegalHolds,
        clock: Clock,
        *,
        audit: AuditTrail,
    ) -> None:
        self._holds = holds
        self._audit = audit
        self._data = data
        self._receipts = receipts
        self._clock = clock

    async def plan(
        self,
        people: Sequence[PersonIds],
        *,
        addresses: Collection[str] = (),
        reason: ErasureReason = "request",
    ) -> ErasureReceipt:
        """Returns the receipt as it would be requested; writes nothing about the people.

        `people` have candidates only. `addresses` are refused in future beside those that no one
        else has. Candidates that the ATS itself deleted may come back there and are not refused;
        of those that it anonymised it keeps records, which are.
        """
        complete = [await self._data.complete(person) for person in people]
        hasher = await self._receipts.hasher()
        hashes: frozenset[bytes] = frozenset()
        if reason == "request":
            own = await self._data.addresses(complete)
            hashes = hasher.of_people(complete, own.union(addresses))
        elif reason == "anonymised":
            hashes = hasher.of_people(complete, ())
        return ErasureReceipt(
            id=hasher.receipt_id(complete, reason),
            state="requested",
            reason=reason,
            requested_at=self._clock.now(),
            candidates=sum(len(person.candidates) for person in complete),
            counts=await self._data.counts(complete),
            hashes=hashes,
            subject=complete,
        )

    async def erase_deleted(self, person: PersonIds, *, reason: ErasureReason) -> int:
        """Erases candidates that the ATS no longer has, but for those under a legal hold."""
        free = person.candidates - await self._holds.held(person)
        if not free:
            return 0
        planned = await self.plan([replace(person, candidates=free)], reason=reason)
        try:
            return (await self.erase(planned)).candidates
        except HeldMeanwhile:
            return 0

    async def erase(self, planned: ErasureReceipt) -> ErasureReceipt:
        """Requests a planned erasure and carries it out; returns the receipt."""
        after = {
            "reason": planned.reason,
            "candidates": planned.candidates,
            "counts": dict(planned.counts),
        }
        await self._audit.record("person.erase", str(planned.id), after=after)
        await self._receipts.request(planned)
        return await self._carry_out(planned)

    async def lift(self, receipts: Sequence[ErasureReceipt], hashes: frozenset[bytes]) -> None:
        """Takes these hashes out of finished receipts: imports may bring again whom they refused."""
        for receipt in receipts:
            left = receipt.hashes - hashes
            await self._audit.record(
                "erasure.lift",
                str(receipt.id),
                before={"hashes": len(receipt.hashes)},
                after={"hashes": len(left)},
            )
            await self._receipts.lift(receipt.id, hashes, at=None if left else self._clock.now())
        await self._receipts.announce()

    async def finish_interrupted(self) -> int:
        """Carries out every erasure that was requested and not finished; returns their number."""
        left = await self._receipts.unfinished()
        for receipt in left:
            await self._receipts.announce()
            with suppress(HeldMeanwhile):
                await self._carry_out(receipt)
        return len(left)

    async def _carry_out(self, receipt: ErasureReceipt) -> ErasureReceipt:
        """Raises HeldMeanwhile, with nothing removed, if a hold was set after the erasure was planned."""
        if not receipt.texts_cleared:
            if any([await self._holds.held(person) for person in receipt.subject]):
                await self._receipts.withdraw(receipt.id, at=self._clock.now())
                raise HeldMeanwhile
            receipt = await self._with_latest(receipt)
            await self._data.clear_texts(receipt.subject)
            await self._receipts.note_cleared(receipt.id)
        for person in receipt.subject:
            await self._data.remove(person)
        await self._receipts.finish(receipt.id, at=self._clock.now())
        log.info("erasure_finished", candidates=receipt.candidates)
        return await self._receipts.get(receipt.id) or receipt

    async def _with_latest(self, receipt: ErasureReceipt) -> ErasureReceipt:
        """Adds what an import has written since the erasure was planned; later ones know of it."""
        complete = [await self._data.complete(person) for person in receipt.subject]
        if complete == list(receipt.subject):
            return receipt
        hasher = await self._receipts.hasher()
        hashes = hasher.of_people(complete, ()) if receipt.hashes else frozenset[bytes]()
        grown = replace(receipt, subject=complete, hashes=receipt.hashes | hashes)
        await self._receipts.extend(grown)
        return grown
