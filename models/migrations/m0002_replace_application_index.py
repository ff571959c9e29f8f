"""Replaces the index `application` of `candidate_snapshots` by the smaller `application_of_record`.

The new index holds only records that have applications. It is made before the old one is dropped, so
that a replica of 0.1.0 that still runs has an index for its look-ups at any moment.
"""

from models.migrations.step import CreateIndex, DropIndex, Migration

MIGRATION = Migration(
    name="0002_replace_application_index",
    release="0.2.0",
    changes=(
        CreateIndex(
            "candidate_snapshots",
            "application_of_record",
            keys=(("ats_integration_id", 1), ("applications.external_id", 1)),
            options={
                "partialFilterExpression": {"applications.external_id": {"$exists": True}},
            },
        ),
        DropIndex("candidate_snapshots", "application"),
    ),
)
