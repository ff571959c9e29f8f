"""The connector that every definition becomes: reads, maps, plans and writes for one integration."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

import msgspec
from yarl import URL

from config.operator import Integration
from connectors.clock import Clock
from connectors.connector import (
    ApplicationRef,
    Capabilities,
    Impossible,
    ListFacts,
    Mapped,
    MappingFailed,
    Page,
    Position,
    PushPlan,
    PushTarget,
    RawRecord,
    ReadIssue,
    StageFacts,
    Step,
    Unchanged,
    Window,
)
from connectors.definition.compiled_paths import compile_path
from connectors.definition.lists import NoCursor
from connectors.definition.load import Definition
from connectors.definition.placeholders import fill_text
from connectors.definition.requests import Request
from connectors.definition.root import DefinitionModel
from connectors.definition.writes import ReportAnalytics, ValueAnalytics
from connectors.errors import (
    BrokenAnswer,
    GuardRefused,
    NotFound,
    NotSupported,
    OutcomeUnknown,
    Rejected,
)
from connectors.http.client import AtsHttp, Outgoing
from connectors.http.requests import Draft, RequestBuilder, Settings
from connectors.http.transport import Transport, whole
from connectors.read.detail_fetcher import Fetcher
from connectors.read.fields_read import Mappers, Reads, reads_of
from connectors.read.issues import IssueLog
from connectors.read.listing import Listing, Scopes
from connectors.read.lookups import Lookups, Rows
from connectors.read.mapping import ApplicationMapper, CandidateMapper, RecordFailed
from connectors.read.record_reader import Context, ListReader
from connectors.read.records import identifier, printer, whole_print
from connectors.read.statuses import StatusRules
from connectors.write.choices import ChoiceFinder
from connectors.write.proof import EMPTY, Written, doubt, written
from connectors.write.push_planner import Account, OperatorOverrides, Planner
from connectors.write.stages import Reason, ReasonReader, Stage, StageReader, push_target
from models.candidate import ApplicationRecord
from models.status import CLOSED, ApplicationStatus

ENGINE_VERSION = 1
"""Raise it when the engine itself reads records differently, so that snapshots are mapped again."""

_REMEMBERED = 2000
_SETUP_AGE_S = 300.0
"""How old stages and reasons may be when a push is planned."""


class Parts(msgspec.Struct, frozen=True):
    """What a connector is put together from."""

    name: str
    definition: Definition
    operator: Integration
    settings: Settings
    drafts: RequestBuilder
    http: AtsHttp
    transport: Transport
    clock: Clock


class RestConnector:
    """Serves one integration by its definition. Implements `connectors.connector.Connector`."""

    def __init__(self, parts: Parts) -> None:
        """Compile everything; no request is sent."""
        self._parts = parts
        self._model: DefinitionModel = parts.definition.model
        self._transport = parts.transport
        self._issues = IssueLog(parts.transport.warn)
        self._rules = StatusRules(self._model.statuses, parts.operator.statuses)
        mappers = self._mappers()
        reads = {name: reads_of(spec, mappers.of(spec)) for name, spec in self._model.lists.items()}
        self._listings = {
            name: Listing(
                name,
                spec,
                drafts=parts.drafts,
                transport=parts.transport,
                clock=parts.clock,
                load_scopes=self._load_scopes,
                issues=self._issues,
                digest_of=printer(reads[name].names, spec.volatile)
                if spec.rotates
                else whole_print,
            )
            for name, spec in self._model.lists.items()
        }
        self._lookups = Lookups(self._load_rows, parts.clock)
        self._choices = ChoiceFinder(
            self._lookups, self._load_rows, parts.settings, parts.name, self._model.title
        )
        self._fetcher = Fetcher(
            self._model.lists, self._listings, parts.drafts, parts.transport, self._issues
        )
        self._readers = self._all_readers(mappers, reads)
        self._stage_reader = (
            StageReader(self._model.writes.stages, self._rules)
            if self._model.writes.stages
            else None
        )
        self._planner = Planner(self._model.writes, parts.drafts, self._wishes(), self._model.title)
        self._contexts: OrderedDict[str, Context] = OrderedDict()
        self._guard_forms: dict[str, int] = {}
        """By operation: which form of the guard this account takes."""

    def _mappers(self) -> Mappers:
        model, extras = self._model, self._parts.operator.fields
        zone = self._parts.drafts.zone(None)
        return Mappers(
            CandidateMapper(model.candidate, extras, zone) if model.candidate else None,
            ApplicationMapper(model.application, self._rules, extras, zone)
            if model.application
            else None,
        )

    def _all_readers(self, mappers: Mappers, reads: Mapping[str, Reads]) -> dict[str, ListReader]:
        return {
            name: ListReader(
                name,
                self._model.lists,
                mappers.of(spec),
                reads[name],
                lookups=self._lookups,
                fetcher=self._fetcher,
                load_at_most=self._load_at_most,
                issues=self._issues,
            )
            for name, spec in self._model.lists.items()
            if spec.holds != "lookup"
        }

    def _wishes(self) -> OperatorOverrides:
        operator, acting = self._parts.operator, self._model.acting_user
        missing = acting is not None and acting.needed == "writes" and not operator.acting_user
        return OperatorOverrides(
            self._parts.name, operator.statuses, operator.rejection_reasons, missing
        )

    # What it is

    @property
    def integration(self) -> str:
        """The integration's name."""
        return self._parts.name

    @property
    def ats_name(self) -> str:
        """The vendor as people call it."""
        return self._model.title

    @property
    def requests_sent(self) -> int:
        """Requests since this connector was made."""
        return self._transport.requests_sent

    @property
    def lists(self) -> Sequence[ListFacts]:
        """Every list that is imported, in the order of the definition."""
        version = self._mapping_version()
        return [
            ListFacts(
                name=name,
                holds=reader.spec.holds,  # type: ignore[arg-type]  # lookups have no reader
                incremental=not isinstance(reader.spec.cursor, NoCursor | None),
                complete_listing_proves_absence=reader.spec.absence_is_deletion,
                reads_by_id=reader.spec.fetch is not None,
                mapping_version=version,
                read_again_in_sweeps=reader.spec.detail is not None
                and reader.spec.detail.when == "swept",
            )
            for name, reader in self._readers.items()
        ]

    def _mapping_version(self) -> str:
        operator = self._parts.operator
        part = {
            "engine": ENGINE_VERSION,
            "definition": self._parts.definition.digest,
            "statuses": {status.value: names for status, names in operator.statuses.items()},
            "fields": operator.fields,
        }
        if self._model.api.time_zone is not None:
            part["time_zone"] = str(self._parts.drafts.zone(None))
        return sha256(msgspec.json.encode(part, order="sorted")).hexdigest()[:16]

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the definition says this ATS can do."""
        writes, analytics = self._model.writes, self._model.analytics
        operations = writes.operations()
        moves_back = writes.move is not None and "rejected" in writes.move.allowed_from
        return Capabilities(
            moves=writes.move is not None,
            rejects=writes.reject is not None,
            unrejects=writes.unreject is not None or moves_back,
            hires=writes.hire is not None,
            withdraws=writes.withdraw is not None or writes.reject is not None,
            analytics=analytics.kind if analytics else None,
            reads_application=writes.read is not None,
            guarded_writes=any(write.guard for write in operations.values()),
            read_before_write=not all(write.repeatable for write in operations.values()),
            shows_values=self._shows_values(),
            waivers=dict(self._model.waivers),  # type: ignore[arg-type]  # capabilities are words
        )

    def _shows_values(self) -> bool:
        """Values are custom fields, or tags where earlier ones are taken away."""
        analytics, model = self._model.analytics, self._model
        if not isinstance(analytics, ValueAnalytics):
            return False
        candidate, application = model.candidate, model.application
        if analytics.replaces is not None:
            return candidate is not None and candidate.tags is not None
        if application is not None and application.custom_fields is not None:
            return True
        in_one = any(spec.holds == "both" for spec in model.lists.values())
        return in_one and candidate is not None and candidate.custom_fields is not None

    # Reading

    async def open(self) -> None:
        """Make ready to send."""
        await self._parts.http.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.finish()
        await self._parts.http.close()

    async def check(self) -> None:
        """Return if the ATS accepts the credential."""
        draft = self._parts.drafts.draft(self._model.api.check, "check")
        await self._transport.read(draft.outgoing(), "check", whole)

    def pages(
        self,
        list_name: str,
        window: Window,
        *,
        position: Position | None = None,
    ) -> AsyncIterator[Page]:
        """Walk a list."""
        return self._listings[list_name].pages(window, position)

    async def prepare_mapping(self, list_name: str) -> str:
        """Load the lists again that mapping this one looks things up in; a digest of them."""
        return await self._readers[list_name].prepare()

    async def map_records(
        self,
        list_name: str,
        records: Sequence[RawRecord],
        *,
        known: Mapping[str, bytes] | None = None,
    ) -> list[Mapped | Unchanged | MappingFailed]:
        """Decode and translate, in the order given."""
        return await self._readers[list_name].map(records, known or {})

    def take_issues(self) -> Sequence[ReadIssue]:
        """Everything that could not be read, or only after a repair, since the last call."""
        return self._issues.take()

    async def fetch(
        self, list_name: str, external_ids: Sequence[str]
    ) -> Mapping[str, RawRecord | None]:
        """Read records by id; None for an id that the ATS does not have.

        An id of which the answer does not tell is left out.
        """
        found = await self._fetcher.read(list_name, external_ids)
        told = self._listings[list_name].tell(found.encoded())
        by_id = {record.external_id: record for record in told.records}
        known = [each for each in external_ids if each in by_id or each not in found.doubtful]
        return {external_id: by_id.get(external_id) for external_id in known}

    async def read_application(self, ref: ApplicationRef) -> ApplicationRecord | None:
        """What the ATS holds right now; None if the application is gone."""
        found = await self._read(ref)
        return found[0] if found else None

    async def _read(self, ref: ApplicationRef) -> tuple[ApplicationRecord, Context] | None:
        spec = self._model.writes.read
        if spec is None:
            raise NotSupported(f"{self.ats_name} cannot read one application")
        key = ref.external_id if spec.by == "application_id" else ref.candidate_external_id
        reader = self._readers[spec.list]
        try:
            read = await self._fetcher.read(spec.list, [key], urgent=True)
        except NotFound:
            return None
        record = next((row for row in read.rows if reader.known_as(row) == key), None)
        if record is None:
            if key in read.doubtful:
                raise BrokenAnswer(f"{spec.list}: the answer does not show the record {key}")
            return None
        try:
            found = await reader.applications(record)
        except RecordFailed as error:
            raise Rejected(f"{spec.list}: record {key} cannot be read: {error}") from None
        for application, context in found:
            if application["external_id"] == ref.external_id:
                self._remember(ref.external_id, context)
                return application, context
        return None

    def _remember(self, application_id: str, context: Context) -> None:
        """A push is planned right after its application was read; that saves reading it twice."""
        self._contexts[application_id] = context
        self._contexts.move_to_end(application_id)
        while len(self._contexts) > _REMEMBERED:
            self._contexts.popitem(last=False)

    async def _context(self, ref: ApplicationRef) -> Context:
        remembered = self._contexts.pop(ref.external_id, None)
        if remembered is not None:
            return remembered
        if self._model.writes.read is None:
            return {}
        found = await self._read(ref)
        self._contexts.pop(ref.external_id, None)
        return found[1] if found else {}

    async def _load_rows(self, name: str, scope: str | None) -> Rows:
        listing = self._listings[name]
        return await listing.rows(listing.draft({"scope": scope})) or []

    async def _load_scopes(self, name: str) -> Scopes:
        """The ids of a lookup list's records as they are now."""
        id_of = compile_path(self._model.lists[name].id)
        rows = await self._lookups.rows(name, max_age_s=0.0)
        ids = [found for row in rows if (found := identifier(id_of(row))) is not None]
        if odd := len(rows) - len(ids):
            self._issues.note("scope", f"a row of {name}", "has no usable id", odd)
        return Scopes(ids, odd)

    async def _load_at_most(self, name: str, most: int) -> Rows | None:
        listing = self._listings[name]
        return await listing.rows(listing.draft(), most=most)

    # Writing

    async def plan_push(
        self,
        ref: ApplicationRef,
        current: ApplicationRecord,
        target: PushTarget,
        *,
        refresh: bool = False,
    ) -> PushPlan:
        """Requests that bring the application from `current` to `target`. Sends no write."""
        context = await self._context(ref)
        age = 0.0 if refresh else _SETUP_AGE_S
        account = await self._account(ref, current, target, context, max_age_s=age)
        plan = self._planner.plan(ref, current, target, account, context)
        if refresh or not isinstance(plan, Impossible):
            return plan
        # A stage or reason may have been made a minute ago.
        account = await self._account(ref, current, target, context, max_age_s=0.0)
        return self._planner.plan(ref, current, target, account, context)

    async def _account(
        self,
        ref: ApplicationRef,
        current: ApplicationRecord,
        target: PushTarget,
        context: Context,
        *,
        max_age_s: float,
    ) -> Account:
        stages = await self._stages_of(context, max_age_s)
        closed = target.status in CLOSED
        reasons = await self._reasons(max_age_s) if closed else []
        values = {
            "application_id": ref.external_id,
            "candidate_id": ref.candidate_external_id,
            "job_id": ref.job_external_id or current["job"]["external_id"],
        }
        chosen = {
            name: await self._choices.chosen(write.choose, values, max_age_s)
            for name, write in self._model.writes.operations().items()
            if write.choose and _may_be_used(name, target.status)
        }
        return Account(stages, reasons, chosen)

    async def _stages_of(self, context: Context, max_age_s: float) -> list[Stage]:
        reader = self._stage_reader
        if reader is None:
            return []
        if reader.spec.list is None:
            return reader.fixed()
        listed = await self._listed_stages(reader, reader.spec.list, context, max_age_s)
        return [*reader.fixed(), *listed]

    async def _listed_stages(
        self, reader: StageReader, name: str, context: Context, max_age_s: float
    ) -> list[Stage]:
        path = reader.spec.application_scope
        scope = identifier(compile_path(path)(context)) if path else None
        if self._is_scoped(name):
            if scope is None:
                return []
            return await self._read_stages(reader, name, max_age_s, scope)
        stages = await self._read_stages(reader, name, max_age_s)
        return [each for each in stages if path is None or each.scope in (None, scope)]

    async def _read_stages(
        self, reader: StageReader, name: str, max_age_s: float, scope: str | None = None
    ) -> list[Stage]:
        rows = await self._lookups.rows(name, scope, max_age_s=max_age_s)
        shown = [
            await self._lookups.rows(each, max_age_s=max_age_s) for each in reader.spec.kinds_from
        ]
        return reader.read(rows, scope, shown)

    def _is_scoped(self, list_name: str) -> bool:
        return "scope" in self._model.lists[list_name].request.placeholders

    async def _reasons(self, max_age_s: float) -> list[Reason]:
        spec = self._model.writes.reasons
        if spec is None:
            return []
        reader = ReasonReader(spec, self._rules)
        found: list[Reason] = []
        for name in (spec.list, *spec.more):
            found += reader.read(await self._lookups.rows(name, max_age_s=max_age_s))
        return found

    async def perform(self, step: Step) -> None:
        """Send one write, once; only a refused guard is followed by its other form.

        The form that an account has taken is tried first from then on.
        """
        bodies = (step.body, *step.alternatives)
        first = self._guard_forms.get(step.operation, 0)
        refusals: list[GuardRefused] = []
        for at in sorted(range(len(bodies)), key=lambda at: at != first):
            try:
                await self._send_step(step, bodies[at])
            except GuardRefused as error:
                refusals.append(error)
            else:
                self._guard_forms[step.operation] = at
                return
        # The form that is known to be right says why; the others are refused for being others.
        raise refusals[0]

    async def _send_step(self, step: Step, body: Any) -> None:
        write = self._model.writes.operations()[step.operation]
        url = URL(step.url)
        outgoing = Draft(
            operation=step.operation,
            method=step.method,
            url=url.update_query(step.query) if step.query else url,
            headers=self._parts.drafts.headers(write.request),
            body=body,
            form=step.form,
            is_write=True,
        ).outgoing()
        await self._write(outgoing, write.shown_by)

    async def _write(self, outgoing: Outgoing, shown_by: str | None = None) -> None:
        """Send once; an answer that does not show success leaves the outcome unknown."""
        answer = await self._transport.once(outgoing, "write", written)
        if answer.skipped:
            return
        body = answer.payload or EMPTY
        doubtful = doubt(
            answer.status,
            body,
            answer.headers.get("Content-Type", ""),
            is_shown=self._is_shown(body, shown_by),
        )
        if doubtful is not None:
            raise OutcomeUnknown(
                f"{outgoing.operation}: the ATS {doubtful}, which does not show that the write "
                "took effect",
                status=answer.status,
                operation=outgoing.operation,
            )

    def _is_shown(self, body: Written, shown_by: str | None) -> bool | None:
        """By the definition's condition, or by its `ok_when`, which holds for what is JSON here."""
        if shown_by is not None:
            return body.form == "json" and bool(compile_path(shown_by)(body.value))
        return body.form == "json" if self._transport.verdicts.judges_success else None

    async def stages(self) -> list[StageFacts]:
        """The account's stages with what they map to."""
        reader = self._stage_reader
        if reader is None:
            return []
        stages = await self._every_stage(reader)
        targets = self._targets(stages)
        return [
            StageFacts(
                each.external_id,
                each.name,
                each.kind,
                each.scope,
                each.status,
                is_push_target=each in targets,
                stands_in_for=tuple(s for s in targets.get(each, ()) if s is not each.status),
            )
            for each in stages
        ]

    async def _every_stage(self, reader: StageReader) -> list[Stage]:
        spec = reader.spec
        if spec.list is None:
            return reader.fixed()
        if not self._is_scoped(spec.list):
            listed = await self._read_stages(reader, spec.list, 0.0)
            return [*reader.fixed(), *listed]
        if spec.scopes is None:
            return []
        found: list[Stage] = []
        for scope in (await self._load_scopes(spec.scopes)).ids:
            found += await self._read_stages(reader, spec.list, _SETUP_AGE_S, scope)
        return found

    def _targets(self, stages: Sequence[Stage]) -> Mapping[Stage, list[ApplicationStatus]]:
        """By stage: the statuses that a push brings there."""
        operators = self._parts.operator.statuses
        found: dict[Stage, list[ApplicationStatus]] = {}
        for scope in {stage.scope for stage in stages}:
            own = [stage for stage in stages if stage.scope == scope]
            for status in ApplicationStatus:
                target = push_target(own, status, operators)
                if target is not None:
                    found.setdefault(target, []).append(status)
        return found

    # Analytics

    async def send_report(self, report: Mapping[str, Any], *, period_key: str) -> None:
        """Deliver a whole analytics report."""
        analytics = self._model.analytics
        if not isinstance(analytics, ReportAnalytics):
            raise NotSupported(f"{self.ats_name} takes no analytics report")
        values = {"report": dict(report), "period_key": period_key}
        await self._send(analytics.request, values, analytics.shown_by)

    async def send_value(self, ref: ApplicationRef, value: str, *, field_name: str) -> None:
        """Deliver one application's analytics value."""
        analytics = self._model.analytics
        if not isinstance(analytics, ValueAnalytics):
            raise NotSupported(f"{self.ats_name} takes no analytics per application")
        values: dict[str, object] = {
            "application_id": ref.external_id,
            "candidate_id": ref.candidate_external_id,
            "job_id": ref.job_external_id,
            "value": value,
            "field": field_name,
        }
        chosen = await self._choices.of_field(analytics.choose, values, _SETUP_AGE_S)
        missing = [name for name, found in chosen.items() if found is None]
        values |= chosen
        await self._take_away(analytics, ref, values)
        request = analytics.otherwise if missing and analytics.otherwise else analytics.request
        await self._send(request, values, analytics.shown_by)

    async def _take_away(
        self, analytics: ValueAnalytics, ref: ApplicationRef, values: dict[str, object]
    ) -> None:
        if analytics.replaces is None:
            return
        read = await self._read(ref)
        context = read[1] if read else {}
        found = compile_path(analytics.replaces.values)(context)
        prefix = fill_text(analytics.replaces.starts_with, self._parts.settings.resolver(values))
        ours = [each for each in found or [] if isinstance(each, str) and each.startswith(prefix)]
        stale = [each for each in ours if each != f"{prefix}{values['value']}"]
        if stale:
            await self._send(analytics.replaces.request, {**values, "stale": stale})

    async def _send(
        self, request: Request, values: Mapping[str, object], shown_by: str | None = None
    ) -> None:
        draft = self._parts.drafts.draft(request, "analytics", values, is_write=True)
        await self._write(draft.outgoing(), shown_by)


def _may_be_used(operation: str, status: ApplicationStatus) -> bool:
    if status is ApplicationStatus.HIRED:
        return operation in {"hire", "unreject"}
    if status in CLOSED:
        return operation in {"reject", "withdraw", "unreject"}
    return operation in {"move", "unreject"}
