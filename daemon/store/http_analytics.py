"""ClearView's Analytics Service as the source of metrics (`analytics: {mode: http}`)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from daemon.core.analytics import MetricsUnavailable, Period
from daemon.core.service_errors import ServiceFailed
from daemon.store.http_service import ClearViewHttp
from models.times import iso


class HttpMetrics:
    """Implements `daemon.ports.analytics.MetricsSource` over HTTP."""

    def __init__(self, service: ClearViewHttp) -> None:
        self._service = service

    async def metrics(self, integration_id: UUID, period: Period) -> Mapping[str, Any]:
        """Returns the metrics object of one period, as the service counts it.

        Raises:
            MetricsUnavailable: the service cannot be reached, or refuses.
        """
        asked = {"from": iso(period.start), "to": iso(period.end)}
        query = {"integration_id": str(integration_id), **asked}
        try:
            answer = await self._service.get("/analytics/hiring", query)
        except ServiceFailed as error:
            raise MetricsUnavailable(f"{error}") from error
        # A report that goes to an ATS or a terminal says of when it is, even if the service does not.
        return {"period": asked, **answer}
