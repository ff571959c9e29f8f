"""Migrations: the named steps that bring a database of an earlier release up to date, in their order.

One file describes one step. A step that was released is never edited, renamed or removed: what it
got wrong is corrected by a later one.
"""

from models.migrations import (
    m0001_drop_page_prints,
    m0002_replace_application_index,
    m0003_delete_records_without_id,
    m0004_delete_addresses_of_channels,
)
from models.migrations.step import Migration

MIGRATIONS: tuple[Migration, ...] = (
    m0001_drop_page_prints.MIGRATION,
    m0002_replace_application_index.MIGRATION,
    m0003_delete_records_without_id.MIGRATION,
    m0004_delete_addresses_of_channels.MIGRATION,
)
"""All steps, the oldest first."""
