"""The OpenAPI 3.1 document of the port, made from what the operations declare.

`python -m daemon.http.publish` writes it to `docs/openapi.json`.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec
from pydantic import BaseModel

from daemon.http.operations import ApiOperation, Field, fields_of

V1 = "/api/v1"
OPENAPI_PATH = f"{V1}/openapi.json"
SCHEMAS = "#/components/schemas/"
PROBLEM = {
    "type": "object",
    "required": ["type", "status", "title"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string", "description": "What is wrong, in one sentence."},
        "detail": {"type": "string", "description": "What helps."},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
ALWAYS = {
    401: "no bearer token, or a wrong one",
    408: "it came too slowly",
    403: "no token is set, and the request does not come from this machine",
    421: "it was asked for by another name than `ATS_SYNC_HTTP_HOSTS` has",
    429: "too many requests of one address, or with the token; `Retry-After` says when to ask again",
    503: "MongoDB does not answer",
}
REFUSED = {
    400: "the request is wrong",
    404: "there is none",
    409: "not in this state",
    412: "it was changed meanwhile: `If-Match` does not match",
    413: "too long",
    415: "the body is of another type than JSON, or compressed",
    422: "the content is wrong; `problems` names each mistake by its JSON pointer",
    502: "the ATS refuses, or does not answer",
}


def object_of(*required: str, **fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the schema of an object that has these fields and may have others."""
    return {"type": "object", "required": [*required, *fields], "properties": fields}


def stored(document: type[BaseModel]) -> dict[str, Any]:
    """Returns the schema of a stored document as it is answered."""
    return {"$ref": f"{SCHEMAS}{document.__name__}", "x-document": document}


def rows_of(name: str, row: type[BaseModel]) -> dict[str, Any]:
    """Returns the schema of a page of rows."""
    rows = {"type": "array", "items": stored(row)}
    following = {"type": ["string", "null"], "description": "`cursor` of the next page."}
    fields: dict[str, Mapping[str, Any]] = {name: rows, "next": following}
    return object_of(**fields)


def document(operations: Iterable[ApiOperation]) -> dict[str, Any]:
    """Returns the whole document."""
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ClearView ATS Sync",
            "version": version("clearview-ats-sync"),
            "description": "Times are UTC. Problems are application/problem+json (RFC 9457).",
        },
        "servers": [{"url": "/"}],
        "security": [{"admin_token": []}],
        "paths": {**paths, **_open_paths()},
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "admin_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The value of ATS_SYNC_ADMIN_TOKEN.",
                }
            },
        },
    }


def _described(operation: ApiOperation, schemas: dict[str, Any]) -> dict[str, Any]:
    refusals = {400, *operation.refusals} | ({413, 415} if operation.method != "GET" else set())
    answers = {
        str(code): _answer(
            operation.summary, "application/json", _resolved(operation.answer, schemas)
        )
        for code in (operation.status, *operation.also)
    }
    answers |= {str(code): _problem(REFUSED[code]) for code in sorted(refusals)}
    answers |= {str(code): _problem(words) for code, words in ALWAYS.items()}
    queried = fields_of(operation.query).values() if operation.query is not None else ()
    described: dict[str, Any] = {
        "operationId": operation.handler.__name__,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation.names), *map(_query_parameter, queried)],
        "responses": answers,
    }
    if operation.conditional:
        header = {"name": "If-Match", "in": "header", "schema": {"type": "string"}}
        described["parameters"].append(header)
    if operation.takes is not None:
        described["requestBody"] = _taken(operation.takes, required=True)
    if operation.body is not None:
        (schema,), parts = msgspec.json.schema_components(
            [operation.body], ref_template=SCHEMAS + "{name}"
        )
        schemas.update(parts)
        required = any(field.required for field in fields_of(operation.body).values())
        described["requestBody"] = _taken(schema, required=required)
    return described


def _taken(schema: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def _path_parameters(names: Mapping[str, type]) -> list[dict[str, Any]]:
    return [
        {
            "name": name.rstrip("_"),
            "in": "path",
            "required": True,
            "schema": msgspec.json.schema(kind),
        }
        for name, kind in names.items()
    ]


def _query_parameter(field: Field) -> dict[str, Any]:
    schema = msgspec.json.schema(field.type)
    described = schema.pop("description", None)
    if field.default is not None:
        schema["default"] = field.default
    return {
        "name": field.name,
        "in": "query",
        "required": field.required,
        "schema": schema,
        **({"description": described} if described else {}),
    }


def _resolved(schema: Mapping[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema with its stored documents among the components."""
    if "x-document" in schema:
        document = schema["x-document"]
        found = document.model_json_schema(ref_template=SCHEMAS + "{model}")
        schemas.update(found.pop("$defs", {}))
        described = (document.__doc__ or "").split("\n")[0]
        schemas[document.__name__] = {**found, "description": described}
        return {"$ref": schema["$ref"]}
    return {name: _resolved_part(value, schemas) for name, value in schema.items()}


def _resolved_part(value: Any, schemas: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolved_part(each, schemas) for each in value]
    return _resolved(value, schemas) if isinstance(value, Mapping) else value


def _answer(description: str, kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": schema}}}


def _problem(description: str) -> dict[str, Any]:
    return _answer(description, "application/problem+json", {"$ref": f"{SCHEMAS}Problem"})


def _open_paths() -> dict[str, Any]:
    """Paths that take no token: probes, metrics, the status page, and webhooks, which are signed."""
    ready = object_of("reasons", ready={"type": "boolean"})
    text = {"type": "string"}
    refused = (421, 429)
    return {
        "/healthz": _get("Report if the event loop is alive", "text/plain", text, {503: text}),
        "/readyz": _get("Report if the daemon can work", "application/json", ready, {503: ready}),
        "/metrics": _get("Get the metrics for Prometheus", "text/plain", text, {}, refused),
        "/": _get("Get the status page", "text/html", text, {503: text}, refused),
        "/webhooks/{name}": {
            "post": {
                "operationId": "receive_webhook",
                "summary": "Receive an event that an ATS has signed",
                "security": [],
                "parameters": _path_parameters({"name": str}),
                "requestBody": {"content": {"application/json": {"schema": {}}}},
                "responses": {
                    "2XX": {"description": "the event is stored"},
                    "400": _problem("no event of this ATS"),
                    "401": _problem("not signed by the ATS, or too old"),
                    "404": _problem("this integration takes no webhooks"),
                    "408": _problem(ALWAYS[408]),
                    "413": _problem("longer than 1 MiB"),
                    "421": _problem(ALWAYS[421]),
                    "429": _problem(
                        "too many requests of one address, or events of one integration; send it again"
                    ),
                    "503": _problem("MongoDB does not answer; send it again"),
                },
            }
        },
    }


def _get(
    summary: str,
    kind: str,
    schema: Mapping[str, Any],
    others: Mapping[int, Mapping[str, Any]],
    refused: Iterable[int] = (),
) -> dict[str, Any]:
    answers = {
        str(code): _answer(summary, kind, found) for code, found in {200: schema, **others}.items()
    }
    problems = {str(code): _problem(ALWAYS[code]) for code in refused}
    return {"get": {"summary": summary, "security": [], "responses": answers | problems}}
