"""Turns JSON values into nodes, so that what an API receives is checked like a YAML file."""

import json
from collections.abc import Mapping

from config.nodes import Entry, MappingNode, Mark, Node, Scalar, SequenceNode

NOWHERE = Mark(0, 0)
"""JSON of an API has no lines."""


def node_of(value: object) -> Node:
    """Returns the node of a value; text stays text, whatever it looks like."""
    match value:
        case str():
            return Scalar(NOWHERE, value, unquoted=False, raw=value)
        case Mapping():
            entries = (Entry(str(key), NOWHERE, node_of(item)) for key, item in value.items())
            return MappingNode(NOWHERE, tuple(entries))
        case list():
            return SequenceNode(NOWHERE, tuple(map(node_of, value)))
        case _:
            text = json.dumps(value)
            return Scalar(NOWHERE, text, unquoted=True, raw=text)
