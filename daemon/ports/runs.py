"""The record of runs."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from daemon.core.runs import Job, Outcome, Run


class RunLog(Protocol):
    """Records runs: one document each, and one canonical log line."""

    async def start(
        self, job: Job, integration: str | None, integration_id: UUID | None
    ) -> Run: ...

    async def finish(self, run: Run, outcome: Outcome, *, error: str | None = None) -> None: ...

    async def latest(self, integration_id: UUID) -> Mapping[str, Any]:
        """The last finished run of each job, by job name."""
        ...
