"""The orders of one page of an import to the Candidate Management Service, and its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from daemon.core.clearview_batch import ClearViewBatch, ClearViewOutcome
from daemon.core.snapshot import Record
from models.candidate import CandidateRecord
from models.ids import application_id, candidate_id

STATUS_MOVED = "status_moved"
NOT_SENT = frozenset({"external_id", "candidate_external_id"})
CUSTOM = "custom_fields."


class Owner(msgspec.Struct, frozen=True):
    """The candidate that an application belongs to."""

    id: UUID
    external_id: str


@dataclass(slots=True)
class ApplicationOrder:
    """One application's part of an order."""

    id: UUID
    external_id: str
    fields: dict[str, Any]
    unset: Sequence[str] = ()
    is_new: bool = False
    expected_status: str | None = None

    def body(self) -> dict[str, Any]:
        """Returns the JSON object for the service."""
        body = {"id": self.id, "external_id": self.external_id, **self.fields}
        body |= {"unset": list(self.unset)} if self.unset else {}
        body |= {"if_absent": True} if self.is_new else {}
        body |= {"expected_status": self.expected_status} if self.expected_status else {}
        return body


@dataclass(slots=True)
class CandidateOrder:
    """One candidate, with the applications that come along."""

    id: UUID
    integration_id: UUID
    external_id: str
    fields: dict[str, Any] = field(default_factory=dict)
    unset: Sequence[str] = ()
    is_new: bool = False
    applications: list[ApplicationOrder] = field(default_factory=list)

    def body(self, import_id: UUID) -> dict[str, Any]:
        """Returns the JSON object for the service."""
        body = {
            "id": self.id,
            "integration_id": self.integration_id,
            "external_id": self.external_id,
            "import_id": import_id,
            **self.fields,
        }
        body |= {"unset": list(self.unset)} if self.unset else {}
        body |= {"if_absent": True} if self.is_new else {}
        if self.applications:
            body["applications"] = [application.body() for application in self.applications]
        return body


def orders_of(
    batch: ClearViewBatch, integration: UUID, owners: Mapping[str, Owner]
) -> tuple[list[CandidateOrder], list[str]]:
    """Returns one order for each candidate of the page, and the applications without an owner."""
    orders = _Orders(integration)
    for record in batch.new_candidates:
        order = orders.of(str(record["external_id"]))
        order.fields, order.is_new = _fields(record), True
    for patch in batch.candidate_patches:
        order = orders.of(patch.external_id)
        order.fields, order.unset = _nested(patch.set), patch.unset
    for record in batch.new_applications:
        owner = orders.of(str(record["candidate_external_id"]))
        owner.applications.append(orders.application(record["external_id"], record, is_new=True))
    ownerless = []
    for patch in batch.application_patches:
        named = patch.set.get("candidate_external_id")
        known = owners.get(patch.external_id)
        if named is None and known is None:
            ownerless.append(patch.external_id)
            continue
        owner = orders.of(str(named or (known.external_id if known else "")))
        application = orders.application(patch.external_id, patch.set, is_new=False)
        application.unset, application.expected_status = patch.unset, patch.expected_status
        owner.applications.append(application)
    return list(orders.by_candidate.values()), ownerless


class _Orders:
    def __init__(self, integration: UUID) -> None:
        self._integration = integration
        self.by_candidate: dict[str, CandidateOrder] = {}

    def of(self, external_id: str) -> CandidateOrder:
        key = candidate_id(self._integration, external_id)
        new = CandidateOrder(key, self._integration, external_id)
        return self.by_candidate.setdefault(external_id, new)

    def application(self, external_id: str, fields: Record, *, is_new: bool) -> ApplicationOrder:
        key = application_id(self._integration, external_id)
        return ApplicationOrder(key, external_id, _nested(_fields(fields)), is_new=is_new)


def _fields(record: Record | CandidateRecord) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in NOT_SENT}


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Custom fields that are set one by one, as the object that the service merges."""
    nested = {k: v for k, v in fields.items() if not k.startswith(CUSTOM)}
    custom = {k.removeprefix(CUSTOM): v for k, v in fields.items() if k.startswith(CUSTOM)}
    return nested | ({"custom_fields": custom} if custom else {})


_WRITTEN = ("created", "updated", "unchanged")
_NO_RESULT: Mapping[str, Any] = {"status": "failed", "error": "no result"}


def _by_id(results: object) -> dict[str, Mapping[str, Any]]:
    """Returns the results that are any, by the id of their record."""
    rows = results if isinstance(results, list) else []
    return {str(row.get("id")): row for row in rows if isinstance(row, Mapping)}


def _failure(result: Mapping[str, Any]) -> str | None:
    """Returns why a record was not written; None if the service says that it was."""
    status, error = result.get("status"), result.get("error")
    if status in _WRITTEN:
        return None
    if status != "failed":
        return "the service answered with a status that is none of a result"
    return error if error and isinstance(error, str) else "refused"


@dataclass(slots=True)
class RecordResults:
    """The service's answers about each record, by external id."""

    failed_applications: dict[str, str] = field(default_factory=dict)
    failed_candidates: dict[str, str] = field(default_factory=dict)
    existing_candidates: set[str] = field(default_factory=set)
    existing_applications: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)

    def refuse(self, order: CandidateOrder, error: str) -> None:
        """Records that neither the candidate nor any of its applications was written."""
        if order.fields or order.unset:
            self.failed_candidates[order.external_id] = error
        for application in order.applications:
            self.failed_applications[application.external_id] = error

    def read(self, orders: Sequence[CandidateOrder], results: object) -> None:
        """Matches results with orders by id: a record without a result counts as failed.

        An application without one is as its candidate is.
        """
        by_id = _by_id(results)
        for order in orders:
            result = by_id.get(str(order.id), _NO_RESULT)
            if failure := _failure(result):
                self.refuse(order, failure)
                continue
            if order.is_new and result["status"] == "unchanged":
                self.existing_candidates.add(order.external_id)
            self._read_applications(order, _by_id(result.get("applications")))

    def _read_applications(
        self, order: CandidateOrder, by_id: Mapping[str, Mapping[str, Any]]
    ) -> None:
        for application in order.applications:
            result = by_id.get(str(application.id))
            if result is None:
                continue
            if failure := _failure(result):
                if failure == STATUS_MOVED:
                    self.moved.add(application.external_id)
                else:
                    self.failed_applications[application.external_id] = failure
            elif result["status"] == "unchanged" and application.is_new:
                self.existing_applications.add(application.external_id)

    def outcome(self) -> ClearViewOutcome:
        """Returns the outcome for the import."""
        return ClearViewOutcome(
            failed_candidates=self.failed_candidates,
            failed_applications=self.failed_applications,
            existing_candidates=frozenset(self.existing_candidates),
            existing_applications=frozenset(self.existing_applications),
            moved_applications=frozenset(self.moved),
        )
