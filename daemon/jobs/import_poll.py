"""Job 1: import what changed at the ATS into ClearView.

Reads from the connector and `candidate_snapshots`; writes `candidate_snapshots`, ClearView's
`candidates` and `applications`, `candidates_import_log`, `candidate_changes`, `failed_records`,
`conflicts`, `sync_runs` and the checkpoint `poll:<name>`.
"""

from uuid import UUID, uuid4

from connectors.base import Connector, ListFacts, Page
from connectors.errors import AtsError, AuthRefused
from daemon.core.alert_texts import unmapped_stages
from daemon.core.walk import state_from
from daemon.importing.context import ImportContext, ImportPorts, ImportRules, Request
from daemon.importing.listing import ListImport
from daemon.importing.page import page_import
from daemon.importing.recovery import finish_interrupted
from daemon.ports.alerts import AlertKind, alert_key
from daemon.ports.leases import LeaseLost
from daemon.ports.runs import Outcome, Run
from daemon.ports.services import ServiceFailed


class ImportFailed(Exception):
    """A run ended without importing everything; what it did import is safe."""

    def __init__(self, run: Run, cause: AtsError | ServiceFailed) -> None:
        super().__init__(str(cause))
        self.run = run
        self.cause = cause


class ImportPoll:
    """Imports one integration."""

    def __init__(
        self,
        connector: Connector,
        integration_id: UUID,
        ports: ImportPorts,
        rules: ImportRules,
    ) -> None:
        self._connector = connector
        self._integration_id = integration_id
        self._ports = ports
        self._rules = rules

    async def run(self, request: Request) -> Run:
        """Import everything that changed since the last run.

        Raises:
            ImportFailed: the ATS could not be read to the end; the next run goes on from there.
            LeaseLost: another replica took over; nothing it did is undone.
        """
        context = await self._begin(request)
        try:
            await finish_interrupted(context)
            self._begin_walk(context)
            failure = await self._walk_lists(context)
            await self._retry_failed(context)
            await self._end_walk(context, complete=failure is None)
        except (AtsError, ServiceFailed) as error:
            await self._record(context, "failed", error)
            raise ImportFailed(context.run, error) from error
        except LeaseLost:
            await self._ports.runs.finish(context.run, "interrupted", error="lease lost")
            raise
        except BaseException as error:
            await self._ports.runs.finish(context.run, "interrupted", error=type(error).__name__)
            raise
        if failure is not None:
            outcome: Outcome = "partial" if context.run.counts.pages else "failed"
            await self._record(context, outcome, failure)
            raise ImportFailed(context.run, failure) from failure
        await self._record(context, "success", None)
        return context.run

    async def _begin(self, request: Request) -> ImportContext:
        key = f"poll:{self._connector.integration}"
        stored = await self._ports.checkpoints.load(key)
        state = state_from(stored)
        run = await self._ports.runs.start(
            "import_poll", self._connector.integration, self._integration_id
        )
        return ImportContext(
            connector=self._connector,
            integration_id=self._integration_id,
            ports=self._ports,
            rules=self._rules,
            request=request,
            run=run,
            state=state,
            saved_at=self._ports.clock.now(),
            stored=stored,
            requests_before=self._connector.requests_sent,
        )

    def _begin_walk(self, context: ImportContext) -> None:
        now = self._ports.clock.now()
        sweep = context.request.sweep or context.state.sweep_is_due(now, self._rules.sweep_every)
        walk = context.state.take_up(sweep=sweep, now=now, fresh=uuid4())
        context.run.details |= {"sweep": walk.sweep, "resumed": bool(walk.taken_up)}

    async def _walk_lists(self, context: ImportContext) -> AtsError | None:
        """Walk the lists in order, candidates before what refers to them; stop at one that fails."""
        walk = context.walk
        for facts in self._connector.lists:
            if facts.name in walk.done:
                continue
            full = walk.sweep or context.state.needs_full(facts.name, facts.mapping_version)
            walk.begin(facts.name, full=full)
            try:
                lookups = await self._connector.prepare_mapping(facts.name)
                await ListImport(context, facts, lookups).run()
            except AuthRefused:
                raise
            except AtsError as error:
                return error
            walk.finish(facts.name)
        return None

    async def _retry_failed(self, context: ImportContext) -> None:
        """Read the records that failed before once more, by id, when their time has come."""
        for facts in self._connector.lists:
            if not facts.reads_by_id:
                continue
            due = await self._ports.failed.due(facts.name, self._ports.clock.now())
            if due:
                await self._retry(context, facts, [record.external_id for record in due])

    async def _retry(
        self, context: ImportContext, facts: ListFacts, external_ids: list[str]
    ) -> None:
        asked_at = self._ports.clock.now()
        answers = await self._connector.fetch(facts.name, external_ids)
        gone = [e for e in external_ids if e in answers and answers[e] is None]
        await self._ports.failed.remove(facts.name, gone)
        records = [record for record in answers.values() if record is not None]
        page = Page(records=records, position=None, last=True)
        async with page_import(context, facts, frozenset(external_ids)) as pages:
            await pages.commit(await pages.prepare(page), asked_at=asked_at)

    async def _end_walk(self, context: ImportContext, *, complete: bool) -> None:
        """Store how far it got, unless nothing moved: an idle poll leaves no trace."""
        state, walk, now = context.state, context.walk, self._ports.clock.now()
        if not complete:
            state.walk = walk.after_failure(now, uuid4())
        elif walk.sweep and walk.taken_up:
            # Two halves by two runs prove nobody's absence: the next run looks at everything.
            state.walk = walk.as_sweep(now, uuid4())
        else:
            state.swept_at = context.run.started_at if walk.sweep else state.swept_at
            state.walk = None
        await context.save()

    async def _record(
        self, context: ImportContext, outcome: Outcome, error: AtsError | ServiceFailed | None
    ) -> None:
        run = context.run
        run.counts.requests = self._connector.requests_sent - context.requests_before
        await self._tell_unmapped(context)
        message = None if error is None else f"{type(error).__name__}: {error}"
        await self._ports.runs.finish(run, outcome, error=message)

    async def _tell_unmapped(self, context: ImportContext) -> None:
        run, name = context.run, self._connector.integration
        if context.unmapped_stages:
            stages = sorted(context.unmapped_stages)
            run.details["unmapped_stages"] = stages
            await self._ports.alerts.raise_condition(
                unmapped_stages(context.of, stages=stages, applications=run.counts.unmapped)
            )
        elif run.details.get("sweep"):
            await self._ports.alerts.resolve(alert_key(AlertKind.UNMAPPED_STAGES, name))
