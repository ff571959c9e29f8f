"""ClearView's Candidate Management and Analytics, by MongoDB or by HTTP as the operator decided."""

import base64
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from config.operator_clearview import ByHttp, ClearView, Service
from connectors.http.outbound import rules_of
from daemon.core.analytics import MetricsUnavailable, Period
from daemon.core.attachments import FileFacts, FileToFetch
from daemon.core.service_errors import ServiceFailed
from daemon.ports.analytics import MetricsSource
from daemon.ports.attachments import FileShelf
from daemon.ports.clock import Clock
from daemon.ports.imports import CandidateManagement
from daemon.store.attachment_files import GridFSShelf
from daemon.store.clearview_candidates import MongoCandidateManagement
from daemon.store.connection import Mongo
from daemon.store.hiring_metrics import MongoMetrics
from daemon.store.http_candidates import HttpCandidateManagement
from daemon.store.http_service import ClearViewHttp
from models.times import iso


class HttpMetrics:
    """ClearView's Analytics Service, as `daemon.ports.analytics.MetricsSource` (`analytics: {mode: http}`)."""

    def __init__(self, service: ClearViewHttp) -> None:
        self._service = service

    async def metrics(self, integration_id: UUID, period: Period) -> Mapping[str, Any]:
        asked = {"from": iso(period.start), "to": iso(period.end)}
        query = {"integration_id": str(integration_id), **asked}
        try:
            answer = await self._service.get("/analytics/hiring", query)
        except ServiceFailed as error:
            raise MetricsUnavailable(f"{error}") from error
        # A report that goes to an ATS or a terminal says of when it is, even if the service does not.
        return {"period": asked, **answer}


class HttpShelf:
    """The Candidate Management Service's files, as `daemon.ports.attachments.FileShelf` (`candidates: {mode: http}`).

    The service keeps each file with its attachment, and deletes it with that or with the candidate.
    """

    def __init__(self, service: ClearViewHttp) -> None:
        self._service = service

    async def keep(self, file: FileToFetch, facts: FileFacts, content: bytes) -> None:
        """Sends a file to its attachment."""
        digest = base64.b64encode(bytes.fromhex(facts.sha256)).decode()
        await self._service.put_file(
            f"/candidates/{file.candidate_id}/attachments/{quote(file.external_id, safe='')}",
            content,
            headers={"Content-Type": facts.content_type, "Repr-Digest": f"sha-256=:{digest}:"},
        )

    async def publish(self, file: FileToFetch, facts: FileFacts, *, at: datetime) -> bool:  # noqa: ARG002 (a port)
        """Returns True: the service has the file with its attachment already."""
        return True

    async def retract(self, file: FileToFetch) -> None:
        """Nothing: the service does it."""

    async def discard(self, copies: Collection[UUID]) -> None:
        """Nothing: the service does it."""


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
