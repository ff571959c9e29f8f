"""The language in which connectors are declared: models, checks and loading."""

from connectors.definition.load import (
    Definition,
    UnknownDefinition,
    find_definitions,
    load_definition,
    load_definition_text,
)

__all__ = [
    "Definition",
    "UnknownDefinition",
    "find_definitions",
    "load_definition",
    "load_definition_text",
]
