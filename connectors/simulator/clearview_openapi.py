"""The OpenAPI 3.1 document of what the daemon calls at ClearView's services.

Message shapes come from the classes that the simulated services check requests with, so the
document cannot promise what they refuse. `python -m connectors.simulator.clearview_openapi` prints
it; the copy beside this file is what people read.
"""

import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import yaml

from connectors.simulator.clearview_messages import (
    BatchUpsert,
    Delete,
    Notification,
    Result,
    Status,
)

Json = dict[str, Any]
DOCUMENT = Path(__file__).with_name("clearview_services.openapi.yaml")
REFS = "#/components/schemas/{name}"


def document() -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ClearView services, as ClearView ATS Sync calls them",
            "version": "1.0.0",
            "description": "Candidate Management, Analytics and Notification.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": {
            "/candidates:batchUpsert": {"post": _batch_upsert()},
            "/candidates/{id}:delete": {"post": _delete()},
            "/candidates/{id}/attachments/{external_id}": {"put": _attach()},
            "/analytics/hiring": {"get": _hiring()},
            "/notifications": {"post": _notify()},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
            "responses": {"Problem": _problem()},
            "parameters": {"IdempotencyKey": _idempotency_key()},
        },
    }


def _batch_upsert() -> Json:
    return {
        "operationId": "batchUpsertCandidates",
        "summary": "Create or change up to 500 candidates with their applications.",
        "description": "Each record stands for itself: some may fail while others are written. "
        "Fields that are left out stay as they are.",
        "parameters": [_ref("parameters", "IdempotencyKey")],
        "requestBody": _body("BatchUpsert"),
        "responses": {
            "200": _answer("What became of each record, in the order given.", _schema("Results")),
            **_problems(400, 401, 409, 412, 413, 415, 422, 429, 500, 503),
        },
    }


def _delete() -> Json:
    return {
        "operationId": "deleteCandidate",
        "summary": "Mark a candidate, or some of its applications, as deleted.",
        "parameters": [_path("id", {"type": "string", "format": "uuid"})],
        "requestBody": _body("Delete"),
        "responses": {
            "204": {"description": "It is marked as deleted, now or since before."},
            **_problems(400, 401, 404, 412, 413, 415, 422, 429, 500, 503),
        },
    }


def _attach() -> Json:
    """The file is streamed; repeating the request is harmless."""
    any_file = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    return {
        "operationId": "putAttachment",
        "summary": "Keep the file of a candidate's attachment.",
        "description": "The file belongs to the attachment with this external_id for as long as the "
        "candidate has it: a batch that sets `attachments` keeps the files of those that stay, and "
        "a file is deleted with its attachment and with its candidate. The body is streamed, with "
        "Content-Length and the media type that its bytes show.",
        "parameters": [
            _path("id", {"type": "string", "format": "uuid"}),
            _path("external_id", {"type": "string", "minLength": 1}),
            {
                "name": "Repr-Digest",
                "in": "header",
                "required": True,
                "description": "The SHA-256 of the file (RFC 9530).",
                "schema": {"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$"},
            },
        ],
        "requestBody": {"required": True, "content": any_file},
        "responses": {
            "204": {"description": "The file is kept, now or since before."},
            **_problems(400, 401, 404, 411, 413, 429, 500, 503),
        },
    }


def _path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _hiring() -> Json:
    moment = {"type": "string", "format": "date-time"}
    query = {
        "integration_id": {"type": "string", "format": "uuid"},
        "from": moment,
        "to": moment,
    }
    return {
        "operationId": "hiringMetrics",
        "summary": "Hiring metrics of one integration in the half-open period [from, to).",
        "parameters": [
            {"name": name, "in": "query", "required": True, "schema": schema}
            for name, schema in query.items()
        ],
        "responses": {
            "200": _answer("The metrics.", _schema("Metrics")),
            **_problems(400, 401, 429, 500, 503),
        },
    }


def _notify() -> Json:
    return {
        "operationId": "notify",
        "summary": "Report that a condition opened, lasts, or is resolved.",
        "parameters": [_ref("parameters", "IdempotencyKey")],
        "requestBody": _body("Notification"),
        "responses": {
            "202": _answer("Accepted for delivery.", {"type": "object"}),
            **_problems(400, 401, 409, 413, 415, 422, 429, 500, 503),
        },
    }


def _schemas() -> Json:
    messages = (BatchUpsert, Delete, Notification, Result)
    _, schemas = msgspec.json.schema_components(messages, ref_template=REFS)
    results = {"type": "array", "items": _schema("Result")}
    return {
        **{name: _tidy(schema) for name, schema in schemas.items()},
        "Results": {
            "type": "object",
            "required": ["results"],
            "properties": {"results": results},
        },
        "Metrics": metrics_schema(),
    }


def _tidy(schema: Any) -> Any:
    """Docstrings and class names are for programmers, not for this document."""
    if isinstance(schema, dict):
        dropped = {"title"} if isinstance(schema.get("title"), str) else set()
        return {key: _tidy(value) for key, value in schema.items() if key not in dropped}
    if isinstance(schema, list):
        return [_tidy(value) for value in schema]
    return schema


def metrics_schema() -> Json:
    """The metrics object, as the daemon counts it and as it expects it."""
    count = {"type": "integer", "minimum": 0}
    measure = {"type": ["number", "null"], "minimum": 0}
    status = {"enum": list(get_args(Status))}
    text = {"type": ["string", "null"]}
    return {
        "type": "object",
        "required": [
            *("period", "funnel", "transitions", "conversion_rates"),
            *("time_to_hire", "sources", "jobs"),
        ],
        "properties": {
            "period": _object_of(
                {
                    "from": {"type": "string", "format": "date-time"},
                    "to": {"type": "string", "format": "date-time"},
                }
            ),
            "funnel": {
                "type": "object",
                "propertyNames": status,
                "additionalProperties": count,
            },
            "transitions": _list_of(
                {
                    "from": status,
                    "to": status,
                    "count": count,
                    "timed": count,
                    "median_hours": measure,
                    "p90_hours": measure,
                }
            ),
            "conversion_rates": {
                "type": "object",
                "propertyNames": status,
                "additionalProperties": _object_of(
                    {
                        "left": count,
                        "advanced": count,
                        "rate": {"type": "number", "minimum": 0, "maximum": 1},
                    }
                ),
            },
            "time_to_hire": _object_of(
                {"count": count, "median_days": measure, "p90_days": measure}
            ),
            "sources": _list_of({"source": text, "applied": count, "hired": count}),
            "jobs": _list_of(
                {
                    "external_id": text,
                    "name": text,
                    "open": count,
                    "applied": count,
                    "hired": count,
                }
            ),
            "status_updates": _object_of({"Success": count, "Failed": count, "Skipped": count}),
        },
    }


def _object_of(properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list_of(properties: Json) -> Json:
    return {"type": "array", "items": _object_of(properties)}


def _body(name: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": _schema(name)}}}


def _answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems(*statuses: int) -> Json:
    return {str(status): _ref("responses", "Problem") for status in statuses}


def _problem() -> Json:
    schema = _object_of(
        {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        }
    )
    return {
        "description": "Why it was not done.",
        "content": {"application/problem+json": {"schema": schema}},
    }


def _idempotency_key() -> Json:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "The same key with the same body gets the first answer again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    }


def _schema(name: str) -> Json:
    return _ref("schemas", name)


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def as_yaml() -> str:
    """The document as it is kept beside this file."""

    class NoAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    return yaml.dump(document(), Dumper=NoAliases, sort_keys=False, width=100)


if __name__ == "__main__":
    sys.stdout.write(as_yaml())
