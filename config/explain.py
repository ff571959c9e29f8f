"""The effective configuration of one integration: every value and its source."""

from collections.abc import Iterator

import msgspec

from config.checked_document import Origin
from config.loader import secrets_in
from config.loading import Loaded
from config.nodes import NodePath, show_path
from config.operator import OperatorConfig

MASK = "••••••"


class Explained(msgspec.Struct, frozen=True):
    """One effective value. `value` is masked for secrets and for everything fetched elsewhere."""

    path: str
    value: str
    origin: Origin


def explain_integration(loaded: Loaded[OperatorConfig], name: str) -> list[Explained]:
    """Returns every effective value of an integration, in the order of the reference."""
    integration = loaded.value.integrations[name]
    base: NodePath = ("integrations", name)
    secrets = {path for path, _ in secrets_in(integration, base)}
    values = integration.model_dump(mode="json")
    found = []
    for path, value in _leaves(values, base):
        origin = loaded.document.origin(path)
        hidden = path in secrets or any(not one.defaulted for one in origin.references)
        found.append(Explained(show_path(path[2:]), MASK if hidden else _shown(value), origin))
    return found


def _leaves(value: object, path: NodePath) -> Iterator[tuple[NodePath, object]]:
    match value:
        case dict() if value:
            for key, item in value.items():
                yield from _leaves(item, (*path, key))
        case list() if value:
            for index, item in enumerate(value):
                yield from _leaves(item, (*path, index))
        case _:
            yield path, value


def _shown(value: object) -> str:
    match value:
        case None | dict() | list():
            return "(none)"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
