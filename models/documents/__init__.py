"""Beanie documents: the shape and the indexes of every collection, and no behaviour."""

from beanie import Document

from models.documents.alert import Alert, AlertMute, NotificationDelivery
from models.documents.analytics import AnalyticsExportLog, AnalyticsValue
from models.documents.attachment import QueuedFile
from models.documents.audit_entry import AuditEntry
from models.documents.change import CandidateChange
from models.documents.clearview import ClearViewApplication, ClearViewCandidate
from models.documents.conflict import Conflict
from models.documents.erasure import DataKey, Erasure, LegalHold
from models.documents.failed_record import FailedRecord
from models.documents.import_log import CandidateImportLog
from models.documents.integration import IntegrationSettings
from models.documents.lease import Checkpoint, Lease
from models.documents.migration import AppliedMigration
from models.documents.oauth_token import OAuthToken
from models.documents.outbox import StatusOutboxEntry
from models.documents.snapshot import CandidateSnapshot
from models.documents.status_update_log import StatusUpdateLog
from models.documents.sync_run import SyncRun
from models.documents.webhook_event import WebhookEvent

OWN_DOCUMENTS: tuple[type[Document], ...] = (
    Alert,
    AlertMute,
    AnalyticsExportLog,
    AnalyticsValue,
    AppliedMigration,
    AuditEntry,
    CandidateChange,
    CandidateImportLog,
    CandidateSnapshot,
    Checkpoint,
    Conflict,
    DataKey,
    Erasure,
    FailedRecord,
    IntegrationSettings,
    Lease,
    LegalHold,
    NotificationDelivery,
    OAuthToken,
    QueuedFile,
    StatusOutboxEntry,
    StatusUpdateLog,
    SyncRun,
    WebhookEvent,
)
"""Every collection of the service's own database."""

CLEARVIEW_DOCUMENTS: tuple[type[Document], ...] = (ClearViewCandidate, ClearViewApplication)
"""The collections of ClearView's database that the daemon writes."""
