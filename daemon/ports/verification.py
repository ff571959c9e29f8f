"""Port of `verify`: ClearView's documents, read only."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from daemon.core.snapshot import Record


class ClearViewReader(Protocol):
    """One integration's part of ClearView."""

    async def candidates(self, external_ids: Sequence[str]) -> Mapping[str, Record]:
        """Returns the documents that exist, deleted ones with `deleted_at`."""

    async def applications(self, external_ids: Sequence[str]) -> Mapping[str, Record]:
        """Returns the same for applications; `candidate_external_id` names the candidate."""

    def live_candidates(self) -> AsyncIterator[str]:
        """Yields the external ids of all that are not deleted."""

    def live_applications(self) -> AsyncIterator[str]: ...

    async def pending_pushes(self, application_external_ids: Sequence[str]) -> frozenset[str]:
        """Returns those with a push in the outbox that is neither delivered nor given up."""
