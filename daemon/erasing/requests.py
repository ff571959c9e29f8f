"""Requests about a person, as people word them (an id of a candidate, or an e-mail address), and legal holds."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from daemon.core.erasure import ErasureReceipt, PersonIds
from daemon.erasing.erasures import Erasures
from daemon.ports.audit import AuditTrail
from daemon.ports.erasures import LegalHolds, People, PersonData, Receipts
from models.errors import UserError


class PersonRequest(msgspec.Struct, frozen=True):
    """One person: by `candidate` or by `email`."""

    candidate: str | None = None
    """ClearView's id, or the one of an ATS."""
    email: str | None = None
    integration: UUID | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        return () if self.email is None else (self.email,)


class HeldPeople:
    """Sets and releases holds, and marks the rows of those who are held.

    Marks follow the hold and precede its end, so that after a kill a repetition completes either.
    """

    def __init__(self, holds: LegalHolds, data: PersonData) -> None:
        self._holds = holds
        self._data = data

    async def set(self, person: PersonIds, reason: str) -> None:
        await self._holds.set(person, reason)
        await self._data.keep(await self._data.complete(person))

    async def release(self, person: PersonIds) -> int:
        """Returns the number of holds that there were."""
        complete = await self._data.complete(person)
        await self._data.let_expire(complete)
        released = await self._holds.release(person)
        await self._data.let_expire(complete)  # marked by another process in between
        return released

    async def keep_all(self) -> int:
        """Marks what was written since; returns the number of holds."""
        held = await self._holds.all()
        for integration, external_id in held:
            person = PersonIds(integration, candidates=frozenset({external_id}))
            complete = await self._data.complete(person)
            await self._data.keep(complete)
            if not await self._holds.held(person):
                await self._data.let_expire(complete)
        return len(held)


class PersonRequests:
    """Answers requests about people: erase them, or show everything that is held."""

    def __init__(
        self,
        people: People,
        data: PersonData,
        receipts: Receipts,
        erasures: Erasures,
        holds: LegalHolds,
        *,
        audit: AuditTrail,
    ) -> None:
        self._holds = holds
        self._held = HeldPeople(holds, data)
        self._audit = audit
        self._people = people
        self._data = data
        self._receipts = receipts
        self._erasures = erasures

    async def plan(self, wanted: PersonRequest) -> ErasureReceipt | None:
        """Returns the receipt as it would be; None if nothing is held about the person.

        Raises:
            UserError: the id means candidates of several integrations, or a legal hold is on one.
        """
        people = await self._find(wanted)
        if not people:
            return None
        held = sum([len(await self._holds.held(person)) for person in people])
        if held:
            raise UserError(
                f"a legal hold is on {held} of the candidates: nothing was erased",
                remedy="see `ats-sync legal-hold list`; release it first",
            )
        return await self._erasures.plan(people, addresses=wanted.addresses)

    async def erase(self, wanted: PersonRequest) -> ErasureReceipt | None:
        """Erases the person; returns the receipt, an earlier one if nothing is held any more.

        None: nothing is held about the person, and nothing was.
        """
        await self._erasures.finish_interrupted()
        planned = await self.plan(wanted)
        if planned is None:
            return next(iter(await self._receipts.matching(await self._known_by(wanted))), None)
        return await self._erasures.erase(planned)

    async def lift(self, wanted: PersonRequest) -> int:
        """Lets imports bring an erased person again; returns the number of receipts that refused it.

        Another person's receipt that shares an address, as families do, keeps its other hashes.

        Raises:
            UserError: the id means people of several integrations.
        """
        await self._erasures.finish_interrupted()
        known_by = await self._known_by(wanted)
        found = await self._receipts.matching(known_by)
        refused = [each for each in known_by if any(each in one.hashes for one in found)]
        if len(refused) > 1:
            raise _several(wanted, len(refused))
        hashes = frozenset[bytes]().union(*(one.hashes for one in found))
        refusing = await self._receipts.matching(hashes)
        await self._erasures.lift(refusing, hashes)
        return len(refusing)

    async def documents(self, wanted: PersonRequest) -> Mapping[str, list[dict[str, Any]]]:
        """Returns all that is held, by collection."""
        people = [await self._data.complete(person) for person in await self._find(wanted)]
        if not people:
            return {}
        found = await self._data.documents(people)
        counts = {name: len(rows) for name, rows in found.items()}
        subject = await self._subject_of(*people)
        await self._audit.record("person.export", subject, after={"counts": counts})
        return found

    async def replay(self) -> int:
        """Erases again whom a restored backup brought back; returns the number of candidates.

        A candidate under a legal hold stays.
        """
        await self._erasures.finish_interrupted()
        hasher, hashes = await self._receipts.hasher(), await self._receipts.hashes()
        again: set[PersonIds] = set()
        async for person, addresses in self._people.everyone():
            ids = {hasher.of_id(identity) for identity in person.identities}
            if hashes & (ids | set(map(hasher.of_address, addresses))):
                again.add(person)
        await self._receipts.announce()
        erased = 0
        for person in sorted(again, key=lambda one: sorted(one.candidates)):
            if not person.candidates:
                await self._data.remove(person)
            elif not await self._holds.held(person):
                erased += (
                    await self._erasures.erase(await self._erasures.plan([person]))
                ).candidates
        return erased

    async def hold(self, wanted: PersonRequest, reason: str) -> int:
        """Keeps the person from being erased, and the rows from expiring; returns the number of candidates."""
        people = await self._find(wanted)
        for person in people:
            await self._audit.record("legal_hold.set", await self._subject_of(person))
            await self._held.set(person, reason)
        await self._refuse_if_being_erased(people)
        return sum(len(person.candidates) for person in people)

    async def _refuse_if_being_erased(self, people: Sequence[PersonIds]) -> None:
        """An erasure looks for holds after its request, and this looks for requests after the hold."""
        ours = {identity for person in people for identity in person.candidate_ids}
        for receipt in await self._receipts.unfinished():
            if any(not ours.isdisjoint(person.candidate_ids) for person in receipt.subject):
                raise UserError(
                    "an erasure of this person is under way",
                    remedy="look with `ats-sync legal-hold list` if the hold is there; set it again if not",
                )

    async def release(self, wanted: PersonRequest) -> int:
        """Ends the legal hold of a person; returns the number of holds."""
        released = 0
        for person in await self._find(wanted):
            await self._audit.record("legal_hold.release", await self._subject_of(person))
            released += await self._held.release(person)
        return released

    async def _subject_of(self, *people: PersonIds) -> str:
        """Returns the id of the receipt that an erasure of these candidates has: it names no one."""
        return str((await self._receipts.hasher()).receipt_id(people, "request"))

    async def _find(self, wanted: PersonRequest) -> Sequence[PersonIds]:
        if wanted.email is not None:
            return await self._people.holding(wanted.email)
        found = await self._people.named(wanted.candidate or "", integration=wanted.integration)
        if len(found) > 1:
            raise _several(wanted, len(found))
        return found

    async def _known_by(self, wanted: PersonRequest) -> Sequence[bytes]:
        """Returns the hashes that a receipt may have of the person."""
        hasher = await self._receipts.hasher()
        hashes = [hasher.of_address(address) for address in wanted.addresses]
        if wanted.candidate is not None:
            ids = await self._people.identities(wanted.candidate, integration=wanted.integration)
            hashes += [hasher.of_id(identity) for identity in ids]
        return hashes


def _several(wanted: PersonRequest, count: int) -> UserError:
    return UserError(
        f'"{wanted.candidate}" means a candidate in each of {count} integrations',
        remedy="name the integration",
    )
