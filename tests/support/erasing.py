"""Erasures wired to a real MongoDB."""

from dataclasses import dataclass

from daemon.core.erasure import PersonIds
from daemon.erasing.erasures import Erasures
from daemon.erasing.requests import PersonRequests
from daemon.ports.clock import Clock
from daemon.store.audit_log import Actor, MongoAuditTrail
from daemon.store.clearview_candidates import MongoCandidateManagement
from daemon.store.connection import Mongo
from daemon.store.data_keys import DataKeys
from daemon.store.erasures import MongoErasedPeople, MongoReceipts, ReceiptArchive
from daemon.store.people import MongoLegalHolds, PersonAddresses
from daemon.store.person_data import MongoPersonData
from daemon.store.secret_encryption import Keyring


@dataclass(frozen=True, slots=True)
class Erasing:
    """One process's view of erasures."""

    data: MongoPersonData
    receipts: MongoReceipts
    erased: MongoErasedPeople
    erasures: Erasures
    holds: MongoLegalHolds
    archive: ReceiptArchive
    people: PersonAddresses
    audit: MongoAuditTrail

    def requests(self) -> PersonRequests:
        return PersonRequests(
            self.people, self.data, self.receipts, self.erasures, self.holds, audit=self.audit
        )


def erasing(mongo: Mongo, clock: Clock, keyring: Keyring | None = None) -> Erasing:
    async def erase_in_clearview(person: PersonIds) -> None:
        clearview = MongoCandidateManagement(mongo, person.integration)
        await clearview.erase(person, at=clock.now())

    keys = DataKeys(mongo, keyring, clock)
    data = MongoPersonData(mongo, erase_in_clearview)
    receipts = MongoReceipts(mongo, keys)
    holds = MongoLegalHolds(mongo, clock)
    erased = MongoErasedPeople(mongo, keys, clock, data, holds)
    audit = MongoAuditTrail(mongo, clock, Actor("tester", "cli"))
    erasures = Erasures(data, receipts, holds, clock, audit=audit)
    return Erasing(
        data,
        receipts,
        erased,
        erasures,
        holds,
        ReceiptArchive(mongo, keys),
        PersonAddresses(mongo),
        audit,
    )
