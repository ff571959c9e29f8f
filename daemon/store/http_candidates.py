"""ClearView's Candidate Management Service over HTTP (`candidates: {mode: http}`).

Writes go to the service in idempotent batches. Present statuses and the owners of applications are
read from ClearView's MongoDB, where the daemon watches for changes; the owner of an application that
is not there yet is the candidate that the ATS names.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from daemon.core.clearview_batch import ClearViewBatch, ClearViewOutcome
from daemon.core.erasure import PersonIds
from daemon.core.service_errors import ServiceFailed, ServiceUnavailable
from daemon.store.clearview_candidates import STATUS_FIELDS, CandidateReader
from daemon.store.connection import Mongo
from daemon.store.http_candidate_orders import (
    ApplicationOrder,
    CandidateOrder,
    Owner,
    RecordResults,
    orders_of,
)
from daemon.store.http_service import ClearViewHttp
from daemon.store.known_applications import MongoKnownApplications
from models.documents.clearview_values import as_uuid, identity, plain_text
from models.ids import application_id, candidate_id, derived_id

MAX_BATCH = 500
ABOUT_THE_RECORDS = frozenset({400, 409, 412, 413, 422})
"""Refusals that may concern one record of a batch: it is looked for by halving the batch."""


class HttpCandidateManagement(CandidateReader):
    """One integration's part of the service, which alone writes; ClearView's MongoDB is only read."""

    def __init__(
        self,
        service: ClearViewHttp,
        mongo: Mongo,
        integration_id: UUID,
        *,
        max_batch: int = MAX_BATCH,
    ) -> None:
        super().__init__(mongo, integration_id)
        self._service = service
        self._at_the_ats = MongoKnownApplications(mongo)
        self._max_batch = max_batch

    async def apply(self, batch: ClearViewBatch) -> ClearViewOutcome:
        """Writes one page.

        Raises:
            ServiceUnavailable: the service is down; the page may be written again.
        """
        owners = await self._owners([patch.external_id for patch in batch.application_patches])
        orders, ownerless = orders_of(batch, self._integration, owners)
        results = RecordResults(
            dict.fromkeys(ownerless, "ClearView does not know the application.")
        )
        await self._send_all(orders, batch.import_id, results)
        if results.moved:
            again = [_without_status(order, results.moved) for order in orders]
            touched = [order for order in again if order.applications]
            await self._send_all(touched, batch.import_id, results)
        return results.outcome()

    async def _owners(self, external_ids: Sequence[str]) -> Mapping[str, Owner]:
        if not external_ids:
            return {}
        found = await self._owners_in_clearview(external_ids)
        missing = [external_id for external_id in external_ids if external_id not in found]
        if not missing:
            return found
        at_the_ats = await self._at_the_ats.load(self._integration, missing)
        named = {key: str(one.record["candidate_external_id"]) for key, one in at_the_ats.items()}
        return {
            **found,
            **{key: Owner(candidate_id(self._integration, of), of) for key, of in named.items()},
        }

    async def _owners_in_clearview(self, external_ids: Sequence[str]) -> Mapping[str, Owner]:
        ids = {application_id(self._integration, e): e for e in external_ids}
        owner = [{"$project": {"external_id": plain_text("$external_id")}}]
        cursor = await self._applications.aggregate(
            [
                {"$match": {"_id": {"$in": list(ids)}}},
                {"$project": {"candidate_id": identity("$candidate_id")}},
                {
                    "$lookup": {
                        "from": "candidates",
                        "localField": "candidate_id",
                        "foreignField": "_id",
                        "pipeline": owner,
                        "as": "owner",
                    }
                },
                {"$unwind": "$owner"},
                {"$match": {"owner.external_id": {"$ne": None}}},
                {"$project": {"owner": {"_id": identity("$owner._id"), "external_id": 1}}},
            ]
        )
        return {
            ids[row["_id"]]: Owner(owner_id, row["owner"]["external_id"])
            async for row in cursor
            if (owner_id := as_uuid(row["owner"]["_id"])) is not None
        }

    async def _send_all(
        self, orders: Sequence[CandidateOrder], import_id: UUID, results: RecordResults
    ) -> None:
        for start in range(0, len(orders), self._max_batch):
            await self._send(orders[start : start + self._max_batch], import_id, results)

    async def _send(
        self, orders: Sequence[CandidateOrder], import_id: UUID, results: RecordResults
    ) -> None:
        """Sends one request; a batch that is refused as a whole is halved until the refused record is found."""
        body = {"candidates": [order.body(import_id) for order in orders]}
        try:
            answer = await self._service.post(
                "/candidates:batchUpsert", body, key=_key(import_id, body)
            )
        except ServiceUnavailable:
            raise
        except ServiceFailed as error:
            if error.status not in ABOUT_THE_RECORDS:
                raise
            if len(orders) == 1:
                results.refuse(orders[0], str(error))
                return
            half = len(orders) // 2
            await self._send(orders[:half], import_id, results)
            await self._send(orders[half:], import_id, results)
        else:
            results.read(orders, _results(answer))

    async def delete(
        self,
        *,
        candidates: Sequence[str],
        applications: Sequence[str],
        at: datetime,
        import_id: UUID,
    ) -> Mapping[str, str]:
        """Marks as deleted; documents that are marked already, or unknown to ClearView, stay as they are."""
        order: dict[str, Any] = {"deleted_at": at, "import_id": import_id}
        for external_id in candidates:
            await self._delete(candidate_id(self._integration, external_id), order, import_id)
        owners = await self._owners(applications)
        for owner, ids in self._by_owner(owners).items():
            await self._delete(owner, {**order, "applications": ids}, import_id)
        return {}

    async def erase(self, person: PersonIds, *, at: datetime) -> None:
        """Reports each candidate as deleted: what the service keeps is the service's to erase."""
        import_id = uuid4()
        for candidate in sorted(person.candidate_ids):
            await self._delete(candidate, {"deleted_at": at, "import_id": import_id}, import_id)

    def _by_owner(self, owners: Mapping[str, Owner]) -> dict[UUID, list[UUID]]:
        groups: dict[UUID, list[UUID]] = {}
        for external_id, owner in owners.items():
            groups.setdefault(owner.id, []).append(application_id(self._integration, external_id))
        return groups

    async def _delete(self, candidate: UUID, order: Mapping[str, Any], import_id: UUID) -> None:
        key = _key(import_id, {"candidate": candidate, **order})
        try:
            await self._service.post(f"/candidates/{candidate}:delete", order, key=key)
        except ServiceFailed as error:
            if error.status != 404:
                raise


def _without_status(order: CandidateOrder, moved: Iterable[str]) -> CandidateOrder:
    """Returns the applications whose status had changed, with all other fields of the order."""
    again = [
        ApplicationOrder(
            a.id,
            a.external_id,
            {k: v for k, v in a.fields.items() if k not in STATUS_FIELDS},
            unset=a.unset,
        )
        for a in order.applications
        if a.external_id in moved
    ]
    return CandidateOrder(order.id, order.integration_id, order.external_id, {}, applications=again)


def _key(import_id: UUID, body: object) -> str:
    """Derives the key of a request: the same content of the same import is the same request."""
    digest = hashlib.sha256(msgspec.json.encode(body)).hexdigest()
    return str(derived_id(import_id, "request", digest))


def _results(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    results = answer.get("results")
    if not isinstance(results, list):
        raise ServiceUnavailable("The Candidate Management Service answered without results.")
    return results
