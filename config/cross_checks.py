"""Checks the operator's file against the names that connector definitions declare."""

from collections.abc import Callable, Collection

import msgspec

from config.checked_document import Document
from config.nodes import NodePath
from config.problems import did_you_mean
from config.secret_text import check_header_text


class DeclaredNames(msgspec.Struct, frozen=True):
    """Names that a connector's definition declares for an integration."""

    credentials: Collection[str]
    options: Collection[str] = ()
    required_options: Collection[str] = ()
    needs_acting_user: bool = False
    optional_credentials: Collection[str] = ()
    in_headers: Collection[NodePath] = ()
    """Paths of values that are sent in a header, a query or basic authentication, from the integration on."""
    basic_users: Collection[NodePath] = ()
    """User names of basic authentication."""


Lookup = Callable[[str], DeclaredNames | None]


def check_connector_names(document: Document, lookup: Lookup, known: Collection[str]) -> None:
    """Reports unknown connectors, and names that the chosen connector does not declare.

    Works on the tree, so that it reports together with all other mistakes.
    """
    for name in document.keys(("integrations",)):
        base: NodePath = ("integrations", name)
        connector = document.text((*base, "connector"))
        if not connector:
            continue
        declared = lookup(connector)
        if declared is None:
            hint = did_you_mean(connector, known)
            listed = "" if hint else f"; known are: {', '.join(sorted(known))}"
            message = f"no connector has this name{listed}"
            document.error((*base, "connector"), message, hint=hint)
        else:
            _check_integration(document, base, connector, declared)


def _check_integration(
    document: Document, base: NodePath, connector: str, declared: DeclaredNames
) -> None:
    credentials, options = (*base, "credentials"), (*base, "options")
    known = {*declared.credentials, *declared.optional_credentials}
    _check_names(document, credentials, connector, known)
    _check_names(document, options, connector, {*declared.options, *declared.required_options})
    _require(document, credentials, connector, declared.credentials)
    _require(document, options, connector, declared.required_options)
    if declared.needs_acting_user:
        _require(document, base, connector, ["acting_user"])
    for path in declared.in_headers:
        check_header_text(document, (*base, *path))
    for path in declared.basic_users:
        if ":" in (document.text((*base, *path)) or ""):
            message = "has a colon, which ends the user name in basic authentication (RFC 7617)"
            document.error((*base, *path), message)


def _check_names(
    document: Document, path: NodePath, connector: str, declared: Collection[str]
) -> None:
    for key in document.keys(path):
        if key not in declared:
            hint = did_you_mean(key, declared)
            listed = f"; it knows {', '.join(sorted(declared)) or 'none'}" if hint is None else ""
            message = f"connector {connector} has no such key{listed}"
            document.error((*path, key), message, hint=hint, on_key=True)


def _require(document: Document, path: NodePath, connector: str, names: Collection[str]) -> None:
    for name in sorted(set(names) - set(document.keys(path))):
        document.error((*path, name), f"is required by connector {connector}")
