"""Aggregation pipelines for the status of each application at the end of a period."""

from collections.abc import Sequence
from uuid import UUID

from daemon.core.analytics import Period
from daemon.store.analytics_pipelines import NEWEST_LAST, Pipeline, moves, report_members
from models.documents.clearview import IMPORTED
from models.documents.clearview_values import identity, plain_text


def application_page(
    integration: UUID, period: Period, *, after: str | None, size: int
) -> Pipeline:
    """The next applications of the report by external id, each with its candidate's id at the ATS."""
    beyond = {} if after is None else {"external_id": {"$gt": after}}
    return [
        {"$match": {**IMPORTED, "integration_id": integration, **beyond}},
        {"$sort": {"external_id": 1}},
        *report_members(integration, period),
        {"$limit": size},
        {"$set": {"candidate_id": identity("$candidate_id")}},
        {
            "$lookup": {
                "from": "candidates",
                "localField": "candidate_id",
                "foreignField": "_id",
                "pipeline": [{"$project": {"external_id": 1}}],
                "as": "person",
            }
        },
        {
            "$project": {
                "external_id": 1,
                "_id": identity("$_id"),
                "candidate_id": 1,
                "status": 1,
                "start": 1,
                "job": "$job.external_id",
                "candidate": plain_text({"$first": "$person.external_id"}),
            }
        },
    ]


def around_the_end(
    integration: UUID, period: Period, *, candidates: Sequence[UUID], applications: Sequence[UUID]
) -> Pipeline:
    """The last move of each application before the period's end, and its status at the end."""
    is_later = {"$gte": ["$changed_at", period.end]}
    return [
        {
            "$match": {
                "candidate_id": {"$in": list(candidates)},
                **moves(integration, {"$exists": True})["$match"],
                "application_id": {"$in": list(applications)},
            }
        },
        {"$sort": NEWEST_LAST},
        {
            "$group": {
                "_id": "$application_id",
                "entered": {"$max": {"$cond": [is_later, None, "$changed_at"]}},
                "later": {"$push": {"$cond": [is_later, "$old", "$$REMOVE"]}},
            }
        },
        {"$project": {"entered": 1, "stood": {"$first": "$later"}}},
    ]
