"""Checks of what a definition declares for operators, and of its address, credential, limits and time zones."""

import re
from collections.abc import Iterator
from zoneinfo import available_timezones

from config.checked_document import Document
from config.nodes import NodePath
from config.problems import did_you_mean
from connectors.definition.auth import Auth, LoginAuth, OAuth2
from connectors.definition.check_placeholders import check_placeholders, settings_names
from connectors.definition.cursors import UpdatedAtCursor
from connectors.definition.header_values import check_headers
from connectors.definition.placeholders import PLACEHOLDER, names_in
from connectors.definition.root import DefinitionModel
from connectors.times import time_zone

_EPOCHS = {"epoch_ms", "epoch_s", "json_date"}


def check_settings(document: Document, model: DefinitionModel) -> None:
    """Report mistakes in api, auth, credentials, options, limits, errors and time zones."""
    names = settings_names(model)
    check_placeholders(document, ("api", "base_url"), model.api.base_url, names)
    check_placeholders(document, ("api", "headers"), model.api.headers, names)
    check_placeholders(document, ("api", "check"), model.api.check.parts(), names)
    if not re.match(r"https?://", model.api.base_url):
        document.error(("api", "base_url"), "must begin with https:// (or http://)")
    _check_auth(document, model, names)
    _check_refresh(document, model)
    check_headers(document, model)
    _check_patterns(document, model)
    _check_limits(document, model)
    _check_zones(document, model, names)
    _check_unused(document, model)


def _check_auth(document: Document, model: DefinitionModel, names: set[str]) -> None:
    auth = model.auth
    if not isinstance(auth, LoginAuth):
        _check_sent(document, ("auth",), auth, names)
        return
    known = names | ({"access_token"} if auth.oauth2 else set())
    check_placeholders(document, ("auth", "request"), auth.request.parts(), known)
    check_placeholders(document, ("auth", "value"), auth.value, {"token"})
    if "token" not in {use.name for use in names_in(auth.value)}:
        document.error(("auth", "value"), "must hold {token}, the session's token")
    if auth.oauth2 is None:
        return
    _check_sent(document, ("auth", "oauth2"), auth.oauth2, names)
    if "access_token" not in auth.request.placeholders:
        message = "is declared, but {access_token} is nowhere in the login's request"
        document.error(("auth", "oauth2"), message)


def _check_sent(document: Document, path: NodePath, auth: Auth, names: set[str]) -> None:
    for key, part in auth.model_dump().items():
        if key not in {"kind", "token"} or auth.kind == "bearer":
            check_placeholders(document, (*path, key), part, names)


def _check_refresh(document: Document, model: DefinitionModel) -> None:
    auth: Auth = model.auth
    path: NodePath = ("auth",)
    if isinstance(auth, LoginAuth) and auth.oauth2 is not None:
        auth, path = auth.oauth2, ("auth", "oauth2")
    if not isinstance(auth, OAuth2):
        return
    if auth.grant == "refresh_token" and auth.refresh_token is None:
        document.error(path, "the grant refresh_token needs `refresh_token`")
    if auth.grant == "client_credentials" and auth.refresh_token is not None:
        document.error((*path, "refresh_token"), "is not used by the grant client_credentials")


def _check_patterns(document: Document, model: DefinitionModel) -> None:
    for name, option in model.options.items():
        pattern = _compiled(document, ("options", name, "pattern"), option.pattern)
        if pattern and option.default is not None and not pattern.fullmatch(option.default):
            message = "does not match the option's own `pattern`"
            document.error(("options", name, "default"), message)
    for at, rule in enumerate(model.errors.rules):
        _compiled(document, ("errors", "rules", at, "matches"), rule.matches)


def _compiled(document: Document, path: NodePath, pattern: str | None) -> re.Pattern[str] | None:
    """Returns a regular expression; reports it where it is none."""
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as error:
        document.error(path, f"is no regular expression: {error.msg}")
        return None


def _check_limits(document: Document, model: DefinitionModel) -> None:
    known = {*model.lists, *(f"{name}.fetch" for name in model.lists), "writes", "token", "check"}
    for at, limit in enumerate(model.limits.budgets):
        for position, name in enumerate(limit.only):
            if name not in known:
                message = f'there is no list "{name}"; write a list, `writes` or `token`'
                path: NodePath = ("limits", "budgets", at, "only", position)
                document.error(path, message, hint=did_you_mean(name, known))


def _check_unused(document: Document, model: DefinitionModel) -> None:
    used = set(_used_names(model))
    for part, declared in (("credentials", model.credentials), ("options", model.options)):
        for name in declared:
            if f"{part}.{name}" not in used:
                document.error((part, name), "is declared but used nowhere", on_key=True)
    if model.acting_user is not None and "acting_user" not in used:
        document.error(("acting_user",), "is declared but {acting_user} is used nowhere")


def _used_names(model: DefinitionModel) -> Iterator[str]:
    """Every placeholder in the definition, and the credential that webhooks are checked with."""
    for use in names_in(model.model_dump(exclude={"tests", "candidate", "application"})):
        yield use.name
    if model.webhook is not None:
        yield f"credentials.{model.webhook.signature.secret}"


def _check_zones(document: Document, model: DefinitionModel, names: set[str]) -> None:
    """Report time zones that are none, and those without effect."""
    for path, text in _zones(model):
        if PLACEHOLDER.fullmatch(text):
            check_placeholders(document, path, text, names)
        else:
            _check_name(document, path, text)
    for name in zone_options(model):
        option = model.options.get(name)
        if option is not None and option.default is not None:
            _check_name(document, ("options", name, "default"), option.default)
    for name, spec in model.lists.items():
        cursor = spec.cursor
        if not isinstance(cursor, UpdatedAtCursor) or cursor.time_zone is None:
            continue
        if {cursor.format, cursor.field_format or cursor.format} <= _EPOCHS:
            message = f"has no effect: {cursor.format} is the same in every zone"
            document.error(("lists", name, "cursor", "time_zone"), message)


def zone_options(model: DefinitionModel) -> list[str]:
    """The options that hold an account's time zone."""
    uses = [use.name for _, text in _zones(model) for use in names_in(text)]
    return [name.removeprefix("options.") for name in uses if name.startswith("options.")]


def zone_hint(name: str) -> str | None:
    """The zone that was probably meant."""
    return did_you_mean(name, sorted(available_timezones()))


def _zones(model: DefinitionModel) -> list[tuple[NodePath, str]]:
    found: list[tuple[NodePath, str | None]] = [(("api", "time_zone"), model.api.time_zone)]
    found += [
        (("lists", name, "cursor", "time_zone"), spec.cursor.time_zone)
        for name, spec in model.lists.items()
        if isinstance(spec.cursor, UpdatedAtCursor)
    ]
    return [(path, text) for path, text in found if text is not None]


def _check_name(document: Document, path: NodePath, text: str) -> None:
    try:
        time_zone(text)
    except ValueError as error:
        document.error(path, str(error), hint=zone_hint(text))
