"""Requests about a person, as people word them: an id of a candidate, or an e-mail address."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from daemon.core.erasure import ErasureReceipt, PersonIds
from daemon.erasing.erasures import Erasures
from daemon.ports.audit import AuditTrail
from daemon.ports.erasures import People, PersonData, Receipts
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


class PersonRequests:
    """Answers requests about people: erase them, or show everything that is held."""

    def __init__(
        self,
        people: People,
        data: PersonData,
        receipts: Receipts,
        erasures: Erasures,
        *,
        audit: AuditTrail,
    ) -> None:
        self._audit = audit
        self._people = people
        self._data = data
        self._receipts = receipts
        self._erasures = erasures

    async def plan(self, wanted: PersonRequest) -> ErasureReceipt | None:
        """Returns the receipt as it would be; None if nothing is held about the person.

        Raises:
            UserError: the id means candidates of several integrations.
        """
        people = await self._find(wanted)
        if not people:
            return None
        return await self._erasures.plan(people, addresses=wanted.addresses)

    async def erase(self, wanted: PersonRequest) -> ErasureReceipt | None:
        """Erases the person; returns the receipt, an earlier one if nothing is held any more.

        None: nothing is held about the person, and nothing was.
        """
        await self._erasures.finish_interrupted()
        planned = await self.plan(wanted)
        if planned is None:
            return await self._earlier(wanted)
        return await self._erasures.erase(planned)

    async def documents(self, wanted: PersonRequest) -> Mapping[str, list[dict[str, Any]]]:
        """Returns all that is held, by collection."""
        people = [await self._data.complete(person) for person in await self._find(wanted)]
        if not people:
            return {}
        # The id of the receipt that an erasure of the same candidates has: it names no one.
        subject = (await self._receipts.hasher()).receipt_id(people, "request")
        found = await self._data.documents(people)
        counts = {name: len(rows) for name, rows in found.items()}
        await self._audit.record("person.export", str(subject), after={"counts": counts})
        return found

    async def _find(self, wanted: PersonRequest) -> Sequence[PersonIds]:
        if wanted.email is not None:
            return await self._people.holding(wanted.email)
        found = await self._people.named(wanted.candidate or "", integration=wanted.integration)
        if len(found) > 1:
            raise UserError(
                f'"{wanted.candidate}" means a candidate in each of {len(found)} integrations',
                remedy="name the integration",
            )
        return found

    async def _earlier(self, wanted: PersonRequest) -> ErasureReceipt | None:
        hasher = await self._receipts.hasher()
        hashes = [hasher.of_address(address) for address in wanted.addresses]
        if wanted.candidate is not None:
            ids = await self._people.identities(wanted.candidate)
            hashes += [hasher.of_id(identity) for identity in ids]
        return next(iter(await self._receipts.matching(hashes)), None)
