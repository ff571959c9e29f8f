"""What a comparison reads from the outside. Nothing here writes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from daemon.ports.imports import Record


class ClearViewReader(Protocol):
    """One integration's part of ClearView, read only."""

    async def candidates(self, external_ids: Sequence[str]) -> Mapping[str, Record]:
        """The documents that exist, deleted ones with `deleted_at`."""
        ...

    async def applications(self, external_ids: Sequence[str]) -> Mapping[str, Record]:
        """The same for applications; the owner is told by `candidate_external_id`."""
        ...

    def live_candidates(self) -> AsyncIterator[str]:
        """External ids of all that are not deleted."""
        ...

    def live_applications(self) -> AsyncIterator[str]: ...

    async def pending_pushes(self, application_external_ids: Sequence[str]) -> frozenset[str]:
        """Those with a push in the outbox that is neither delivered nor given up."""
        ...
