"""Finds the values of an integration that are sent in headers, which cannot hold every text."""

import re

from config.checked_document import Document
from config.header_text import unusable_in_header
from config.nodes import NodePath
from connectors.definition.auth import (
    Auth,
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    LoginAuth,
    OAuth2,
    QueryAuth,
)
from connectors.definition.placeholders import PLACEHOLDER, names_in
from connectors.definition.requests import requests_in
from connectors.definition.root import DefinitionModel

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def sent_in_headers(model: DefinitionModel) -> set[NodePath]:
    """Credentials in headers, queries and basic authentication; options and the user in headers."""
    texts = [
        _auth_texts(model.auth),
        model.api.headers,
        *(r.headers for _, r in requests_in(model)),
    ]
    names = {use.name for use in names_in(texts)}
    queries = names_in([request.query for _, request in requests_in(model)])
    names |= {use.name for use in queries if use.name.startswith("credentials.")}
    return _paths(names)


def basic_users(model: DefinitionModel) -> set[NodePath]:
    """Returns the user names of basic authentication, which can hold no colon."""
    return _paths({use.name for auth in _auths(model.auth) for use in names_in(_user_of(auth))})


def check_headers(document: Document, model: DefinitionModel) -> None:
    """Report names and texts of headers that HTTP does not know."""
    auth = model.auth
    if isinstance(auth, HeaderAuth | LoginAuth):
        _check_header(document, ("auth",), auth.name, auth.value, keys=("name", "value"))
    _check_all(document, ("api", "headers"), model.api.headers)
    for path, request in requests_in(model):
        _check_all(document, (*path, "headers"), request.headers)


def _check_all(document: Document, path: NodePath, headers: dict[str, str]) -> None:
    for name, value in headers.items():
        _check_header(document, path, name, value, keys=(name, name))


def _check_header(
    document: Document, path: NodePath, name: str, value: str, *, keys: tuple[str, str]
) -> None:
    if not _HEADER_NAME.fullmatch(name):
        message = "is no name of a header: letters, digits and hyphens only"
        document.error((*path, keys[0]), message, on_key=keys[0] == name)
    if why := unusable_in_header(PLACEHOLDER.sub("x", value)):
        document.error((*path, keys[1]), why)


def _auth_texts(auth: Auth) -> list[str]:
    found: list[str] = []
    for each in _auths(auth):
        match each:
            case HeaderAuth() | QueryAuth():
                found.append(each.value)
            case BearerAuth():
                found.append(each.token)
            case BasicAuth():
                found += [each.username, each.password]
            case OAuth2(client_auth="basic"):
                found += [each.client_id, each.client_secret]
    return found


def _auths(auth: Auth) -> list[Auth]:
    inner = auth.oauth2 if isinstance(auth, LoginAuth) else None
    return [auth] if inner is None else [auth, inner]


def _user_of(auth: Auth) -> str:
    if isinstance(auth, BasicAuth):
        return auth.username
    return auth.client_id if isinstance(auth, OAuth2) and auth.client_auth == "basic" else ""


def _paths(names: set[str]) -> set[NodePath]:
    return {
        tuple(name.split(".", maxsplit=1))
        for name in names
        if name == "acting_user" or name.startswith(("credentials.", "options."))
    }
