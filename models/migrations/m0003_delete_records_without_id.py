"""Deletes rows of `failed_records` that have no id of the ATS: nothing can read such a record again.

Since 0.2.0 a record without an id is counted on its run (`sync_runs.details.records_without_id`).
"""

from models.migrations.step import DeleteDocuments, Migration

MIGRATION = Migration(
    name="0003_delete_records_without_id",
    release="0.2.0",
    changes=(DeleteDocuments("failed_records", {"external_id": ""}),),
)
