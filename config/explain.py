"""The effective configuration of one integration: every value and its source."""

from collections.abc import Iterator

import msgspec

from config.document import Origin
from config.loader import secrets_in
from config.loading import Loaded
from config.nodes import NodePath, Scalar, show_path
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
    return [_explained(loaded, path, value, secrets) for path, value in _leaves(values, base)]


def _explained(
    loaded: Loaded[OperatorConfig], path: NodePath, value: object, secrets: set[NodePath]
) -> Explained:
    hidden = path in secrets or _is_fetched(loaded, path)
    return Explained(
        path=show_path(path[2:]),
        value=MASK if hidden else _shown(value),
        origin=loaded.document.origin(path),
    )


def _is_fetched(loaded: Loaded[OperatorConfig], path: NodePath) -> bool:
    node = loaded.document.node(path)
    return isinstance(node, Scalar) and any(not r.defaulted for r in node.references)


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
        case None:
            return "(none)"
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return "(none)"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
