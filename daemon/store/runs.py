"""Runs in MongoDB: one document and one canonical log line each."""

from uuid import UUID, uuid4

import structlog
from msgspec.structs import asdict

from daemon.core.runs import Job, Outcome, Run
from daemon.ports.clock import Clock
from daemon.store.connection import Mongo
from models.documents import SyncRun

log = structlog.get_logger("daemon.runs")


class MongoRunLog:
    """`sync_runs`, as `daemon.ports.jobs.RunLog`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._collection = mongo.collection(SyncRun)
        self._clock = clock

    async def start(self, job: Job, integration: str | None, integration_id: UUID | None) -> Run:
        run = Run(uuid4(), job, integration, integration_id, self._clock.now())
        await self._collection.insert_one(
            {
                "_id": run.id,
                "job": job,
                "ats_integration_id": integration_id,
                "integration": integration,
                "started_at": run.started_at,
                "finished_at": None,
                "outcome": "running",
                **asdict(run.counts),
                "error_message": None,
                "details": {},
            }
        )
        return run

    async def finish(self, run: Run, outcome: Outcome, *, error: str | None = None) -> None:
        finished_at = self._clock.now()
        counts = asdict(run.counts)
        await self._collection.update_one(
            {"_id": run.id},
            {
                "$set": {
                    "finished_at": finished_at,
                    "outcome": outcome,
                    **counts,
                    "error_message": error,
                    "details": run.details,
                }
            },
        )
        write = log.info if outcome in ("success", "waiting") else log.warning
        write(
            f"{run.job}_finished",
            run_id=str(run.id),
            integration=run.integration,
            outcome=outcome,
            duration_ms=int((finished_at - run.started_at).total_seconds() * 1000),
            error=error,
            **{name: count for name, count in counts.items() if count},
        )
