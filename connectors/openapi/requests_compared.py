"""Compares the requests of a definition: paths, methods, query parameters and body fields."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from config.nodes import NodePath
from connectors.definition.bodies import body_names
from connectors.definition.placeholders import PLACEHOLDER
from connectors.definition.requests import Api, Request
from connectors.openapi.document import (
    Json,
    OpenApiDocument,
    VendorOperation,
    path_of,
    segments,
    under,
)
from connectors.openapi.findings import Findings, meant
from connectors.openapi.schemas import ANYTHING, Schemas

_TEXTS = frozenset(
    {"application_id", "candidate_id", "job_id", "stage_id", "stage_name", "stage_slug"}
    | {"stage_kind", "reason_id", "reason_name", "note", "value", "field", "acting_user", "now"}
    | {"today", "email_template", "email_at", "id", "scope", "from"}
    | {"record_id", "attachment_id"}
)
"""Placeholders whose values are texts, unless a suffix makes them something else."""
_KINDS = {
    "int": "integer",
    "number": "number",
    "text": "string",
    "date": "string",
    "time": "string",
}
_TYPES = {type(None): "null", bool: "boolean", int: "integer", float: "number"}
_SUCCESS = ("200", "201", "202", "2XX", "2xx", "default")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Added(msgspec.Struct, frozen=True):
    """Parameters that paging and cursors add to a request, with their paths in the definition."""

    query: Mapping[str, NodePath] = {}
    body: Mapping[str, NodePath] = {}
    """By dotted name."""


class RequestsCompared:
    """Finds each request in the document, and compares what it sends."""

    def __init__(self, document: OpenApiDocument, api: Api, findings: Findings) -> None:
        self._document = document
        self._schemas = Schemas(document)
        self._findings = findings
        prefix = segments(api.prefix or "")
        self._base = (*segments(path_of(api.base_url)), *prefix)
        self._prefix = prefix
        self._is_elsewhere = False

    def compare(self, path: NodePath, request: Request, added: Added) -> Json:
        """Compares one request; returns the schema of its answer."""
        operation = self._operation(path, request)
        if operation is None:
            return ANYTHING
        self._compare_query(path, request, operation, added.query)
        self._compare_body(path, request, operation, added.body)
        return self._answer(path, operation)

    def _operation(self, path: NodePath, request: Request) -> VendorOperation | None:
        at = (*path, request.method.lower())
        if "://" in request.path or request.path.startswith("{options."):
            self._findings.unknown(at, "has an address of its own")
            return None
        wanted = (*self._base, *segments(request.path))
        fitting = self._fitting(wanted, len(self._prefix) + len(segments(request.path)))
        for operation in fitting:
            if operation.method == request.method:
                self._findings.agrees()
                return operation
        self._findings.mismatch(at, self._no_operation(request, fitting))
        return None

    def _fitting(self, wanted: tuple[str, ...], least: int) -> list[VendorOperation]:
        """Returns the operations of the path, those with the most equal parts first.

        Where no server of the document has the path of the definition's address, the end of it decides.
        """
        bases = self._document.base_paths
        found = [
            (_equal_parts(wanted, theirs), operation)
            for operation in self._document.operations
            for base in bases
            if _fits(wanted, theirs := (*base, *segments(operation.path)), len(self._base))
        ]
        if not found:
            found = [
                (_equal_parts(wanted[-least:], theirs[-least:]), operation)
                for operation in self._document.operations
                if least and _fits(wanted[-least:], (theirs := segments(operation.path))[-least:])
            ]
            if found and not self._is_elsewhere:
                self._is_elsewhere = True
                message = (
                    "no server of the document has this path; paths are compared by their ends"
                )
                self._findings.unknown(("api", "base_url"), message)
        best = max((rank for rank, _ in found), default=0)
        return [operation for rank, operation in found if rank == best]

    def _no_operation(self, request: Request, fitting: Sequence[VendorOperation]) -> str:
        if fitting:
            methods = ", ".join(sorted({operation.method for operation in fitting}))
            return f"the document has this path with {methods} only"
        paths = {operation.path for operation in self._document.operations}
        wanted = "/" + "/".join((*self._prefix, *segments(request.path)))
        return f"the document has no such path{meant(wanted, paths)}"

    def _compare_query(
        self,
        path: NodePath,
        request: Request,
        operation: VendorOperation,
        more: Mapping[str, NodePath],
    ) -> None:
        known = {
            str(each.get("name")): each
            for each in operation.parameters
            if each.get("in") == "query"
        }
        for name, value in request.query.items():
            self._compare_parameter((*path, "query", name), name, value, known)
        for name, at in more.items():
            self._compare_parameter(at, name, "{}", known)
        sent = {each.partition("[")[0] for each in (*request.query, *more)} | {*request.query}
        for name, spec in known.items():
            if spec.get("required") is True and name not in sent:
                message = f'the document demands the query parameter "{name}"'
                self._findings.mismatch(path, message)

    def _compare_parameter(
        self, at: NodePath, name: str, value: str, known: Mapping[str, Json]
    ) -> None:
        spec = known.get(name, known.get(name.partition("[")[0]))
        if spec is None:
            message = f'the document has no query parameter "{name}"'
            self._findings.mismatch(at, message + meant(name, known), on_key=True)
        elif (wrong := self._wrong_word(value, spec.get("schema", ANYTHING))) is not None:
            self._findings.mismatch(at, wrong)
        else:
            self._findings.agrees()

    def _wrong_word(self, value: str, schema: Any) -> str | None:
        """Returns what is wrong with a constant, where the document lists the words that it knows."""
        if "{" in value:
            return None
        items = self._schemas.items(schema) if "array" in self._schemas.types(schema) else None
        given = value.split(",") if items is not None else [value]
        words = self._schemas.words(schema if items is None else items)
        odd = next((word for word in given if words and word not in words), None)
        return None if odd is None else f'the document knows no "{odd}" here{meant(odd, words)}'

    def _compare_body(
        self,
        path: NodePath,
        request: Request,
        operation: VendorOperation,
        added: Mapping[str, NodePath],
    ) -> None:
        if request.body is None and not request.form:
            return
        name = "form" if request.form else "body"
        content = self._document.resolve(operation.spec.get("requestBody")).get("content")
        if content is None:
            message = f"the document knows no body of {operation.method} {operation.path}"
            self._findings.mismatch((*path, name), message, on_key=True)
            return
        schema = _schema_of(content, _FORMS if request.form else ("json",))
        if schema is None:
            self._findings.unknown((*path, name), "the document does not say what the body holds")
            return
        self._compare_value((*path, name), request.form or request.body, schema)
        for parameter, at in added.items():
            self._compare_added(at, parameter, schema)

    def _compare_added(self, at: NodePath, parameter: str, schema: Json) -> None:
        below: Json | None = schema
        for name in body_names(parameter):
            inner = (
                self._schemas.items(below) if name.isdecimal() else self._schemas.below(below, name)
            )
            if inner is None:
                self._findings.mismatch(at, f'the document has no body field "{parameter}"')
                return
            below = inner
        self._findings.agrees()

    def _compare_value(self, at: NodePath, value: object, schema: Json) -> None:
        match value:
            case dict():
                self._compare_object(at, value, schema)
            case list():
                items = self._schemas.items(schema)
                if items is None:
                    self._findings.mismatch(at, "the document wants no list here")
                    return
                for index, item in enumerate(value):
                    self._compare_value((*at, index), item, items)
            case _:
                self._compare_leaf(at, value, schema)

    def _compare_object(self, at: NodePath, value: Mapping[str, object], schema: Json) -> None:
        names = self._schemas.names(schema)
        for key, item in value.items():
            below = self._schemas.below(schema, key)
            if below is not None:
                self._compare_value((*at, key), item, below)
                continue
            message = f'the document has no body field "{key}"{meant(key, names)}'
            self._findings.mismatch((*at, key), message, on_key=True)
        for name in sorted(self._schemas.required(schema) - value.keys()):
            self._findings.mismatch(at, f'the document demands the body field "{name}"')

    def _compare_leaf(self, at: NodePath, value: object, schema: Json) -> None:
        allowed, own = self._schemas.types(schema), _type_of(value)
        if own == "integer" and "number" in allowed:
            own = "number"
        if own is not None and allowed and own not in allowed:
            wanted = " or ".join(sorted(allowed))
            self._findings.mismatch(at, f"is sent as {own}; the document wants {wanted}")
        elif isinstance(value, str) and (wrong := self._wrong_word(value, schema)) is not None:
            self._findings.mismatch(at, wrong)
        else:
            self._findings.agrees()

    def _answer(self, path: NodePath, operation: VendorOperation) -> Json:
        responses = operation.spec.get("responses")
        given = responses if isinstance(responses, dict) else {}
        for status in _SUCCESS:
            content = self._document.resolve(under(given, status)).get("content")
            schema = _schema_of(content, ("json",))
            if schema is not None:
                return schema
        self._findings.unknown(path, "the document does not say what the answer holds")
        return ANYTHING


def _schema_of(content: Any, kinds: Iterable[str]) -> Json | None:
    """Returns the schema of the first media type that is of one of these kinds."""
    found = content if isinstance(content, dict) else {}
    for kind in kinds:
        for media_type, spec in found.items():
            schema = spec.get("schema") if isinstance(spec, dict) else None
            if kind in str(media_type) and isinstance(schema, dict):
                return schema
    return None


def _type_of(value: object) -> str | None:
    """Returns the type that a value of a body will have; None if that depends on the account."""
    if not isinstance(value, str):
        return _TYPES[type(value)]
    whole = PLACEHOLDER.fullmatch(value)
    if whole is None:
        return "string"
    if whole[2]:
        return _KINDS[whole[2]]
    return "string" if whole[1] in _TEXTS or "." in whole[1] else None


def _fits(wanted: Sequence[str], theirs: Sequence[str], free: int = 0) -> bool:
    """True if the parts are the same, and placeholders are where the document has some.

    The first `free` ones belong to the address, where a definition may have a fixed part for a variable.
    """
    return len(wanted) == len(theirs) and all(
        own == his or ("{" in his and ("{" in own or at < free))
        for at, (own, his) in enumerate(zip(wanted, theirs, strict=True))
    )


def _equal_parts(wanted: Sequence[str], theirs: Sequence[str]) -> int:
    return sum(own == his for own, his in zip(wanted, theirs, strict=False))
