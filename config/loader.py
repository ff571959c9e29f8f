"""Loads the operator's file, with the checks that need nothing but the file itself."""

import os
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from msgspec.structs import replace
from pydantic import BaseModel, SecretStr

from config.checked_document import Document
from config.error_paths import type_at
from config.field_types import FieldType
from config.files import is_folder, is_special
from config.loading import Check, Loaded, load_document, load_yaml_model
from config.nodes import NodePath, Scalar, SequenceNode, json_pointer, scalars
from config.operator import OperatorConfig
from config.problems import ConfigError, ConfigIssue
from config.secret_text import check_header_text, cleaned, left_out
from config.to_json import from_json

_HOW_TO_CREATE = (
    "no such file; copy the sample config/ats-sync.yaml there, "
    "or name another file with --config or ATS_SYNC_CONFIG"
)


def load_operator_config(
    path: Path,
    *,
    checks: Iterable[Check] = (),
    environment: Mapping[str, str] | None = None,
) -> Loaded[OperatorConfig]:
    """Returns the checked file; its `warnings` have everything unwise that still works.

    Raises:
        ConfigError: with every mistake at its position, those found by `checks` included.
    """
    if not os.path.lexists(path):
        raise ConfigError([ConfigIssue(str(path), 0, 0, "", _HOW_TO_CREATE)])
    loaded = load_yaml_model(
        path,
        OperatorConfig,
        resolve_references=True,
        checks=[
            _connector_paths_exist,
            _token_files_can_be_written,
            _check_secrets,
            *checks,
        ],
        environment=environment,
    )
    _warn_of_written_secrets(loaded)
    for at, url in _addresses(loaded.value):
        if url.startswith("http://") and not _is_local(urlsplit(url).hostname or ""):
            loaded.document.warn(at, "credentials travel unencrypted to another host; use https")
    if not loaded.value.integrations:
        loaded.document.warn(("integrations",), "there are no integrations; nothing will be done")
    return loaded


def load_stored_integration(
    name: str,
    content: Mapping[str, object],
    *,
    beside: Loaded[OperatorConfig],
    checks: Iterable[Check] = (),
) -> Loaded[OperatorConfig]:
    """Returns one integration of the database, checked by the rules of the file.

    Its definitions are found by the `connector_paths` of the file in `beside`.

    Raises:
        ConfigError: with every mistake; `pointer` is its path within the integration.
    """
    paths = [str(path) for path in beside.value.connector_paths]
    whole = {"version": 1, "connector_paths": paths, "integrations": {name: content}}
    document = Document(beside.document.path, from_json(whole))
    try:
        return load_document(
            document,
            OperatorConfig,
            resolve_references=False,
            checks=[_check_secrets, _nothing_of_this_machine, *checks],
        )
    except ConfigError as error:
        raise ConfigError(within_integration(error.problems, name)) from None


def within_integration(problems: Iterable[ConfigIssue], name: str) -> list[ConfigIssue]:
    """Returns the problems with paths that begin at the integration."""
    above = json_pointer(("integrations", name))
    return [
        replace(one, file=f"integration {name}", pointer=(one.pointer or above).removeprefix(above))
        for one in problems
    ]


def _nothing_of_this_machine(document: Document) -> None:
    """Reports what would read or write on the machine of the daemon."""
    for path, scalar in scalars(document.root):
        if any(f"${{{kind}:" in scalar.text for kind in ("env", "file")):
            document.error(
                path, "references are for the YAML file; give the value, which is encrypted"
            )
        elif path[0] == "integrations" and path[2:] == ("token_file",):
            document.error(path, "is for the YAML file; the token is kept in MongoDB, encrypted")
        elif path[0] == "integrations" and path[2:] == ("ca_file",):
            document.error(path, "is for the YAML file; it names a file of the daemon's machine")


def secrets_in(value: object, path: NodePath = ()) -> Iterator[tuple[NodePath, SecretStr]]:
    """Yields all secrets in a loaded value, with their paths."""
    match value:
        case SecretStr():
            yield path, value
        case BaseModel():
            for name in type(value).model_fields:
                yield from secrets_in(getattr(value, name), (*path, name))
        case dict():
            for key, item in value.items():
                yield from secrets_in(item, (*path, str(key)))
        case list():
            for index, item in enumerate(value):
                yield from secrets_in(item, (*path, index))


def _connector_paths_exist(document: Document) -> None:
    node = document.node(("connector_paths",))
    for index, item in enumerate(node.items if isinstance(node, SequenceNode) else ()):
        if not isinstance(item, Scalar) or item.unresolved or not item.text:
            continue
        if not is_folder(document.path.parent / item.text):
            document.error(
                ("connector_paths", index), "no such folder; it is relative to this file"
            )


def _token_files_can_be_written(document: Document) -> None:
    for name in document.keys(("integrations",)):
        path: NodePath = ("integrations", name, "token_file")
        node = document.node(path)
        if isinstance(node, Scalar) and not node.unresolved and node.text:
            why = _unwritable(document.path.parent / node.text)
            if why is not None:
                document.error(path, why)


def _unwritable(file: Path) -> str | None:
    """Returns the reason why a file cannot be created or replaced; its folder has to be writable."""
    if not is_folder(file.parent):
        return "its folder does not exist; it is relative to this file"
    if is_folder(file):
        return "is a directory; name a file in it"
    if is_special(file):
        return "is a pipe, a socket or a device; name a file"
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return "its folder may not be written by this user: a new refresh token could not be kept"
    if file.exists() and not os.access(file, os.R_OK):
        return "may not be read by this user"
    return None


def _check_secrets(document: Document) -> None:
    """Warns of removed characters, and reports empty secrets and tokens that cannot be sent."""
    root = FieldType(OperatorConfig)
    for path, scalar in scalars(document.root):
        if scalar.unresolved or scalar.is_null or scalar.is_empty:
            continue
        if type_at(document, root, path).annotation is not SecretStr:
            continue
        if why := left_out(scalar.text):
            document.warn(path, why)
        if not cleaned(scalar.text):
            document.error(path, "is empty; give it a value, or leave the key out")
        elif path[-1] == "token":
            check_header_text(document, path)


def _warn_of_written_secrets(loaded: Loaded[OperatorConfig]) -> None:
    message = "the secret is written in this file; use ${env:NAME} or ${file:PATH} instead"
    for path, _ in secrets_in(loaded.value):
        node = loaded.document.node(path)
        if isinstance(node, Scalar) and not node.references:
            is_address = path[-1] == "uri" or (path[0] == "events" and path[-1] == "url")
            if not is_address or "@" in node.text:  # one without a password is no secret
                loaded.document.warn(path, message)


def _addresses(config: OperatorConfig) -> Iterator[tuple[NodePath, str]]:
    for name, integration in config.integrations.items():
        if integration.endpoint:
            yield ("integrations", name, "endpoint"), integration.endpoint
    for service in ("candidates", "analytics"):
        if url := getattr(getattr(config.clearview, service), "url", None):
            yield ("clearview", service, "url"), url
    for index, notification in enumerate(config.clearview.notifications):
        if isinstance(notification.url, str):
            yield ("clearview", "notifications", index, "url"), notification.url
    for index, sink in enumerate(config.events):
        if isinstance(sink.url, str):
            yield ("events", index, "url"), sink.url


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
