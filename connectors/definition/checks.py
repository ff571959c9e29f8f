"""Checks across a definition's parts, for mistakes that no part can see alone."""

from config.document import Document
from connectors.definition.check_details import check_detail_requests
from connectors.definition.check_files import check_files
from connectors.definition.check_lists import check_lists
from connectors.definition.check_mapping import check_mapping, check_tests
from connectors.definition.check_settings import check_settings
from connectors.definition.check_writes import check_analytics, check_webhook, check_writes
from connectors.definition.check_zones import check_zones
from connectors.definition.root import DefinitionModel


def check(document: Document, model: DefinitionModel) -> None:
    """Report every inconsistency at its line."""
    for one in (
        check_settings,
        check_lists,
        check_detail_requests,
        check_zones,
        check_mapping,
        check_files,
        check_writes,
        check_analytics,
        check_webhook,
        check_tests,
    ):
        one(document, model)
