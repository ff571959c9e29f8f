"""What the analytics export needs from the outside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec

from daemon.core.analytics import Period, Standpoint
from models.errors import AtsSyncError


class MetricsUnavailable(AtsSyncError):
    """The metrics could not be had; they may be later."""


class MetricsSource(Protocol):
    """Where hiring metrics come from: ClearView's data, or its Analytics Service."""

    async def metrics(self, integration_id: UUID, period: Period) -> Mapping[str, Any]:
        """The metrics object of one period.

        Raises:
            MetricsUnavailable: not now.
        """
        ...


class Standpoints(Protocol):
    """Every application of an integration as it stood at the end of a period."""

    def batches(
        self, integration_id: UUID, period: Period
    ) -> AsyncIterator[Sequence[Standpoint]]: ...


class SentValues(Protocol):
    """What the ATS was sent for each application, by application id."""

    async def any(self, integration_id: UUID, field_name: str) -> bool:
        """True if the field of this ATS has ever taken a value."""
        ...

    async def of(
        self, field_name: str, application_ids: Sequence[UUID]
    ) -> Mapping[UUID, str | None]:
        """None for an application whose value the ATS refused or lost."""
        ...

    async def remember(
        self, integration_id: UUID, application_id: UUID, field_name: str, value: str
    ) -> None: ...

    async def refuse(
        self, integration_id: UUID, application_id: UUID, field_name: str, period: Period
    ) -> bool:
        """Note that the ATS did not take the value: the next period sends it again.

        True if it did not take that of an earlier period either.
        """
        ...

    async def expect(self, integration_id: UUID, external_id: str) -> None:
        """Have the application's record compared when it is read next, even if it is unchanged."""
        ...

    async def compare(
        self, field_name: str, shown: Mapping[UUID, str | None], *, asked_at: datetime
    ) -> frozenset[UUID]:
        """Forget values that the ATS does not show, so that they are sent again.

        `shown` is by application. Those whose value was sent after `asked_at` come back: nothing
        can be said of them yet.
        """
        ...


class Attempts(msgspec.Struct, frozen=True):
    """How often a period's export was tried, and when last."""

    count: int = 0
    last_at: datetime | None = None
    exported_until: datetime | None = None
    """The end of the period as it was exported; None while it is not."""


class ExportLog(Protocol):
    """`analytics_export_log`: one document per period and integration."""

    async def attempts(self, integration_id: UUID, period: Period) -> Attempts: ...

    async def record(
        self,
        integration_id: UUID,
        period: Period,
        *,
        status: Literal["Success", "Failed"],
        metrics: Mapping[str, Any],
        sent: int = 0,
        error: str | None = None,
    ) -> None:
        """A success is never overwritten; each failure counts as one more attempt."""
        ...


class ExportPosition(Protocol):
    """How far an integration's periods are exported: the checkpoint `export:<name>`."""

    async def load(self, integration: str) -> datetime | None: ...

    async def save(self, integration: str, until: datetime, *, fence: int) -> None:
        """Raises LeaseLost when a later holder has written."""
        ...
