"""Job 1: import what changed at the ATS into ClearView.

Reads from the connector and `candidate_snapshots`; writes `candidate_snapshots`, ClearView's
`candidates` and `applications`, `candidates_import_log`, `candidate_changes`, `failed_records`,
`conflicts`, `sync_runs` and the checkpoint `poll:<name>`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID, uuid4

import structlog

from connectors.connector import Connector
from connectors.errors import AtsError, AuthRefused
from daemon.core.details import Pace
from daemon.core.leases import LeaseLost
from daemon.core.poll_state import state_from
from daemon.core.runs import Job, Outcome, Run, RunFailed, RunRequest, in_words
from daemon.core.service_errors import ServiceFailed
from daemon.core.unexpected import first_unlike, stack, unexpected
from daemon.importing.context import ImportContext, ImportPorts, ImportRules
from daemon.importing.deletions import settle_absences
from daemon.importing.details import count_pending, import_details
from daemon.importing.erased import refresh_erased
from daemon.importing.failures import cause_of, note_list_failure
from daemon.importing.listing import import_list
from daemon.importing.records_by_id import compare_pushed, retry_failed
from daemon.importing.recovery import finish_interrupted
from daemon.importing.reported_deletions import delete_reported
from daemon.importing.reports import (
    name_issues,
    not_read,
    report_failing_records,
    report_issues,
    report_unmapped,
)
from daemon.importing.webhook_records import apply_webhooks, judge_webhooks
from daemon.runtime.supervision import must_pass

log = structlog.get_logger(__name__)

_KNOWN = (AtsError, ServiceFailed, LeaseLost, asyncio.CancelledError)


class ImportFailed(RunFailed):
    """A run ended without importing everything; what it did import is safe."""


@dataclass(slots=True, eq=False)
class ImportPoll:
    """Imports one integration."""

    connector: Connector
    integration_id: UUID
    ports: ImportPorts
    rules: ImportRules
    _paces: dict[str, Pace] = field(default_factory=dict)
    """By list: how its details are read."""

    async def run(self, request: RunRequest) -> Run:
        """Imports everything that changed since the last run.

        Raises:
            ImportFailed: the run ended early, by any exception; the next one goes on from there.
            LeaseLost: another replica took over; nothing it did is undone.
        """
        job: Job = "detail_import" if request.only_details else "import_poll"
        run = await self.ports.runs.start(job, self.connector.integration, self.integration_id)
        try:
            await self._import(run, request)
        except ImportFailed:
            raise
        except BaseException as error:
            decisive = first_unlike(error, _KNOWN)
            if isinstance(decisive, LeaseLost):
                await self.ports.runs.finish(run, "interrupted", error="shutdown or lease lost")
                raise decisive from error
            if must_pass(decisive):
                await self.ports.runs.finish(run, "interrupted", error="shutdown")
                raise
            await self._note_failure(run, decisive)
            if not isinstance(decisive, Exception | asyncio.CancelledError):
                raise
            raise ImportFailed(run, decisive) from error
        return run

    async def details_due(self) -> bool:
        """Returns True if details of a record are to be read now."""
        details, now = self.ports.details, self.ports.clock.now()
        for facts in self.connector.lists:
            if facts.detail is not None and await details.due(facts.name, now, limit=1):
                return True
        return False

    async def _import(self, run: Run, request: RunRequest) -> None:
        self.connector.take_issues()  # issues of pushes since the last run
        context = await self._begin(run, request)
        try:
            await refresh_erased(context)
            await finish_interrupted(context)
            if request.only_webhooks:
                await self._import_named(context, apply_webhooks)
                return
            if request.only_details:
                await self._import_named(context, partial(import_details, paces=self._paces))
                return
            self._begin_walk(context)
            await apply_webhooks(context)
            context.changed_records.clear()
            failure = await self._walk_lists(context)
            context.walked_everything = failure is None
            if context.walked_everything:
                await delete_reported(context)
                await settle_absences(context)
                await judge_webhooks(context)
            await retry_failed(context)
            if context.walked_everything:
                await compare_pushed(context)
            await self._end_walk(context, complete=failure is None)
        except (AtsError, ServiceFailed) as error:
            await self._record(context, "failed", error)
            raise ImportFailed(run, error) from error
        if failure is not None:
            outcome: Outcome = "partial" if run.counts.pages else "failed"
            await self._record(context, outcome, failure)
            raise ImportFailed(run, failure) from failure
        await self._record(context, "success", None)

    async def _import_named(
        self, context: ImportContext, read: Callable[[ImportContext], Awaitable[None]]
    ) -> None:
        """Imports records that no list was walked for; the pass of an interrupted poll stays."""
        context.state.resume_or_begin(sweep=False, now=self.ports.clock.now(), fresh=uuid4())
        interrupted = context.walk if context.walk.resumed_lists else None
        await read(context)
        context.state.walk = interrupted
        await context.save()
        await self._record(context, "success", None)

    async def _note_failure(self, run: Run, error: BaseException) -> None:
        """Records the run as failed; if that fails, too, `error` is raised all the same."""
        if not isinstance(error, _KNOWN):
            log.error(
                "run_failed_unexpectedly",
                integration=run.integration,
                run_id=str(run.id),
                error=str(unexpected(error)),
                stack=stack(error),
            )
        run.outcome, run.error = "failed", in_words(error)
        try:
            await self.ports.runs.finish(run, run.outcome, error=run.error)
        except Exception as unrecorded:  # noqa: BLE001 - MongoDB may be what failed
            log.warning("run_not_recorded", run_id=str(run.id), error=type(unrecorded).__name__)

    async def _begin(self, run: Run, request: RunRequest) -> ImportContext:
        key = f"poll:{self.connector.integration}"
        stored = await self.ports.checkpoints.load(key)
        state = state_from(stored)
        return ImportContext(
            connector=self.connector,
            integration_id=self.integration_id,
            ports=self.ports,
            rules=self.rules,
            request=request,
            run=run,
            state=state,
            saved_at=self.ports.clock.now(),
            stored=stored,
            requests_before=self.connector.requests_sent,
        )

    def _begin_walk(self, context: ImportContext) -> None:
        now = self.ports.clock.now()
        sweep = context.request.sweep or context.state.sweep_is_due(now, self.rules.sweep_every)
        walk = context.state.resume_or_begin(sweep=sweep, now=now, fresh=uuid4())
        context.run.details |= {"sweep": walk.sweep, "resumed": bool(walk.resumed_lists)}

    async def _walk_lists(self, context: ImportContext) -> AtsError | None:
        """Walks the lists in order, candidates before their applications.

        An outage ends the walk. A list that fails for another reason does not stop the next ones;
        the first such failure is returned.
        """
        walk, failure = context.walk, None
        for facts in self.connector.lists:
            if facts.name in walk.done:
                continue
            full = walk.sweep or context.state.needs_full(facts.name, facts.mapping_version)
            walk.begin(facts.name, full=full)
            try:
                lookups = await self.connector.prepare_mapping(facts.name)
                await import_list(context, facts, lookups)
            except AuthRefused:
                raise
            except AtsError as error:
                note_list_failure(context, facts.name, error)
                failure = failure or error
                if cause_of(error) == "outage":
                    break
                continue
            except (LeaseLost, ServiceFailed):
                raise
            except Exception as error:
                note_list_failure(context, facts.name, error)
                with suppress(Exception):  # the error itself counts
                    await context.save()
                raise
            walk.finish(facts.name)
        return failure

    async def _end_walk(self, context: ImportContext, *, complete: bool) -> None:
        """Stores the position, unless nothing moved: an idle poll leaves no trace."""
        state, walk, now = context.state, context.walk, self.ports.clock.now()
        if not complete:
            state.walk = walk.after_failure(now, uuid4())
        elif walk.sweep and walk.resumed_lists:
            # Two halves by two runs prove no absence: the next run lists everything.
            state.walk = walk.as_sweep(now, uuid4())
        else:
            state.swept_at = context.run.started_at if walk.sweep else state.swept_at
            state.walk = None
        await refresh_erased(context)
        await context.save()

    async def _record(
        self, context: ImportContext, outcome: Outcome, error: AtsError | ServiceFailed | None
    ) -> None:
        run = context.run
        run.counts.requests = self.connector.requests_sent - context.requests_before
        await count_pending(context)
        issues = self.connector.take_issues()
        if context.request.only_details:
            name_issues(context, issues)
        else:
            await report_unmapped(context)
            await report_issues(context, issues, error)
            await report_failing_records(context)
        hidden = [issue for issue in issues if issue.hides_records]
        message = None if error is None else in_words(error)
        if error is None and hidden:
            outcome, message = "partial", not_read(hidden)
        run.outcome, run.error = outcome, message
        await self.ports.runs.finish(run, outcome, error=message)
