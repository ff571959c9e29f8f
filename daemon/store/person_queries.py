"""Queries for the documents about a person, one for each collection that can hold one.

A test asks that every collection of both databases is either here or among those that hold no person.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from beanie import Document

from daemon.core.erasure import PersonIds
from daemon.store.connection import Row
from models.documents import (
    Alert,
    AnalyticsExportLog,
    AnalyticsValue,
    CandidateChange,
    CandidateImportLog,
    CandidateSnapshot,
    ClearViewApplication,
    ClearViewCandidate,
    Conflict,
    FailedRecord,
    LegalHold,
    NotificationDelivery,
    QueuedFile,
    StatusOutboxEntry,
    StatusUpdateLog,
    SyncRun,
    WebhookEvent,
)
from models.ids import candidate_id

PersonQuery = Callable[[PersonIds], Row]


def _any_of(*queries: Row) -> Row:
    return {"$or": list(queries)}


def _in(values: Iterable[Any]) -> Row:
    return {"$in": list(values)}


def _applications(person: PersonIds) -> Row:
    """An application that is another candidate's by now left rows of the time before."""
    of_integration = {"ats_integration_id": person.integration}
    return _any_of(
        {"application_id": _in(person.application_ids)},
        {**of_integration, "candidate_id": _in(person.candidate_ids)},
    )


def moves(person: PersonIds) -> Row:
    """Changes of applications that another candidate has got from the person, or the other way round."""
    external_ids = [*person.candidates]
    return {
        "ats_integration_id": person.integration,
        "candidate_id": {"$nin": list(person.candidate_ids)},
        "path": {"$regex": r"\.candidate_external_id$"},
        **_any_of({"old": _in(external_ids)}, {"new": _in(external_ids)}),
    }


def former_owners(person: PersonIds) -> Row:
    """Records of other candidates that were the person's before their last change."""
    owners = _in(person.candidates)
    return {
        "ats_integration_id": person.integration,
        **_any_of(
            {"previous.candidate.external_id": owners},
            {"previous.applications.candidate_external_id": owners},
        ),
    }


def _import_log(person: PersonIds) -> Row:
    """A record that failed is logged as a candidate with the record's id."""
    records = (external_id for _, external_id in person.records)
    failed = {candidate_id(person.integration, e) for e in (*person.applications, *records)}
    return {"candidate_id": _in(person.candidate_ids | failed)}


def _snapshots(person: PersonIds) -> Row:
    of_integration = {"ats_integration_id": person.integration}
    return _any_of(
        {"_id": _in(person.snapshot_ids)},
        {**of_integration, "candidate.external_id": _in(person.candidates)},
        {**of_integration, "applications.external_id": _in(person.applications)},
    )


def _records(person: PersonIds) -> list[Row]:
    """Returns one clause for each list that has a record of the person."""
    lists: dict[str, list[str]] = {}
    for name, external_id in sorted(person.records):
        lists.setdefault(name, []).append(external_id)
    return [{"list": name, "external_id": _in(ids)} for name, ids in lists.items()]


def _failed(person: PersonIds) -> Row:
    return {"ats_integration_id": person.integration, **_any_of(_NOTHING, *_records(person))}


def _webhooks(person: PersonIds) -> Row:
    named = [{f"records.{one['list']}": one["external_id"]} for one in _records(person)]
    return {"ats_integration_id": person.integration, **_any_of(_NOTHING, *named)}


_NOTHING: Row = {"_id": {"$in": []}}
"""Matches no document: `$or` takes no empty list."""

OWN_QUERIES: Mapping[type[Document], PersonQuery] = {
    StatusOutboxEntry: _applications,
    StatusUpdateLog: _applications,
    Conflict: _applications,
    AnalyticsValue: _applications,
    QueuedFile: lambda person: {
        "ats_integration_id": person.integration,
        "candidate_external_id": _in(person.candidates),
    },
    WebhookEvent: _webhooks,
    FailedRecord: _failed,
    CandidateImportLog: _import_log,
    CandidateChange: lambda person: {"candidate_id": _in(person.candidate_ids)},
    CandidateSnapshot: _snapshots,
    LegalHold: lambda person: {"_id": _in(person.candidate_ids)},
}
"""The service's own collections, in the order in which an erasure empties them."""

CLEARVIEW_QUERIES: Mapping[type[Document], PersonQuery] = {
    ClearViewApplication: lambda person: _any_of(
        {"_id": _in(person.application_ids)},
        {"candidate_id": _in(person.candidate_ids)},
        {"integration_id": person.integration, "external_id": _in(person.applications)},
    ),
    ClearViewCandidate: lambda person: _any_of(
        {"_id": _in(person.candidate_ids)},
        {"integration_id": person.integration, "external_id": _in(person.candidates)},
    ),
}

TEXTS: Mapping[type[Document], tuple[str, ...]] = {
    Alert: ("title", "message", "details"),
    NotificationDelivery: ("payload", "last_error"),
    SyncRun: ("error_message", "details"),
    AnalyticsExportLog: ("error_message",),
}
"""Messages to people: they are about integrations and stay, without what names the person."""
