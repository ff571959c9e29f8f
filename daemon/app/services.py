"""The objects that exist once in a process, on an open MongoDB."""

import asyncio
from datetime import timedelta

from pydantic import SecretStr

from config.encryption_key import encryption_keys
from config.operator_clearview import ClearView
from connectors.registry import SharedLimits
from daemon.attachments.context import FILES_AT_ONCE
from daemon.core.alert_policy import AlertPolicy
from daemon.core.erasure import PersonIds
from daemon.erasing.deleted_candidates import DeletedCandidatesRetention
from daemon.erasing.erasures import Erasures
from daemon.erasing.requests import HeldPeople, PersonRequests
from daemon.importing.context import PAGES_AT_ONCE
from daemon.ports.clock import Clock
from daemon.runtime.clock import SystemClock
from daemon.store.alerts import AlertStore
from daemon.store.audit_log import DAEMON, Actor, MongoAuditTrail
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.clearview_backends import ClearViewBackends
from daemon.store.connection import Mongo
from daemon.store.data_keys import DataKeys
from daemon.store.erasures import MongoErasedPeople, MongoReceipts, ReceiptArchive
from daemon.store.integration_data import MongoIntegrationData
from daemon.store.integrations import MongoIntegrations
from daemon.store.known_applications import MongoKnownApplications
from daemon.store.leases import MongoLeases
from daemon.store.outbox import MongoOutbox
from daemon.store.people import MongoDeletedCandidates, MongoLegalHolds, PersonAddresses
from daemon.store.person_data import MongoPersonData
from daemon.store.retention import MongoRetention
from daemon.store.runs import MongoRunLog
from daemon.store.secret_encryption import Keyring
from daemon.store.stored_integrations import MongoStoredIntegrations
from daemon.store.token_store import MongoTokenStore


class AppServices:
    """The objects that exist once in a process, on an open MongoDB."""

    def __init__(
        self,
        mongo: Mongo,
        clearview: ClearView | None = None,
        *,
        policy: AlertPolicy | None = None,
        actor: Actor = DAEMON,
        encryption_key: SecretStr | None = None,
    ) -> None:
        """`actor` is whom the audit log names; the key is that of the secrets in MongoDB."""
        self.mongo = mongo
        self.clearview = clearview or ClearView()
        """The settings of ClearView's services."""
        self.clock: Clock = SystemClock()
        self.policy = policy or AlertPolicy()
        self.limits = SharedLimits()
        self.page_slots = asyncio.Semaphore(PAGES_AT_ONCE)
        """One slot for each page that is being imported."""
        self.file_slots = asyncio.Semaphore(FILES_AT_ONCE)
        """One slot for each file that is held in memory."""
        clock, keyring = self.clock, None
        if encryption_key is not None:
            keyring = Keyring(encryption_keys(encryption_key.get_secret_value()))
            self.limits.token_store = MongoTokenStore(mongo, keyring, clock)
        self.stored = MongoStoredIntegrations(mongo, keyring, clock)
        self.services = ClearViewBackends(self.clearview, mongo, clock)
        self.leases = MongoLeases(mongo, clock)
        self.integration_data = MongoIntegrationData(mongo, self.leases, clock)
        self.alerts = AlertStore(mongo, clock, self.policy)
        self.runs = MongoRunLog(mongo, clock)
        self.checkpoints = MongoCheckpoints(mongo, clock)
        self.retention = MongoRetention(mongo)
        self.audit = MongoAuditTrail(mongo, clock, actor)
        self.integrations = MongoIntegrations(mongo, clock, audit=self.audit)
        keys = DataKeys(mongo, keyring, clock)
        self.people = MongoPersonData(mongo, self._erase_in_clearview)
        self.receipts = MongoReceipts(mongo, keys)
        self.archive = ReceiptArchive(mongo, keys)
        self.holds = MongoLegalHolds(mongo, clock)
        self.erased = MongoErasedPeople(mongo, keys, clock, self.people, self.holds)
        self.held = HeldPeople(self.holds, self.people)
        self.erasures = Erasures(self.people, self.receipts, self.holds, clock, audit=self.audit)
        self.outbox = MongoOutbox(mongo, erased=self.erased)
        self.known = MongoKnownApplications(mongo)

    def requests_by(self, audit: MongoAuditTrail) -> PersonRequests:
        """Returns what answers requests about people, in the name of an operator."""
        erasures = Erasures(self.people, self.receipts, self.holds, self.clock, audit=audit)
        return PersonRequests(
            PersonAddresses(self.mongo),
            self.people,
            self.receipts,
            erasures,
            self.holds,
            audit=audit,
        )

    async def erase_deleted_candidates(self, period: timedelta) -> int:
        """Erases candidates that have been marked deleted for longer; returns their number."""
        deleted = MongoDeletedCandidates(self.mongo)
        retention = DeletedCandidatesRetention(
            deleted, self.holds, self.erasures, self.leases, self.clock
        )
        return await retention.run(period)

    async def _erase_in_clearview(self, person: PersonIds) -> None:
        await self.services.candidates(person.integration).erase(person, at=self.clock.now())

    def use_clearview(self, clearview: ClearView) -> ClearViewBackends | None:
        """Applies edited settings of ClearView's services.

        Returns the services that are no longer used and have to be closed; None if nothing changed.
        """
        before, self.clearview = self.clearview, clearview
        if (before.candidates, before.analytics) == (clearview.candidates, clearview.analytics):
            return None
        old, self.services = self.services, ClearViewBackends(clearview, self.mongo, self.clock)
        return old
