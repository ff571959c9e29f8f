"""The context of one import run, shared by its steps."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from connectors.connector import Connector
from connectors.values import ListFacts
from daemon.core.attachments import AttachmentRules
from daemon.core.conflict import Policy
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import LeaseLost
from daemon.core.poll_state import ListingPass, PollState
from daemon.core.runs import Run, RunRequest
from daemon.core.webhook_health import Record
from daemon.importing.hashed_id_set import HashedIdSet
from daemon.ports.alerts import Alerts
from daemon.ports.analytics import SentValues
from daemon.ports.attachments import AttachmentQueue
from daemon.ports.clock import Clock
from daemon.ports.erasures import DeletedCandidateErasure, ErasedPeople
from daemon.ports.imports import (
    CandidateManagement,
    Checkpoints,
    Conflicts,
    FailedRecords,
    ImportHistory,
    PendingDetails,
    Pushes,
    Snapshots,
)
from daemon.ports.jobs import RunLog
from daemon.ports.webhooks import WebhookQueue

PAGES_AT_ONCE = 12
CHANGES_KEPT = 10_000
"""Changes of one poll that are compared with webhook events."""


class ImportPorts(msgspec.Struct, frozen=True):
    """The outside of an import, for one integration."""

    snapshots: Snapshots
    details: PendingDetails
    clearview: CandidateManagement
    history: ImportHistory
    failed: FailedRecords
    checkpoints: Checkpoints
    conflicts: Conflicts
    pushes: Pushes
    values: SentValues
    webhooks: WebhookQueue
    erased: ErasedPeople
    erasures: DeletedCandidateErasure
    attachments: AttachmentQueue
    runs: RunLog
    alerts: Alerts
    clock: Clock
    page_slots: asyncio.Semaphore = msgspec.field(
        default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE)
    )
    """The slots of pages that are being mapped or written: all imports of a process share them, so
    that many that begin together neither fill the memory nor keep leases from being renewed."""


class ImportRules(msgspec.Struct, frozen=True):
    """The operator's rules for this integration."""

    overlap: timedelta = timedelta(minutes=2)
    sweep_every: timedelta = timedelta(hours=24)
    conflicts: Policy = "ats_wins"
    deletions: Literal["mark", "ignore", "erase"] = "mark"
    max_percent: float = 10.0
    judges_webhooks: bool = False
    """Polls are rarer while webhooks are healthy: each poll judges them."""
    attachments: AttachmentRules = AttachmentRules()
    own_field: str | None = None
    """The field or tag that our analytics are written to: what comes back in it is our own."""


class ShownList(msgspec.Struct, frozen=True):
    """The records that a complete walk of one list has shown."""

    seen: HashedIdSet
    began_empty: bool
    """The list had no snapshot when the walk began."""


def peers_of(connector: Connector, facts: ListFacts) -> list[str]:
    """Names of the connector's other lists that hold the same kind of record."""
    same = (other for other in connector.lists if other.holds == facts.holds)
    return [other.name for other in same if other.name != facts.name]


@dataclass(slots=True)
class ImportContext:
    """One run under way."""

    connector: Connector
    integration_id: UUID
    ports: ImportPorts
    rules: ImportRules
    request: RunRequest
    run: Run
    state: PollState
    saved_at: datetime
    stored: Mapping[str, Any] | None
    """The state as it is stored now."""
    requests_before: int
    unmapped_stages: set[str] = field(default_factory=set)
    mapped: int = 0
    """Records that were mapped again in this run."""
    walked_everything: bool = False
    """Every list was walked to its end in this run."""
    unidentified: Counter[str] = field(default_factory=Counter)
    """By list: records without a usable id that this run was shown."""
    changed_records: set[Record] = field(default_factory=set)
    """The records that lists showed changed or gone, for the judgement of webhooks."""
    anonymised: set[str] = field(default_factory=set)
    """Candidates that the ATS has anonymised, as far as this run was shown."""
    erased_version: int = 0
    """The version of what this run knows of erased people."""
    shown: dict[str, ShownList] = field(default_factory=dict)
    """By list: what a complete walk of this run has shown, for the judgement of absences."""

    def note_changed(self, list_name: str, external_ids: Iterable[str]) -> None:
        """Takes records that are changed or gone; so many at most as one judgement needs."""
        if self.rules.judges_webhooks and len(self.changed_records) < CHANGES_KEPT:
            self.changed_records.update((list_name, external_id) for external_id in external_ids)

    @property
    def checkpoint_key(self) -> str:
        return f"poll:{self.connector.integration}"

    @property
    def of(self) -> IntegrationRef:
        """The integration that an alert is about."""
        return IntegrationRef(self.connector.integration, self.integration_id)

    @property
    def was_sweep(self) -> bool:
        """True once this run has listed everything there is, from the first page to the last."""
        details = self.run.details
        return self.walked_everything and bool(details.get("sweep")) and not details.get("resumed")

    @property
    def walk(self) -> ListingPass:
        """The pass under way."""
        if self.state.walk is None:
            raise AssertionError("no walk under way")
        return self.state.walk

    def require_lease(self) -> None:
        """Ends the run unless this replica still holds the lease.

        Raises:
            LeaseLost: the lease ran out, or the daemon is being stopped.
        """
        if not self.request.still_held():
            raise LeaseLost(f"{self.connector.integration} is held by another replica now")

    async def save(self) -> None:
        """Stores the state of the import, unless it is stored already.

        Raises:
            LeaseLost: another replica works on this integration now.
        """
        self.require_lease()
        value = self.state.to_value()
        if value == self.stored:
            return
        await self.ports.checkpoints.save(self.checkpoint_key, value, fence=self.request.fence)
        self.stored = value
        self.saved_at = self.ports.clock.now()
