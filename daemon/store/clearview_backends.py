"""ClearView's Candidate Management and Analytics, by MongoDB or by HTTP as the operator decided."""

from uuid import UUID

from config.operator_clearview import ByHttp, ClearView, Service
from connectors.http.outbound import rules_of
from daemon.ports.analytics import MetricsSource
from daemon.ports.attachments import FileShelf
from daemon.ports.clock import Clock
from daemon.ports.imports import CandidateManagement
from daemon.store.analytics import MongoMetrics
from daemon.store.attachment_files import GridFSShelf
from daemon.store.clearview_candidates import MongoCandidateManagement
from daemon.store.connection import Mongo
from daemon.store.http_analytics import HttpMetrics
from daemon.store.http_attachments import HttpShelf
from daemon.store.http_candidates import HttpCandidateManagement
from daemon.store.http_service import ClearViewHttp


class ClearViewBackends:
    """One HTTP client for each service in `mode: http`, shared by all integrations."""

    def __init__(self, clearview: ClearView, mongo: Mongo, clock: Clock) -> None:
        self._mongo = mongo
        self._candidates = service_client(
            "The Candidate Management Service", clearview.candidates, clock
        )
        self._analytics = service_client("The Analytics Service", clearview.analytics, clock)

    def candidates(self, integration_id: UUID) -> CandidateManagement:
        """Returns the service that takes one integration's candidates."""
        if self._candidates is None:
            return MongoCandidateManagement(self._mongo, integration_id)
        return HttpCandidateManagement(self._candidates, self._mongo, integration_id)

    def shelf(self, integration_id: UUID) -> FileShelf:
        """Returns where copies of one integration's files are kept."""
        if self._candidates is None:
            return GridFSShelf(self._mongo, integration_id)
        return HttpShelf(self._candidates)

    @property
    def metrics(self) -> MetricsSource:
        """The source of hiring metrics."""
        if self._analytics is None:
            return MongoMetrics(self._mongo)
        return HttpMetrics(self._analytics)

    async def close(self) -> None:
        for client in (self._candidates, self._analytics):
            if client is not None:
                await client.close()


def service_client(name: str, service: Service, clock: Clock) -> ClearViewHttp | None:
    """Returns a client of the service; None for one in `mode: mongodb`."""
    if not isinstance(service, ByHttp):
        return None
    outbound = rules_of(service, [service.url])
    token = service.token.get_secret_value()
    return ClearViewHttp(name, service.url, token, clock=clock, outbound=outbound)
