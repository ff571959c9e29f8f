"""The words of a migration: a named step, and the changes that it makes."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec


class DropCollection(msgspec.Struct, frozen=True):
    """Removes a collection with all its documents."""

    privilege: ClassVar[str] = "dropCollection"
    collection: str


class CreateIndex(msgspec.Struct, frozen=True):
    """Makes an index, where the collection exists."""

    privilege: ClassVar[str] = "createIndex"
    collection: str
    index: str
    keys: tuple[tuple[str, int], ...]
    options: Mapping[str, Any] = {}


class DropIndex(msgspec.Struct, frozen=True):
    """Removes an index by its name."""

    privilege: ClassVar[str] = "dropIndex"
    collection: str
    index: str


class DeleteDocuments(msgspec.Struct, frozen=True):
    """Removes the documents that a query finds."""

    privilege: ClassVar[str] = "remove"
    collection: str
    query: Mapping[str, Any]


MigrationChange = DropCollection | CreateIndex | DropIndex | DeleteDocuments
"""Each may be repeated without harm: a process may be killed after it and before the record of it.

`privilege` is the privilege action of MongoDB that it takes.
"""


class Migration(msgspec.Struct, frozen=True):
    """One step, in the service's own database."""

    name: str
    """`_id` in the collection `migrations`."""
    release: str
    """The release that brought the step."""
    changes: tuple[MigrationChange, ...]
    """Made in this order, before validators and indexes of the release are set."""
