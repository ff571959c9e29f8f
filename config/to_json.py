"""Turns nodes into the values that JSON has, and back; only unquoted words become numbers, truth values or null."""

import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from config.nodes import Entry, MappingNode, Mark, Node, NodePath, Scalar, SequenceNode

WHOLE_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,2})?")
TRUTH_VALUES = {"true": True, "false": False}


def to_json(
    node: Node, as_text: AbstractSet[NodePath] = frozenset(), path: NodePath = ()
) -> object:
    """Returns the node as JSON has it; the scalars at the paths of `as_text` stay text."""
    match node:
        case Scalar():
            return _scalar(node, as_text=path in as_text)
        case SequenceNode():
            return [to_json(item, as_text, (*path, at)) for at, item in enumerate(node.items)]
        case MappingNode():
            return {e.key: to_json(e.value, as_text, (*path, e.key)) for e in node.entries}


def _scalar(scalar: Scalar, *, as_text: bool) -> object:
    text = scalar.text
    if scalar.is_null or scalar.is_empty or scalar.unresolved:
        return None
    if as_text or not scalar.is_untyped:
        return text
    if text in TRUTH_VALUES:
        return TRUTH_VALUES[text]
    if WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return float(text) if NUMBER.fullmatch(text) else text


def from_json(value: object) -> Node:
    """Returns the node of a value, so that what an API receives is checked like a YAML file.

    Text stays text, whatever it looks like. No value has a line.
    """
    nowhere = Mark(0, 0)
    match value:
        case str():
            return Scalar(nowhere, value, unquoted=False, raw=value)
        case Mapping():
            entries = (Entry(str(key), nowhere, from_json(item)) for key, item in value.items())
            return MappingNode(nowhere, tuple(entries))
        case list():
            return SequenceNode(nowhere, tuple(map(from_json, value)))
        case _:
            text = json.dumps(value)
            return Scalar(nowhere, text, unquoted=True, raw=text)
