"""Checks across a definition's parts, for mistakes that no part can see alone."""

from config.document import Document
from connectors.definition.root import DefinitionModel


def check(document: Document, model: DefinitionModel) -> None:
    """Report every inconsistency at its place."""
