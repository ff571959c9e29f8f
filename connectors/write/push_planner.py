"""Decides which requests bring an application to a wanted status. Pure: it sends nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors.definition.compiled_paths import compile_path
from connectors.definition.placeholders import MissingValue
from connectors.definition.writes import (
    REASON_NAMES,
    STAGE_NAMES,
    Operation,
    Write,
    operations_for,
)
from connectors.http.parts import Parts
from connectors.times import write_time
from connectors.values import (
    AlreadyThere,
    ApplicationRef,
    Impossible,
    PushPlan,
    PushTarget,
    Step,
    Steps,
)
from connectors.write.stages import AccountReason, AccountStage, push_target, reason_for, refers_to
from models.candidate import ApplicationRecord, AtsRef
from models.status import TURNED_DOWN, ApplicationStatus

_STAGES_SHOWN = 30


class AccountSetup(msgspec.Struct, frozen=True):
    """The account's lists that a push needs."""

    stages: Sequence[AccountStage]
    reasons: Sequence[AccountReason]
    chosen: Mapping[str, Mapping[str, object]]
    """Values of `choose`, by write."""


class _NotPossible(Exception):
    """Carries the reason to the one function that reports it."""


class Planner:
    """Plans pushes for one integration."""

    def __init__(self, parts: Parts) -> None:
        model, operator = parts.definition.model, parts.operator
        acting = model.acting_user
        self._parts = parts
        self._writes, self._title = model.writes, model.title
        self._operator = operator
        self._lacks_user = acting and acting.needed == "writes" and not operator.acting_user

    def plan(
        self,
        ref: ApplicationRef,
        current: ApplicationRecord,
        target: PushTarget,
        account: AccountSetup,
        context: Mapping[str, Any],
    ) -> PushPlan:
        """Requests from `current` to `target`, or why there are none."""
        if _is_there(current, target):
            return AlreadyThere()
        if self._lacks_user:
            return Impossible(
                f"{self._title} makes no write without a user; "
                f"add `integrations.{self._parts.name}.acting_user`"
            )
        try:
            return self._steps(_Task(ref, current, target, account, context))
        except _NotPossible as why:
            return Impossible(str(why))
        except MissingValue as missing:
            return Impossible(f"the request needs `{{{missing.args[0]}}}`, which has no value")

    def _steps(self, task: "_Task") -> PushPlan:
        name, write = self._operation(task)
        stage = self._stage(task, write)
        if name == "move" and stage is not None and _is_as_near(task, stage):
            return AlreadyThere()
        reason = self._reason(task, name, write)
        reopening = self._reopening(task, name, write)
        steps = [self._step("unreject", reopening, task, None, None)] if reopening else []
        basis = repr((stage, reason, dict(task.account.chosen)))
        if reopening and _is_there(
            {**task.current, "status": ApplicationStatus.REVIEWING}, task.target, stage
        ):
            return Steps(tuple(steps), task.target.status, task.current["stage"], basis)
        steps.append(self._step(name, write, task, stage, reason))
        arrival = stage.ref if stage else task.current["stage"]
        if write.arrives_at is not None:
            arrival = AtsRef(external_id=write.arrives_at, name=write.arrives_at)
        return Steps(tuple(steps), _arrived(task, name, stage), arrival, basis)

    def _operation(self, task: "_Task") -> tuple[Operation, Write]:
        found = self._writes.operation_for(task.target.status)
        if found is None:
            wanted = operations_for(task.target.status)[0]
            raise _NotPossible(f"{self._title} offers no way to {wanted} an application")
        return found

    def _reopening(self, task: "_Task", name: Operation, write: Write) -> Write | None:
        """The write that has to come first, because this one is not accepted from here."""
        state = _state(task.current["status"])
        if state in write.allowed_from:
            return None
        unreject = self._writes.unreject
        if unreject is None or state not in unreject.allowed_from:
            raise _NotPossible(f"{self._title} cannot {name} an application that is {state}")
        return unreject

    def _stage(self, task: "_Task", write: Write) -> AccountStage | None:
        if not _uses(write, STAGE_NAMES):
            return None
        named = task.target.stage
        if named is not None and task.target.status.is_open:
            return self._named_stage(task, named)
        found = push_target(task.account.stages, task.target.status, self._operator.statuses)
        if found is None and task.target.status in TURNED_DOWN and _uses(write, REASON_NAMES):
            other = ApplicationStatus.REJECTED
            found = push_target(task.account.stages, other, self._operator.statuses)
        if found is None:
            status = task.target.status.value
            raise _NotPossible(
                f"{self._title} has no stage for the status {status} in this job. "
                f"{_shown(task.account.stages)} Choose one and "
                f'add `integrations.{self._parts.name}.statuses.{status}: ["<stage>"]`'
            )
        return found

    def _named_stage(self, task: "_Task", named: AtsRef) -> AccountStage:
        called = [stage for stage in task.account.stages if refers_to(named, stage.ref)]
        for stage in called:
            if stage.is_active:
                return stage
        # A stage that the ATS does not have is a recruiter's own text, and may name a person.
        known = (
            f'the stage "{called[0].name}" is out of use' if called else "there is no such stage"
        )
        raise _NotPossible(f"{known} in this job at {self._title}. {_shown(task.account.stages)}")

    def _reason(self, task: "_Task", name: Operation, write: Write) -> AccountReason | None:
        if not _uses(write, REASON_NAMES):
            return None
        status = task.target.status
        found = reason_for(
            task.account.reasons,
            status,
            named=task.target.rejection_reason,
            operators=self._operator.rejection_reasons,
        )
        differs_by_reason = name == "reject" and status is ApplicationStatus.WITHDRAWN
        if found is None and (write.needs_reason or differs_by_reason):
            raise _NotPossible(
                f"{self._title} needs a reason to {name} as {status.value}, and none is known; "
                f'add `integrations.{self._parts.name}.rejection_reasons: {{default: "<reason>"}}`'
            )
        return found

    def _step(
        self,
        name: Operation,
        write: Write,
        task: "_Task",
        stage: AccountStage | None,
        reason: AccountReason | None,
    ) -> Step:
        chosen = task.account.chosen.get(name, {})
        for each, choice in write.choose.items():
            if choice.required and chosen.get(each) is None:
                message = f"nothing in `{choice.list}` fits it, and the request needs {{{each}}}"
                raise _NotPossible(f"{self._title} cannot {name} this application: {message}")
        values = task.values(stage, reason) | dict(chosen) | self._more(name, task)
        guards = _guards(write, task.context) or [None]
        drafts = [
            self._parts.requests.draft(
                write.request, name, {**values, "guard": guard}, is_write=True
            )
            for guard in guards
        ]
        first = drafts[0]
        return Step(
            operation=name,
            method=first.method,
            url=str(first.url.with_query(None)),
            query=dict(first.url.query),
            body=first.body,
            alternatives=tuple(draft.body for draft in drafts[1:]),
            form=dict(first.form),
        )

    def _more(self, name: Operation, task: "_Task") -> dict[str, object]:
        """Returns what the integration sends beside the status: a note, an e-mail, fields of `hired`."""
        values: dict[str, object] = {"note": task.target.note}
        email = self._operator.push.rejection_email
        if name == "reject" and email is not None and task.is_first_rejection:
            values["email_template"] = email.template
            if email.after is not None:
                values["email_at"] = write_time(self._parts.clock.now() + email.after)
        if name == "hire":
            values |= {field: self._hired_field(field, task) for field in self._writes.hired_fields}
        return values

    def _hired_field(self, name: str, task: "_Task") -> object:
        field, own = self._writes.hired_fields[name], self._operator.push.hired.get(name)
        path = own or field.path
        value = None if path is None else compile_path(path)(task.target.application)
        if value in (None, "") and (own is not None or field.required):
            hint = f"integrations.{self._parts.name}.push.hired.{name}"
            raise _NotPossible(
                f"{self._title} needs {name} to hire ({field.description}), and ClearView's application has no "
                f"value at `{path or name}`; enter it there, or correct `{hint}`"
            )
        return value


class _Task(msgspec.Struct, frozen=True):
    ref: ApplicationRef
    current: ApplicationRecord
    target: PushTarget
    account: AccountSetup
    context: Mapping[str, Any]

    @property
    def is_first_rejection(self) -> bool:
        """True if an application in progress is turned down by the company."""
        is_open = bool(self.current["status"].is_open)
        return is_open and self.target.status is ApplicationStatus.REJECTED

    def values(self, stage: AccountStage | None, reason: AccountReason | None) -> dict[str, object]:
        """Returns the values of a write's placeholders."""
        found = self.ref.placeholders(self.current["job"]["external_id"])
        if stage is not None:
            found["stage_id"], found["stage_name"] = stage.external_id, stage.name
            found["stage_slug"], found["stage_kind"] = stage.slug, stage.kind
        if reason is not None:
            found["reason_id"], found["reason_name"] = reason.external_id, reason.name
        return found


def _shown(stages: Sequence[AccountStage]) -> str:
    """The stages among which a person may choose."""
    names = list(dict.fromkeys(s.name or s.external_id or "?" for s in stages if s.is_active))
    if not names:
        return "The ATS shows no stage of this job to this credential."
    shown = ", ".join(f'"{name}"' for name in names[:_STAGES_SHOWN])
    more = len(names) - _STAGES_SHOWN
    return f"Its stages are {shown}{f' and {more} more' if more > 0 else ''}."


def _arrived(task: _Task, name: Operation, stage: AccountStage | None) -> ApplicationStatus:
    if name == "move" and stage is not None:
        return stage.status or task.target.status
    return task.target.status


def _is_there(
    current: Mapping[str, Any], target: PushTarget, stage: AccountStage | None = None
) -> bool:
    """A named stage is there or not; without one, any stage of the status will do."""
    named = target.stage
    if named is not None and target.status.is_open:
        return bool(current["status"].is_open) and refers_to(named, current["stage"])
    if stage is not None:
        return bool(current["stage"]["external_id"] == stage.external_id)
    return bool(current["status"] == target.status)


def _is_as_near(task: _Task, stage: AccountStage) -> bool:
    """True in the stage that has to do for a status which no stage is for."""
    stands_in = stage.status is not None and stage.status != task.target.status
    is_alike = task.current["status"] == stage.status
    return stands_in and is_alike and _is_there(task.current, task.target, stage)


def _state(status: ApplicationStatus) -> str:
    return "open" if status.is_open else status.value


def _uses(write: Write, names: frozenset[str]) -> bool:
    return not names.isdisjoint(write.request.placeholders)


def _guards(write: Write, context: Mapping[str, Any]) -> list[object]:
    """The guard's values in the order of the definition, each once."""
    found: list[object] = []
    for path in write.guard:
        value = compile_path(path)(context)
        if value is not None and value not in found:
            found.append(value)
    if write.guard and not found:
        raise _NotPossible("the application's record does not say where it is now")
    return found
