"""Checks of what a definition declares for operators, and of its address, credential and limits."""

import re
from collections.abc import Iterator

from config.document import Document
from config.nodes import NodePath
from config.problems import did_you_mean
from connectors.definition.auth import Auth, LoginAuth, OAuth2
from connectors.definition.check_placeholders import check_placeholders, settings_names
from connectors.definition.header_values import check_headers
from connectors.definition.placeholders import names_in
from connectors.definition.root import DefinitionModel


def check_settings(document: Document, model: DefinitionModel) -> None:
    """Report mistakes in api, auth, credentials, options, limits and errors."""
    names = settings_names(model)
    check_placeholders(document, ("api", "base_url"), model.api.base_url, names)
    check_placeholders(document, ("api", "headers"), model.api.headers, names)
    for key, part in model.api.check.parts().items():
        check_placeholders(document, ("api", "check", key), part, names)
    _check_auth(document, model, names)
    _check_base_url(document, model)
    _check_refresh(document, model)
    check_headers(document, model)
    _check_patterns(document, model)
    _check_limits(document, model)
    _check_unused(document, model)


def _check_auth(document: Document, model: DefinitionModel, names: set[str]) -> None:
    auth = model.auth
    if not isinstance(auth, LoginAuth):
        _check_sent(document, ("auth",), auth, names)
        return
    known = names | ({"access_token"} if auth.oauth2 else set())
    for key, part in auth.request.parts().items():
        check_placeholders(document, ("auth", "request", key), part, known)
    check_placeholders(document, ("auth", "value"), auth.value, {"token"})
    if "token" not in {use.name for use in names_in(auth.value)}:
        document.error(("auth", "value"), "must hold {token}, which stands for the session's token")
    if auth.oauth2 is None:
        return
    _check_sent(document, ("auth", "oauth2"), auth.oauth2, names)
    if "access_token" not in {use.name for use in names_in(auth.request.parts())}:
        message = "is declared, but {access_token} stands nowhere in the login's request"
        document.error(("auth", "oauth2"), message)


def _check_sent(document: Document, path: NodePath, auth: Auth, names: set[str]) -> None:
    for key, part in auth.model_dump().items():
        if key not in {"kind", "token"} or auth.kind == "bearer":
            check_placeholders(document, (*path, key), part, names)


def _check_base_url(document: Document, model: DefinitionModel) -> None:
    if not re.match(r"https?://", model.api.base_url):
        document.error(("api", "base_url"), "must begin with https:// (or http://)")


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
    patterns: list[tuple[NodePath, str | None]] = [
        (("options", name, "pattern"), option.pattern) for name, option in model.options.items()
    ]
    patterns += [
        (("errors", "rules", at, "matches"), rule.matches)
        for at, rule in enumerate(model.errors.rules)
    ]
    for path, pattern in patterns:
        try:
            re.compile(pattern or "")
        except re.error as error:
            document.error(path, f"is no regular expression: {error.msg}")
    for name, option in model.options.items():
        _check_default(document, name, option.default, option.pattern)


def _check_default(document: Document, name: str, default: str | None, pattern: str | None) -> None:
    try:
        fits = pattern is None or default is None or re.fullmatch(pattern, default)
    except re.error:
        return
    if not fits:
        document.error(("options", name, "default"), "does not match the option's own `pattern`")


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
