"""Ports of the analytics export."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from daemon.core.analytics import Attempts, Period, Standpoint


class MetricsSource(Protocol):
    """Source of the hiring metrics: ClearView's data, or its Analytics Service."""

    async def metrics(self, integration_id: UUID, period: Period) -> Mapping[str, Any]:
        """Returns the metrics object of one period.

        Raises:
            MetricsUnavailable: the source cannot be reached, or does not count now.
        """


class Standpoints(Protocol):
    """Every application of an integration as it stood at the end of a period."""

    def batches(
        self, integration_id: UUID, period: Period
    ) -> AsyncIterator[Sequence[Standpoint]]: ...


class SentValues(Protocol):
    """Values that the ATS was sent, by application id."""

    async def any(self, integration_id: UUID, field_name: str) -> bool:
        """Returns True if the field of this ATS has ever taken a value."""

    async def of(
        self, field_name: str, application_ids: Sequence[UUID]
    ) -> Mapping[UUID, str | None]:
        """Returns the values; None for an application whose value the ATS refused or lost."""

    async def remember(
        self, integration_id: UUID, application_id: UUID, field_name: str, value: str
    ) -> None: ...

    async def refuse(
        self, integration_id: UUID, application_id: UUID, field_name: str, period: Period
    ) -> bool:
        """Notes that the ATS refused the value, so that the next period sends it again.

        Returns True if it refused that of an earlier period, too.
        """

    async def expect(self, integration_id: UUID, external_id: str) -> None:
        """Has the application's record compared when it is read next, even if it is unchanged."""

    async def compare(
        self, field_name: str, shown: Mapping[UUID, str | None], *, asked_at: datetime
    ) -> frozenset[UUID]:
        """Forgets values that the ATS does not show, so that they are sent again.

        `shown` is by application. Returns the applications whose value was sent after `asked_at`:
        they cannot be judged yet.
        """


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
        """Stores one attempt; a success is never overwritten."""


class ExportPosition(Protocol):
    """The end of the last exported period: the checkpoint `export:<name>`."""

    async def load(self, integration: str) -> datetime | None: ...

    async def save(self, integration: str, until: datetime, *, fence: int) -> None:
        """Raises LeaseLost when a holder with a later fencing token has written."""
