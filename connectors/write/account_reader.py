"""Stages, reasons and choices of an ATS account, read from the lookup lists of the definition."""

from collections.abc import Mapping, Sequence

from connectors.definition.compiled_paths import compile_path
from connectors.definition.root import DefinitionModel
from connectors.definition.writes import operations_for
from connectors.http.parts import Parts
from connectors.read.ids import identifier
from connectors.read.joins import Context
from connectors.read.reader import AtsReader
from connectors.read.statuses import StatusRules
from connectors.values import ApplicationRef, PushTarget, StageFacts
from connectors.write.choices import ChoiceFinder
from connectors.write.push_planner import AccountSetup
from connectors.write.stages import (
    AccountReason,
    AccountStage,
    ReasonReader,
    StageReader,
    push_target,
)
from models.candidate import ApplicationRecord
from models.status import CLOSED, ApplicationStatus

ACCOUNT_AGE_S = 300.0
"""The age in seconds that stages, reasons and choices may have when a push is planned."""


class AccountReader:
    """Reads what a push needs to know of one account."""

    def __init__(
        self, parts: Parts, reader: AtsReader, rules: StatusRules, choices: ChoiceFinder
    ) -> None:
        self._model: DefinitionModel = parts.definition.model
        self._acting_user = parts.operator.acting_user
        self._overrides = parts.operator.statuses
        self._reader = reader
        self._rules = rules
        self._choices = choices
        stages = self._model.writes.stages
        self._stages = StageReader(stages, rules) if stages else None

    async def account(
        self,
        ref: ApplicationRef,
        current: ApplicationRecord,
        target: PushTarget,
        context: Context,
        *,
        max_age_s: float,
    ) -> AccountSetup:
        """Returns stages, reasons and choices for one push, none older than `max_age_s`."""
        stages = await self._stages_of(context, max_age_s)
        reasons = await self._reasons(max_age_s) if target.status in CLOSED else []
        values = ref.placeholders(current["job"]["external_id"])
        needed: set[str] = {*operations_for(target.status), "unreject"}
        chosen = {
            name: await self._choices.chosen(write.choose, values, max_age_s)
            for name, write in self._model.writes.operations().items()
            if write.choose and name in needed
        }
        return AccountSetup(stages, reasons, chosen)

    async def _stages_of(self, context: Context, max_age_s: float) -> list[AccountStage]:
        """Returns the stages that the application of a record may be in."""
        reader = self._stages
        if reader is None:
            return []
        name, path = reader.spec.list, reader.spec.application_scope
        if name is None:
            return reader.fixed(self._overrides)
        scope = identifier(compile_path(path)(context)) if path else None
        listed: list[AccountStage] = []
        if not self._model.lists[name].is_scoped:
            found = await self._read_stages(reader, name, max_age_s)
            listed = [each for each in found if path is None or each.scope in (None, scope)]
        elif scope is not None:
            listed = await self._read_stages(reader, name, max_age_s, scope)
        return [*reader.fixed(self._overrides), *listed]

    async def _read_stages(
        self, reader: StageReader, name: str, max_age_s: float, scope: str | None = None
    ) -> list[AccountStage]:
        lookups = self._reader.lookups
        rows = await lookups.rows(name, scope, max_age_s=max_age_s)
        shown = [await lookups.rows(each, max_age_s=max_age_s) for each in reader.spec.kinds_from]
        return reader.read(rows, scope, shown)

    async def _reasons(self, max_age_s: float) -> list[AccountReason]:
        spec = self._model.writes.reasons
        if spec is None:
            return []
        reader = ReasonReader(spec, self._rules)
        found: list[AccountReason] = []
        for name in (spec.list, *spec.more):
            found += reader.read(await self._reader.lookups.rows(name, max_age_s=max_age_s))
        return found

    async def stage_facts(self) -> list[StageFacts]:
        """Returns the account's stages with the statuses that they map to."""
        if self._stages is None:
            return []
        stages = await self._all_stages(self._stages)
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

    async def _all_stages(self, reader: StageReader) -> list[AccountStage]:
        spec = reader.spec
        if spec.list is None:
            return reader.fixed(self._overrides)
        if not self._model.lists[spec.list].is_scoped:
            listed = await self._read_stages(reader, spec.list, 0.0)
            return [*reader.fixed(self._overrides), *listed]
        if spec.scopes is None:
            return []
        found: list[AccountStage] = []
        for scope in (await self._reader.load_scopes(spec.scopes)).ids:
            found += await self._read_stages(reader, spec.list, ACCOUNT_AGE_S, scope)
        return found

    async def user_problem(self) -> str | None:
        """Returns why the acting user cannot act: not among the account's users, or deactivated."""
        acting = self._model.acting_user
        if acting is None or acting.users is None or not self._acting_user:
            return None
        id_of = compile_path(self._model.lists[acting.users].id)
        users = await self._reader.load_rows(acting.users, None)
        found = next((each for each in users if identifier(id_of(each)) == self._acting_user), None)
        if found is None:
            return "is no user of this account"
        if acting.inactive is not None and compile_path(acting.inactive)(found):
            return "is deactivated at the ATS"
        return None

    def _targets(
        self, stages: Sequence[AccountStage]
    ) -> Mapping[AccountStage, list[ApplicationStatus]]:
        """Returns by stage the statuses that a push brings there."""
        found: dict[AccountStage, list[ApplicationStatus]] = {}
        for scope in {stage.scope for stage in stages}:
            own = [stage for stage in stages if stage.scope == scope]
            for status in ApplicationStatus:
                target = push_target(own, status, self._overrides)
                if target is not None:
                    found.setdefault(target, []).append(status)
        return found
