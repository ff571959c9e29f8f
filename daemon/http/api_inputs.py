"""The inputs of `/api/v1`: queries and bodies."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from daemon.core.integrations import State
from daemon.http.operations import Limit, Moment
from models.documents.outbox import OutboxState
from models.documents.sync_run import Job, RunOutcome

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Cursor = Annotated[
    str,
    msgspec.Meta(max_length=200, description="`next` of the answer before: its next rows."),
]


class TrialQuery(msgspec.Struct):
    """Options of an addition, and of a change."""

    dry_run: bool = False


class RemoveQuery(msgspec.Struct):
    """Options of a removal."""

    purge: bool = False


class PageQuery(msgspec.Struct, kw_only=True):
    """Which part of a list, after its own filters."""

    cursor: Cursor | None = None
    limit: Limit = 100


class IntegrationsQuery(msgspec.Struct):
    """Which integrations."""

    state: State | None = None
    connector: Text | None = None
    limit: Limit = 100


class RunsQuery(PageQuery):
    """Which runs."""

    integration: Text | None = None
    job: Job | None = None
    outcome: RunOutcome | None = None
    before: Moment | None = None


class OutboxQuery(PageQuery):
    """Which pushes."""

    state: OutboxState | None = None
    integration: Text | None = None
    application: UUID | None = None
    before: Moment | None = None


class AlertsQuery(PageQuery):
    """Which alerts."""

    state: Literal["open", "resolved", "all"] = "open"
    integration: Text | None = None
    kind: Text | None = None


class ImportsQuery(PageQuery):
    """Which imports."""

    integration: Text
    status: Literal["Success", "Failed"] | None = None
    candidate: UUID | None = None
    since: Moment | None = None


class StatusUpdatesQuery(PageQuery):
    """Which outcomes of status changes."""

    integration: Text
    outcome: Literal["Success", "Failed", "Skipped"] | None = None
    application: UUID | None = None
    since: Moment | None = None


class HistoryQuery(msgspec.Struct):
    """Whose id it is."""

    integration: Text | None = None


class SweepBody(msgspec.Struct, forbid_unknown_fields=True):
    """Options of a complete listing."""

    accept_deletions: bool = False


class PauseBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why."""

    reason: Text = "paused by the API"


class PersonBody(msgspec.Struct, forbid_unknown_fields=True):
    """One person: by `candidate` or by `email`."""

    candidate: Text | None = None
    email: Text | None = None
    integration: Text | None = None


class ErasureBody(PersonBody):
    """Whom to erase: by `candidate` or by `email`."""

    dry_run: bool = False


class MuteBody(msgspec.Struct, forbid_unknown_fields=True):
    """The length or the end of a mute."""

    for_: Text | None = msgspec.field(default=None, name="for")
    until: Text | None = None
