"""The record of runs."""

from typing import Protocol
from uuid import UUID

from daemon.core.runs import Job, Outcome, Run


class RunLog(Protocol):
    """Records runs: one document each, and one canonical log line."""

    async def start(
        self, job: Job, integration: str | None, integration_id: UUID | None
    ) -> Run: ...

    async def finish(self, run: Run, outcome: Outcome, *, error: str | None = None) -> None: ...
