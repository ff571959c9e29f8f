"""An account's stages and rejection reasons, and which of them a push goes to. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import is_
from typing import Any

import msgspec

from connectors.definition.compiled_paths import Getter, compile_path
from connectors.definition.writes import Reasons, Stages
from connectors.read.conversions import FieldFailed, text
from connectors.read.getters import getter
from connectors.read.ids import identifier
from connectors.read.statuses import Operators, StatusRules, Verdict, folded
from models.candidate import AtsRef
from models.status import TURNED_DOWN, ApplicationStatus

Rows = Sequence[Mapping[str, Any]]
IsActive = Callable[[Any], bool]
_IN_USE = frozenset({"active", "isactive", "enabled", "isenabled"})
_OUT_OF_USE = frozenset(
    {"archived", "inactive", "deleted", "disabled", "deprecated", "isarchived", "isinactive"}
    | {"isdeleted", "isdisabled", "isdeprecated", "archivedat", "deletedat", "disabledat"}
)
_STATE = frozenset({"status", "state"})
_RETIRED = frozenset({"inactive", "archived", "deleted", "disabled", "deprecated", "retired"})


def activity(path: str | None) -> IsActive:
    """Returns a test for stages and reasons in use: the definition's condition, or the usual fields."""
    if path is None:
        return _is_usually_active
    holds = compile_path(path)
    return lambda row: bool(holds(row))


def _is_usually_active(row: Any) -> bool:
    if not isinstance(row, Mapping):
        return True
    around = (row.get("attributes"), row.get("record"))
    return not any(_is_retired(part) for part in (row, *around) if isinstance(part, Mapping))


def _is_retired(row: Mapping[str, Any]) -> bool:
    for key, value in row.items():
        name = key.replace("_", "").replace("-", "").lower()
        if name in _IN_USE and _flag(value) is False:
            return True
        if name in _OUT_OF_USE and _flag(value):
            return True
        if name in _STATE and isinstance(value, str) and folded(value) in _RETIRED:
            return True
    return False


def _flag(value: object) -> bool | None:
    """Flags are written as booleans, numbers, or text; the time of an end counts as one."""
    if isinstance(value, str):
        return {"true": True, "false": False, "": None}.get(value.casefold(), True)
    return bool(value) if isinstance(value, bool | int) else None


class AccountStage(msgspec.Struct, frozen=True):
    """A stage of the account."""

    external_id: str | None
    name: str
    kind: str | None
    slug: str | None
    position: float
    scope: str | None
    verdict: Verdict | None
    is_fixed: bool = False
    """The vendor has it in every account and for every job."""
    is_active: bool = True
    yields: bool = False
    """A push that names no stage goes to the fixed one of the same kind instead."""

    @property
    def status(self) -> ApplicationStatus | None:
        return self.verdict.status if self.verdict else None

    @property
    def ref(self) -> AtsRef:
        """The stage as an application shows it."""
        return AtsRef(external_id=self.external_id, name=self.name)


def refers_to(wanted: AtsRef, stage: AtsRef) -> bool:
    """True if an id, or else a name, refers to the stage."""
    if wanted["external_id"] is not None:
        return wanted["external_id"] == stage["external_id"]
    name, there = wanted["name"], stage["name"]
    return name is not None and there is not None and folded(name) == folded(there)


class StageReader:
    """Reads stages from the rows of a list, or takes those that the vendor fixes."""

    def __init__(self, spec: Stages, rules: StatusRules) -> None:
        self.spec = spec
        self._rules = rules
        self._get: dict[str, Getter] = {
            name: getter(getattr(spec, name))
            for name in ("external_id", "name", "kind", "slug", "position", "scope")
        }
        self._is_active = activity(spec.active)
        self._read_before: dict[str | None, tuple[Sequence[object], list[AccountStage]]] = {}
        """By scope: the lists of rows, and the stages that were read from them."""

    def fixed(self, operators: Operators) -> list[AccountStage]:
        """Returns the stages that every account has, and those that only the operator names."""
        fixed = [
            self._stage(each.id, each.name, each.kind, at, None, None, is_fixed=True)
            for at, each in enumerate(self.spec.fixed)
        ]
        return fixed + self._unlisted(operators)

    def _unlisted(self, operators: Operators) -> list[AccountStage]:
        if self.spec.unlisted is None:
            return []
        named = dict.fromkeys(each for names in operators.values() for each in names)
        ids = [each for each in named if re.fullmatch(self.spec.unlisted, each)]
        return [self._stage(each, each, None, at, None, None) for at, each in enumerate(ids)]

    def read(
        self, rows: Rows, scope: str | None = None, shown: Sequence[Rows] = ()
    ) -> list[AccountStage]:
        """Returns the stages of a list; `scope` is that of rows without one of their own.

        `shown` are the rows of the lists that show kinds.
        """
        before = self._read_before.get(scope)
        given = (rows, *shown)
        if before is not None and all(map(is_, before[0], given)):  # whatever their content
            return before[1]
        kinds = {identifier(row.get("id")): text(row.get("kind")) for part in shown for row in part}
        stages = []
        for at, row in enumerate(self._each(rows)):
            with suppress(FieldFailed):  # an odd row is no stage; the others are
                stages.append(self._read(row, at, scope, kinds))
        self._read_before[scope] = (given, stages)
        return stages

    def _each(self, rows: Rows) -> Iterator[Mapping[str, Any]]:
        if self.spec.each is None:
            yield from rows
            return
        inner = compile_path(self.spec.each)
        for row in rows:
            for item in inner(row) or []:
                yield {**item, "record": row} if isinstance(item, dict) else item

    def _read(
        self,
        row: Mapping[str, Any],
        at: int,
        scope: str | None,
        kinds: Mapping[str | None, str | None],
    ) -> AccountStage:
        found = {name: get(row) for name, get in self._get.items()}
        position = found["position"]
        external_id = identifier(found["external_id"])
        return self._stage(
            external_id,
            text(found["name"]) or "",
            kinds.get(external_id) or text(found["kind"]),
            at if not isinstance(position, int | float) else position,
            text(found["slug"]),
            identifier(found["scope"]) or scope,
            is_active=self._is_active(row),
        )

    def _stage(
        self,
        external_id: str | None,
        name: str,
        kind: str | None,
        position: float,
        slug: str | None,
        scope: str | None,
        *,
        is_fixed: bool = False,
        is_active: bool = True,
    ) -> AccountStage:
        verdict = self._rules.verdict(external_id, name, kind)
        return AccountStage(
            *(external_id, name, kind, slug, position, scope, verdict, is_fixed),
            is_active=is_active,
            yields=self.spec.prefer_fixed and not is_fixed,
        )


def push_target(
    stages: Sequence[AccountStage], status: ApplicationStatus, operators: Operators
) -> AccountStage | None:
    """Returns the stage for a status: the operator's first, else the surest, lowest one.

    A stage that is out of use is never chosen. Where the definition prefers the vendor's fixed stages,
    one that some hiring process adds below them is chosen only by name.
    """
    stages = [stage for stage in stages if stage.is_active]
    for wanted in operators.get(status, ()):
        for stage in stages:
            if wanted == stage.external_id or folded(wanted) == folded(stage.name):
                return stage
    fitting = [stage for stage in stages if stage.status == status]
    found = min(fitting, key=_preference, default=None)
    if found is None or not (found.yields and status.is_open):
        return found
    # The fixed stage of the kind: the application's job may lack the listed one.
    return next((each for each in stages if each.is_fixed and each.kind == found.kind), found)


def _preference(stage: AccountStage) -> tuple[int, float, str]:
    rank = stage.verdict.rank if stage.verdict else 9
    return (rank, stage.position, stage.external_id or stage.name)


class AccountReason(msgspec.Struct, frozen=True):
    """A rejection reason of the account."""

    external_id: str
    name: str
    status: ApplicationStatus | None


class ReasonReader:
    """Reads rejection reasons from the rows of a list."""

    def __init__(self, spec: Reasons, rules: StatusRules) -> None:
        self._rules = rules
        self._is_active = activity(spec.active)
        self._get = {
            name: getter(getattr(spec, name)) for name in ("external_id", "name", "status")
        }

    def read(self, rows: Iterable[Mapping[str, Any]]) -> list[AccountReason]:
        """Returns the reasons in use that have an id."""
        found = []
        for row in rows:
            with suppress(FieldFailed):  # an odd row is no reason; the others are
                external_id = identifier(self._get["external_id"](row))
                if external_id is not None and self._is_active(row):
                    name = text(self._get["name"](row)) or ""
                    found.append(AccountReason(external_id, name, self._status(row, name)))
        return found

    def _status(self, row: Mapping[str, Any], name: str) -> ApplicationStatus | None:
        stated = self._get["status"](row)
        status = ApplicationStatus(stated) if stated in set(ApplicationStatus) else None
        if status is None or status in TURNED_DOWN:
            return self._rules.reason_status(name) or status
        return status


def reason_for(
    reasons: Sequence[AccountReason],
    status: ApplicationStatus,
    *,
    named: str | None,
    operators: Mapping[str, str],
) -> AccountReason | None:
    """Returns the reason to send: the operator's for this name, else that name, else one that fits.

    A reason of another kind is never taken: a default for rejections would turn a withdrawal
    into one.
    """
    for name in (operators.get(named) if named else None, named):
        found = _called(reasons, name)
        if found is not None and found.status in {status, None}:
            return found
    exact = [reason for reason in reasons if reason.status == status]
    default = _called(reasons, operators.get("default"))
    if status is not ApplicationStatus.REJECTED:
        return default if default in exact else exact[0] if exact else None
    if default is not None and default.status in {status, None}:
        return default
    return exact[0] if len(exact) == 1 else None


def _called(reasons: Sequence[AccountReason], name: str | None) -> AccountReason | None:
    if name is None:
        return None
    for reason in reasons:
        if reason.external_id == name or folded(reason.name) == folded(name):
            return reason
    return None
