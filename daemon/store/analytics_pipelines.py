"""Aggregation pipelines of the analytics sections. Nothing here needs more than MongoDB 6.0.

Percentiles are ranks (`$percentile` came with 7.0). Moves and applications may live on different
clusters, so no pipeline joins the two: what one side needs of the other comes in as `$documents`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from daemon.core.analytics import Period
from models.documents.clearview import IMPORTED
from models.documents.clearview_values import plain_text
from models.status import ApplicationStatus

Stage = dict[str, Any]
Pipeline = list[Stage]

STATUSES = [status.value for status in ApplicationStatus]
STATUS_PATH = r"^applications\..+\.status$"
CUSTOM_FIELD_PATH = r"\.custom_fields\.status$"

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_JOB = {"external_id": plain_text("$job.external_id"), "name": plain_text("$job.name")}
START = {"$ifNull": ["$applied_at", "$created_at"]}
NEWEST_LAST = {"changed_at": 1, "_id": 1}


def moves(integration: UUID, changed_at: Stage) -> Stage:
    """Moves of one integration: changes of an application's canonical status to another one."""
    return {
        "$match": {
            "ats_integration_id": integration,
            "changed_at": changed_at,
            **IS_MOVE,
        }
    }


IS_MOVE: Stage = {
    "path": {"$regex": STATUS_PATH, "$not": {"$regex": CUSTOM_FIELD_PATH}},
    "application_id": {"$type": "binData"},
    "old": {"$in": STATUSES},
    "new": {"$in": STATUSES},
    "$expr": {"$ne": ["$old", "$new"]},
}


def within(period: Period) -> Stage:
    """A condition on a time: inside the period."""
    return {"$gte": period.start, "$lt": period.end}


def first_moves_since(integration: UUID, moment: datetime) -> Pipeline:
    """The status at that moment of each application that has moved since."""
    return [
        moves(integration, {"$gte": moment}),
        {"$sort": NEWEST_LAST},
        {"$group": {"_id": "$application_id", "stood": {"$first": "$old"}}},
    ]


def report_members(integration: UUID, period: Period) -> Pipeline:
    """Applications that belong to the period's report, with their start.

    Fields that hold something else than the daemon writes count as empty.
    """
    return [
        {
            "$match": {
                **IMPORTED,
                "_id": IMPORTED["integration_id"],
                "integration_id": integration,
                "status": {"$in": STATUSES},
                "$expr": {"$in": ["$status", STATUSES]},  # of a list, any element would do above
                "$or": [{"deleted_at": None}, {"deleted_at": {"$gte": period.end}}],
            }
        },
        {"$set": {"start": START, "source": plain_text("$source"), "job": {"$mergeObjects": _JOB}}},
        {"$match": {"start": {"$gte": EARLIEST, "$lt": period.end}}},
    ]


def status_counts(
    integration: UUID, period: Period, *, only: Sequence[UUID] | None = None
) -> Pipeline:
    """Applications counted by job and present status."""
    narrowed = [] if only is None else [{"$match": {"_id": {"$in": list(only)}}}]
    return [
        *narrowed,
        *report_members(integration, period),
        {
            "$group": {
                "_id": {"job": plain_text("$job.external_id"), "status": "$status"},
                "name": {"$max": plain_text("$job.name")},
                "count": {"$sum": 1},
            }
        },
    ]


def moves_with_previous(integration: UUID, period: Period, *, has_previous: bool) -> Pipeline:
    """Moves of the period that are (not) an application's first one; `previous` is its time."""
    earlier = {
        "$or": [
            {"$lt": ["$changed_at", "$$at"]},
            {"$and": [{"$eq": ["$changed_at", "$$at"]}, {"$lt": ["$_id", "$$id"]}]},
        ]
    }
    both = {"$and": [IS_MOVE["$expr"], {"$eq": ["$application_id", "$$application"]}, earlier]}
    return [
        moves(integration, within(period)),
        {
            "$lookup": {
                "from": "candidate_changes",
                "localField": "candidate_id",
                "foreignField": "candidate_id",
                "let": {"application": "$application_id", "at": "$changed_at", "id": "$_id"},
                "pipeline": [
                    {"$match": {**IS_MOVE, "$expr": both}},
                    {"$sort": {"changed_at": -1, "_id": -1}},
                    {"$limit": 1},
                    {"$project": {"changed_at": 1}},
                ],
                "as": "previous",
            }
        },
        {"$match": {"previous": {"$ne": []} if has_previous else []}},
        {
            "$project": {
                "_id": 0,
                "application": "$application_id",
                "before": "$old",
                "after": "$new",
                "at": "$changed_at",
                "previous": {"$first": "$previous.changed_at"},
            }
        },
    ]


def timed_from_start(first_moves: Sequence[Stage]) -> Pipeline:
    """The durations of applications' first moves, gathered by pair; None where unknown."""
    return [
        {"$documents": list(first_moves)},
        {
            "$lookup": {
                "from": "applications",
                "localField": "application",
                "foreignField": "_id",
                "pipeline": [{"$project": {"start": START}}],
                "as": "known",
            }
        },
        {"$set": {"ms": _elapsed({"$first": "$known.start"}, "$at")}},
        {
            "$group": {
                "_id": {"before": "$before", "after": "$after"},
                "ms": {"$push": "$ms"},
            }
        },
        {"$project": {"_id": 0, "before": "$_id.before", "after": "$_id.after", "ms": 1}},
    ]


def transitions(integration: UUID, period: Period, from_start: Sequence[Stage]) -> Pipeline:
    """Moves by pair, with the spread of their durations.

    MongoDB allows `$documents` only to users who may read every collection of the database, which
    those with the reader's role may not. Where there are first moves, there is a document.
    """
    given = [
        {"$limit": 1},
        {"$project": {"_id": 0, "given": {"$literal": list(from_start)}}},
        {"$unwind": "$given"},
        {"$replaceWith": "$given"},
        {"$unwind": "$ms"},
    ]
    return [
        *moves_with_previous(integration, period, has_previous=True),
        {"$set": {"ms": _elapsed("$previous", "$at")}},
        {"$unionWith": {"coll": "candidate_changes", "pipeline": given}},
        *spread({"before": "$before", "after": "$after"}),
    ]


def spread(group: Any) -> Pipeline:
    """Count, median and 90th percentile of `ms` by group; null durations count but do not rank."""
    is_timed = {"$ne": ["$ms", None]}
    ranks = [{"$floor": {"$divide": [{"$add": ["$of", k]}, 2]}} for k in (1, 2)]
    nine_tenths = {"$floor": {"$divide": [{"$add": [{"$multiply": ["$of", 9]}, 9]}, 10]}}
    return [
        {"$set": {"group": group, "timed": is_timed}},
        {
            "$setWindowFields": {
                "partitionBy": {"group": "$group", "timed": "$timed"},
                "sortBy": {"ms": 1},
                "output": {"rank": {"$documentNumber": {}}, "of": {"$count": {}}},
            }
        },
        {
            "$group": {
                "_id": "$group",
                "count": {"$sum": 1},
                "timed": {"$sum": {"$cond": ["$timed", 1, 0]}},
                "median": {"$avg": _ms_where({"$in": ["$rank", ranks]})},
                "p90": {"$max": _ms_where({"$eq": ["$rank", nine_tenths]})},
            }
        },
    ]


def _ms_where(condition: Stage) -> Stage:
    return {"$cond": [{"$and": ["$timed", condition]}, "$ms", None]}


def _elapsed(since: Any, until: Any) -> Stage:
    """Milliseconds between two times; null if one is missing or the second is the earlier one."""
    return {
        "$cond": [
            {"$and": [{"$eq": [{"$type": since}, "date"]}, {"$lte": [since, until]}]},
            {"$subtract": [until, since]},
            None,
        ]
    }


def hires_by_move(integration: UUID, period: Period) -> Pipeline:
    """Applications moved to `hired` within the period, with the time of the last such move."""
    return [
        moves(integration, within(period)),
        {"$match": {"new": ApplicationStatus.HIRED.value}},
        {"$group": {"_id": "$application_id", "hired": {"$max": "$changed_at"}}},
    ]


def hires(integration: UUID, period: Period, moved: Sequence[Stage]) -> Pipeline:
    """Applications hired in the period, from the collection `applications`; `moved`: see above."""
    undated = [
        {"$documents": list(moved)},
        {
            "$lookup": {
                "from": "applications",
                "localField": "_id",
                "foreignField": "_id",
                "pipeline": [*report_members(integration, period), {"$match": {"hired_at": None}}],
                "as": "known",
            }
        },
        {"$unwind": "$known"},
        {"$replaceWith": {"$mergeObjects": ["$known", {"hired": "$hired"}]}},
    ]
    return [
        *report_members(integration, period),
        {"$match": {"hired_at": within(period)}},
        {"$set": {"hired": "$hired_at"}},
        {"$unionWith": {"pipeline": undated}},
    ]


def time_to_hire(integration: UUID, period: Period, moved: Sequence[Stage]) -> Pipeline:
    """The spread of the time from the start until hired."""
    return [
        *hires(integration, period, moved),
        {"$project": {"ms": _elapsed("$start", "$hired")}},
        *spread({"$literal": None}),
    ]


def arrivals(
    integration: UUID, period: Period, moved: Sequence[Stage], *, by: Any, name: str
) -> Pipeline:
    """Applications started and applications hired in the period, grouped by a field."""
    return [
        *report_members(integration, period),
        {"$match": {"start": within(period)}},
        {"$set": {"applied": 1, "hired": 0}},
        {
            "$unionWith": {
                "coll": "applications",
                "pipeline": [
                    *hires(integration, period, moved),
                    {"$set": {"applied": 0, "hired": 1}},
                ],
            }
        },
        {
            "$group": {
                "_id": {"$ifNull": [by, None]},
                "name": {"$max": name},
                "applied": {"$sum": "$applied"},
                "hired": {"$sum": "$hired"},
            }
        },
    ]


def status_updates(integration: UUID, period: Period) -> Pipeline:
    """Outcomes of status changes made in ClearView."""
    return [
        {"$match": {"ats_integration_id": integration, "updated_at": within(period)}},
        {"$group": {"_id": "$outcome", "count": {"$sum": 1}}},
    ]
