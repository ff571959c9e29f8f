"""Applications, as ClearView holds them and as the ATS last reported them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from models.candidate import AtsRef
from models.status import ApplicationStatus


class ApplicationState(msgspec.Struct, frozen=True):
    """Status and stage of an application at the ATS."""

    status: ApplicationStatus
    stage: AtsRef


class KnownApplication(msgspec.Struct, frozen=True):
    """An application as its snapshot has it: the ATS's last report of it."""

    state: ApplicationState
    record: Mapping[str, Any]
    gone: bool = False
    import_id: UUID | None = None
    """The import that wrote the record."""
    seen_at: datetime | None = None
    imported_from: str | None = None
    """The status that this import replaced, if it changed it and no push has moved it since."""


class ApplicationInClearView(msgspec.Struct, frozen=True):
    """The part of ClearView's application that a push needs."""

    application_id: UUID
    integration_id: UUID | None
    external_id: str | None
    candidate_id: UUID | None
    status: str | None = None
    rejection_reason: str | None = None
    import_id: UUID | None = None
    """The import that wrote it last, where imports write here themselves."""
