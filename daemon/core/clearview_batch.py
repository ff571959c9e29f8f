"""The writes that ClearView gets for one page, and their outcome."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from daemon.core.snapshot import Record
from models.status import ApplicationStatus


class Patch(msgspec.Struct, frozen=True):
    """Fields of one ClearView document to set and to remove, by dotted path."""

    external_id: str
    set: Mapping[str, Any]
    unset: Sequence[str] = ()
    expected_status: ApplicationStatus | None = None
    """For an application whose status is set: the status ClearView must still have."""


class ClearViewBatch(msgspec.Struct):
    """The writes of one page to ClearView."""

    import_id: UUID
    at: datetime
    new_candidates: list[Record] = msgspec.field(default_factory=list)
    new_applications: list[Record] = msgspec.field(default_factory=list)
    candidate_patches: list[Patch] = msgspec.field(default_factory=list)
    application_patches: list[Patch] = msgspec.field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (
            self.new_candidates
            or self.new_applications
            or self.candidate_patches
            or self.application_patches
        )


class ClearViewOutcome(msgspec.Struct, frozen=True):
    """The documents of a batch that ClearView did not take as they were."""

    failed_candidates: Mapping[str, str] = msgspec.field(default_factory=dict)
    """By external id: the reason of the refusal."""
    failed_applications: Mapping[str, str] = msgspec.field(default_factory=dict)
    existing_candidates: frozenset[str] = frozenset()
    """New to the snapshots, but in ClearView already: left as they are."""
    existing_applications: frozenset[str] = frozenset()
    moved_applications: frozenset[str] = frozenset()
    """Their status was no longer the expected one: the status was not set, the rest was."""


class Taken(msgspec.Struct, frozen=True):
    """External ids of the documents that one import has written completely in ClearView."""

    candidates: frozenset[str] = frozenset()
    applications: frozenset[str] = frozenset()
