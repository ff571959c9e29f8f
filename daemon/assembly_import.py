"""What imports are made of: all that a command such as `poll` needs, and no more.

The rest of the daemon takes a third of a command's start to load.
"""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import SecretStr

from config.encryption_key import encryption_keys
from config.loading import Loaded
from config.operator import Integration, OperatorConfig
from config.operator_clearview import ClearView
from connectors.http.token_store import TokenStore
from connectors.registry import SharedLimits
from daemon.core.alert_policy import AlertPolicy
from daemon.core.exported_field import DEFAULT_FIELD
from daemon.importing.context import PAGES_AT_ONCE, ImportPorts, ImportRules
from daemon.ports.clock import Clock
from daemon.runtime.clock import SystemClock
from daemon.store.alerts import AlertStore
from daemon.store.analytics_values import MongoSentValues
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.clearview_services import ClearViewServices
from daemon.store.conflict_log import MongoConflictLog
from daemon.store.connection import Mongo
from daemon.store.encryption import Keyring
from daemon.store.failed_records import MongoFailedRecords
from daemon.store.import_history import MongoImportHistory
from daemon.store.integrations import MongoIntegrations
from daemon.store.leases import MongoLeases
from daemon.store.lost_pushes import MongoLostPushes
from daemon.store.runs import MongoRunLog
from daemon.store.snapshots import MongoSnapshots
from daemon.store.token_file import FileTokenStore
from daemon.store.token_store import MongoTokenStore


@dataclass(slots=True)
class ImportParts:
    """What all imports of a process use: one of each."""

    mongo: Mongo
    clearview: ClearView = field(default_factory=ClearView)
    """How ClearView's services are reached."""
    clock: Clock = field(default_factory=SystemClock)
    policy: AlertPolicy = field(default_factory=AlertPolicy)
    encryption_key: SecretStr | None = None
    """Of refresh tokens in MongoDB."""
    commons: SharedLimits = field(default_factory=SharedLimits)
    pages: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))
    """Room for pages that are being imported."""
    services: ClearViewServices = field(init=False)
    leases: MongoLeases = field(init=False)
    alerts: AlertStore = field(init=False)
    runs: MongoRunLog = field(init=False)
    checkpoints: MongoCheckpoints = field(init=False)
    integrations: MongoIntegrations = field(init=False)

    def __post_init__(self) -> None:
        if self.encryption_key is not None:
            keys = encryption_keys(self.encryption_key.get_secret_value())
            self.commons.token_store = MongoTokenStore(self.mongo, Keyring(keys), self.clock)
        self.services = ClearViewServices(self.clearview, self.mongo, self.clock)
        self.leases = MongoLeases(self.mongo, self.clock)
        self.alerts = AlertStore(self.mongo, self.clock, self.policy)
        self.runs = MongoRunLog(self.mongo, self.clock)
        self.checkpoints = MongoCheckpoints(self.mongo, self.clock)
        self.integrations = MongoIntegrations(self.mongo, self.clock)

    def reach(self, clearview: ClearView) -> ClearViewServices | None:
        """Reach ClearView's services as this says from now on; returns the old ones, to be closed.

        None where nothing has changed for them.
        """
        before, self.clearview = self.clearview, clearview
        if (before.candidates, before.analytics) == (clearview.candidates, clearview.analytics):
            return None
        old, self.services = self.services, ClearViewServices(clearview, self.mongo, self.clock)
        return old


def token_store_of(
    shared: ImportParts, loaded: Loaded[OperatorConfig], name: str
) -> TokenStore | None:
    """The file in which this integration's tokens are kept; None: where those of all others are."""
    path = loaded.value.integrations[name].token_file
    return (
        None if path is None else FileTokenStore(loaded.document.path.parent / path, shared.clock)
    )


def import_ports(shared: ImportParts, identity: UUID) -> ImportPorts:
    """The outside of one integration's import."""
    mongo = shared.mongo
    return ImportPorts(
        snapshots=MongoSnapshots(mongo, identity),
        clearview=shared.services.candidates(identity),
        history=MongoImportHistory(mongo, identity),
        failed=MongoFailedRecords(mongo, identity),
        checkpoints=shared.checkpoints,
        conflicts=MongoConflictLog(mongo, identity),
        pushes=MongoLostPushes(mongo),
        values=MongoSentValues(mongo, shared.clock),
        runs=shared.runs,
        alerts=shared.alerts,
        clock=shared.clock,
        page_slots=shared.pages,
    )


def import_rules(wanted: Integration) -> ImportRules:
    """What the operator decided about imports."""
    return ImportRules(
        overlap=wanted.poll.overlap,
        sweep_every=wanted.poll.sweep_every,
        conflicts=wanted.push.conflicts,
        deletions=wanted.deletions.policy,
        max_percent=wanted.deletions.max_percent,
        own_field=None if wanted.analytics is None else wanted.analytics.field or DEFAULT_FIELD,
    )
