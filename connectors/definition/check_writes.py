"""Checks of writes, analytics and webhooks: names, guards, reasons, read-back, waivers."""

import re
from collections.abc import Set as AbstractSet

from config.checked_document import Document
from config.nodes import NodePath
from config.problems import did_you_mean
from connectors.definition.analytics import ReportAnalytics, ValueAnalytics
from connectors.definition.check_lists import list_named
from connectors.definition.check_placeholders import check_placeholders, settings_names
from connectors.definition.paths import joins_used
from connectors.definition.placeholders import names_in
from connectors.definition.root import DefinitionModel
from connectors.definition.webhook import Webhook
from connectors.definition.writes import REASON_NAMES, STAGE_NAMES, Choice, Stages, Write

WRITE_NAMES = STAGE_NAMES | REASON_NAMES | {"application_id", "candidate_id", "job_id", "guard"}
VALUE_NAMES = frozenset({"application_id", "candidate_id", "job_id", "value", "field"})
_BEFORE_NAMES = frozenset({"application_id", "candidate_id", "job_id"})
_EMAIL_NAMES = frozenset({"email_template", "email_at"})


def check_writes(document: Document, model: DefinitionModel) -> None:
    for name, write in model.writes.operations().items():
        _check_write(document, model, ("writes", name), write)
    _check_note(document, model)
    _check_hired_fields(document, model)
    _check_sources(document, model)
    _check_read(document, model)
    _check_waivers(document, model)


def _check_write(document: Document, model: DefinitionModel, path: NodePath, write: Write) -> None:
    names = settings_names(model) | WRITE_NAMES | {"note"} | set(write.choose)
    if path[-1] == "reject":
        names |= _EMAIL_NAMES
    if path[-1] == "hire":
        names |= set(model.writes.hired_fields)
    location, parts = (*path, "request"), write.request.parts()
    headers = parts.pop("headers")
    check_placeholders(document, (*location, "headers"), headers, settings_names(model))
    check_placeholders(document, location, parts, names)
    used = write.request.placeholders
    _check_choices(document, model, path, write.choose, used, _BEFORE_NAMES)
    _check_guard(document, model, path, write, used)
    _check_needs(document, model, path, write, used)
    if not used & {"application_id", "candidate_id", *write.choose}:
        message = "names no application: {application_id} or {candidate_id} must be in it"
        document.error(location, message)


def _check_note(document: Document, model: DefinitionModel) -> None:
    note, path = model.writes.note, ("writes", "note")
    if note is None:
        return
    names = settings_names(model) | _BEFORE_NAMES | {"note"}
    check_placeholders(document, (*path, "request"), note.request.parts(), names)
    if "note" not in note.request.placeholders:
        document.error((*path, "request"), "writes nothing: {note} must be in it")
    if note.needs_user and "acting_user" not in note.request.placeholders:
        document.error((*path, "needs_user"), "needs {acting_user} in the request")


def _check_hired_fields(document: Document, model: DefinitionModel) -> None:
    hire = model.writes.hire
    used = hire.request.placeholders if hire is not None else frozenset()
    for name in model.writes.hired_fields:
        if name not in used:
            message = f"is declared, but {{{name}}} is nowhere in `hire`"
            document.error(("writes", "hired_fields", name), message, on_key=True)


def _check_guard(
    document: Document, model: DefinitionModel, path: NodePath, write: Write, used: frozenset[str]
) -> None:
    if write.guard and "guard" not in used:
        document.error((*path, "guard"), "is declared, but {guard} is nowhere in the request")
    if "guard" in used and not write.guard:
        document.error(
            (*path, "request"), "uses {guard}, but `guard` does not say where it comes from"
        )
    if write.guard and model.writes.read is None:
        document.error((*path, "guard"), "needs `writes.read`, which reads the application")
    known = set().union(*(spec.joins for spec in model.lists.values()), set())
    for at, text in enumerate(write.guard):
        for name in sorted(joins_used(text) - known):
            hint = did_you_mean(name, known)
            document.error((*path, "guard", at), f"there is no join {name}", hint=hint)


def _check_needs(
    document: Document, model: DefinitionModel, path: NodePath, write: Write, used: frozenset[str]
) -> None:
    if used & STAGE_NAMES and model.writes.stages is None:
        document.error(
            (*path, "request"), "sends a stage, but `writes.stages` does not say which there are"
        )
    if used & REASON_NAMES and model.writes.reasons is None:
        document.error(
            (*path, "request"), "sends a reason, but `writes.reasons` does not say which there are"
        )
    if write.needs_reason and not used & REASON_NAMES:
        message = "a reason is needed, but {reason_id} or {reason_name} is nowhere in the request"
        document.error((*path, "needs_reason"), message)


def _check_choices(
    document: Document,
    model: DefinitionModel,
    path: NodePath,
    choices: dict[str, Choice],
    used: AbstractSet[str],
    known: AbstractSet[str],
) -> None:
    names = settings_names(model) | known
    for name, choice in choices.items():
        location = (*path, "choose", name)
        list_named(document, model, (*location, "list"), choice.list)
        check_placeholders(document, (*location, "where"), choice.where, names)
        check_placeholders(document, (*location, "scope"), choice.scope, names)
        read = {use.name for each in choices.values() for use in names_in([each.where, each.scope])}
        if name not in used | read:
            message = f"is chosen, but {{{name}}} is nowhere in the request"
            document.error(location, message, on_key=True)
        names.add(name)


def _check_sources(document: Document, model: DefinitionModel) -> None:
    stages, reasons = model.writes.stages, model.writes.reasons
    if stages is not None:
        _check_stages(document, model, stages)
    for name in (reasons.list, *reasons.more) if reasons is not None else ():
        list_named(document, model, ("writes", "reasons", "list"), name)


def _check_stages(document: Document, model: DefinitionModel, stages: Stages) -> None:
    path: NodePath = ("writes", "stages")
    if not (stages.list or stages.fixed or stages.unlisted):
        document.error(path, "needs `list`, `fixed` or `unlisted`")
    if stages.each is not None and stages.list is None:
        document.error((*path, "each"), "has no meaning without `list`")
    if stages.scopes is not None:
        list_named(document, model, (*path, "scopes"), stages.scopes)
    for at, name in enumerate(stages.kinds_from):
        list_named(document, model, (*path, "kinds_from", at), name)
    try:
        re.compile(stages.unlisted or "")
    except re.error as error:
        document.error((*path, "unlisted"), f"is no regular expression: {error}")
    spec = list_named(document, model, (*path, "list"), stages.list) if stages.list else None
    if spec is not None and spec.is_scoped and stages.application_scope is None:
        message = f"lists.{stages.list} is read for each {{scope}}; say where an application has it, in `application_scope`"
        document.error((*path, "list"), message)


def _check_read(document: Document, model: DefinitionModel) -> None:
    writes = model.writes
    read = writes.read
    if read is None:
        for name, write in writes.operations().items():
            if not write.repeatable:
                message = (
                    "could take effect twice, so the application has to be read first; add "
                    "`writes.read`, or `repeatable: true` if repeating it is harmless"
                )
                document.error(("writes", name), message, on_key=True)
        return
    spec = list_named(document, model, ("writes", "read", "list"), read.list)
    if spec is None:
        return
    if spec.fetch is None:
        document.error(("writes", "read", "list"), f"lists.{read.list} has no `fetch`")
    if spec.holds not in {"applications", "both"}:
        document.error(("writes", "read", "list"), f"lists.{read.list} holds no applications")
    several = model.application is not None and model.application.each is not None
    if several and read.by == "application_id":
        message = (
            "records with several applications are read by candidate: write `by: candidate_id`"
        )
        document.error(("writes", "read"), message)


def _check_waivers(document: Document, model: DefinitionModel) -> None:
    has: dict[str, bool] = {
        **dict.fromkeys(model.writes.operations(), True),
        "analytics": model.analytics is not None,
        "webhook": model.webhook is not None,
        "guard": any(write.guard for write in model.writes.operations().values()),
        "note": model.writes.note is not None,
        "rejection_email": model.writes.takes_email,
    }
    for name in model.waivers:
        if has.get(name):
            message = "is waived, but the definition has it"
            document.error(("waivers", name), message, on_key=True)


def check_analytics(document: Document, model: DefinitionModel) -> None:
    analytics = model.analytics
    path: NodePath = ("analytics",)
    names = settings_names(model)
    if isinstance(analytics, ReportAnalytics):
        known = names | {"report", "period_key"}
        check_placeholders(document, (*path, "request"), analytics.request.parts(), known)
        if "report" not in analytics.request.placeholders:
            document.error((*path, "request"), "sends nothing: {report} must be in it")
    if isinstance(analytics, ValueAnalytics):
        _check_value(document, model, analytics, names | VALUE_NAMES)


def _check_value(
    document: Document, model: DefinitionModel, analytics: ValueAnalytics, names: set[str]
) -> None:
    path: NodePath = ("analytics",)
    used: set[str] = set()
    for name, request in (("request", analytics.request), ("otherwise", analytics.otherwise)):
        if request is not None:
            known = names | set(analytics.choose)
            check_placeholders(document, (*path, name), request.parts(), known)
            used |= request.placeholders
    if "value" not in used:
        document.error((*path, "request"), "sends nothing: {value} must be in it")
    _check_choices(document, model, path, analytics.choose, used, VALUE_NAMES)
    if analytics.otherwise is not None and all(c.required for c in analytics.choose.values()):
        message = "is never used: every choice is required"
        document.error((*path, "otherwise"), message, on_key=True)
    if analytics.replaces is not None:
        location, replaces = (*path, "replaces"), analytics.replaces
        parts = replaces.request.parts()
        check_placeholders(document, (*location, "request"), parts, names | {"stale"})
        check_placeholders(document, (*location, "starts_with"), replaces.starts_with, names)
        if model.writes.read is None:
            document.error(location, "needs `writes.read`, which reads the application")


def check_webhook(document: Document, model: DefinitionModel) -> None:
    if model.webhook is None:
        return
    webhook = model.webhook
    signature, at = webhook.signature, ("webhook", "signature")
    if (signature.header is None) == (signature.at is None):
        document.error(at, "needs exactly one of `header` and `at`")
    if signature.secret not in model.credentials:
        message = f'`credentials` declares no "{signature.secret}"'
        hint = did_you_mean(signature.secret, model.credentials)
        document.error((*at, "secret"), message, hint=hint)
    if "{signature}" not in signature.format:
        document.error((*at, "format"), "needs {signature}")
    if "{body" not in signature.message:
        document.error((*at, "message"), "signs nothing of the body; needs {body} or {body.<key>}")
    _check_event(document, model, webhook)


def _check_event(document: Document, model: DefinitionModel, webhook: Webhook) -> None:
    path = ("webhook",)
    if (webhook.event is None) == (webhook.event_header is None):
        document.error(path, "needs exactly one of `event` and `event_header`")
    for one, other in (("event_id", "event_id_header"), ("timestamp", "timestamp_header")):
        if getattr(webhook, one) is not None and getattr(webhook, other) is not None:
            document.error((*path, other), f"is given beside `{one}`; keep one of the two")
    for name in webhook.records:
        if name not in model.lists:
            hint = did_you_mean(name, model.lists)
            document.error((*path, "records", name), "is no list", hint=hint)
        elif model.lists[name].fetch is None:
            document.error((*path, "records", name), "needs `fetch` in its list, to read it by id")
