"""Drops `page_prints`, which kept the digests of whole pages. No release reads it since 0.2.0."""

from models.migrations.step import DropCollection, Migration

MIGRATION = Migration(
    name="0001_drop_page_prints",
    release="0.2.0",
    changes=(DropCollection("page_prints"),),
)
