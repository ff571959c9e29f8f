"""Compares a definition with its vendor's OpenAPI document."""

from config.checked_document import Document
from config.nodes import NodePath
from config.problems import ConfigIssues
from config.yaml_tree import read_yaml
from connectors.definition.cursors import SyncTokenCursor, UpdatedAtCursor
from connectors.definition.load import Definition
from connectors.definition.pagination import CursorPagination, OffsetPagination, PagePagination
from connectors.definition.requests import requests_in
from connectors.definition.root import DefinitionModel
from connectors.openapi.document import OpenApiDocument
from connectors.openapi.findings import Comparison, Findings
from connectors.openapi.reads_compared import ReadsCompared
from connectors.openapi.requests_compared import Added, RequestsCompared
from connectors.openapi.schemas import Schemas


def compare(definition: Definition, document: OpenApiDocument) -> Comparison:
    """Returns what the document does not confirm, in the order of the definition's lines."""
    model = definition.model
    source = Document(definition.path, read_yaml(definition.path, ConfigIssues()))
    findings = Findings(source)
    requests = RequestsCompared(document, model.api, findings)
    answers = {
        path: requests.compare(path, request, _added_to(model, path))
        for path, request in requests_in(model)
    }
    ReadsCompared(model, Schemas(document), answers, findings).compare()
    found = sorted(findings.found, key=lambda each: (each.line, each.column, each.message))
    return Comparison(model.connector, document.title, findings.checked, found)


def _added_to(model: DefinitionModel, path: NodePath) -> Added:
    """Returns the parameters that paging and cursors add to a list's request."""
    if len(path) != 3 or path[0] != "lists" or path[2] != "request":
        return Added()
    spec, at = model.lists[str(path[1])], path[:2]
    query: dict[str, NodePath] = {}
    body: dict[str, NodePath] = {}
    pages, cursor = spec.pagination, spec.cursor
    if isinstance(pages, PagePagination | OffsetPagination | CursorPagination):
        sent = {"query": query, "body": body}.get(pages.send_in, {})
        sent[pages.parameter] = (*at, "pagination", "parameter")
    if isinstance(cursor, SyncTokenCursor):
        sent = query if cursor.send_in == "query" else body
        sent[cursor.parameter] = (*at, "cursor", "parameter")
    if isinstance(cursor, UpdatedAtCursor):
        query |= {name: (*at, "cursor", "query", name) for name in cursor.query}
    return Added(query, body)
