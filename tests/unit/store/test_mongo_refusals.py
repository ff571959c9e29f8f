"""An outage of MongoDB is distinguished from a document that it refuses, by code and key pattern."""

from typing import Any

import pytest
from bson.errors import InvalidBSON, InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteError,
)

from daemon.store.mongo_errors import fails_by_content, is_own_document, refusal


def bulk(*codes: int, concern: bool = False) -> BulkWriteError:
    return BulkWriteError(
        {
            "writeErrors": [{"index": n, "code": code} for n, code in enumerate(codes)],
            "writeConcernErrors": [{"code": 64}] if concern else [],
        }
    )


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("x"),
        NetworkTimeout("x"),
        ServerSelectionTimeoutError("x"),
        OperationFailure("x", 10107),
        OperationFailure("x", 91),
        OperationFailure("not allowed", 13),
        OperationFailure("quota of Atlas", 8000),
        OperationFailure("x", 4711, {"errorLabels": ["RetryableWriteError"]}),
        WriteError("disk full", 14031),
        bulk(11000, 10107),
        bulk(121, 13),
        bulk(11000, concern=True),
        bulk(concern=True),
        OSError("x"),
        TimeoutError(),
        PyMongoError("x"),
    ],
    ids=repr,
)
def test_what_concerns_the_server_is_an_outage(error: Exception) -> None:
    assert not fails_by_content(error)


@pytest.mark.parametrize(
    "error",
    [
        bulk(11000),
        bulk(121, 11000, 28),
        WriteError("x", 121),
        WriteError("x", 11000),
        OperationFailure("x", 17419),
        OperationFailure("an expression failed", 16007),
        DocumentTooLarge("x"),
        InvalidDocument("x"),
        InvalidBSON("x"),
        KeyError("status"),
        ValueError("x"),
        UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates"),
    ],
    ids=repr,
)
def test_what_concerns_a_document_is_none(error: Exception) -> None:
    assert fails_by_content(error)


@pytest.mark.parametrize(
    ("write_error", "own", "reason"),
    [
        ({"code": 11000, "keyPattern": {"_id": 1}}, True, ""),
        ({"code": 11000, "errmsg": "E11000 ... index: _id_ dup key: { _id: 1 }"}, True, ""),
        (
            {"code": 11000, "keyPattern": {"emails.value": 1}, "keyValue": {"x": "ada@x.org"}},
            False,
            "refused by a unique index on emails.value: another document has the same values",
        ),
        (
            {"code": 11000, "errmsg": "index: emails.value_1 dup key: { : ada@x.org }"},
            False,
            "refused by a unique index on emails.value: another document has the same values",
        ),
        ({"code": 11000}, False, "refused by a unique index: another document has the same values"),
        ({"code": 11000, "keyPattern": {"_id": 1, "x": 1}}, False, "refused by a unique index on _"),
        ({"code": 121}, False, "refused by the collection's validator"),
        (
            {"code": 121, "errInfo": {"details": {"schemaRulesNotSatisfied": [
                {"missingProperties": ["team"]},
                {"propertiesNotSatisfied": [{"propertyName": "title", "details": "Ada"}]},
            ]}}},
            False,
            "refused by the collection's validator (team, title)",
        ),
        ({"code": 28, "errmsg": "Ada"}, False, "refused by MongoDB (code 28): a field that should"),
        ({"code": 4711, "errmsg": "Ada"}, False, "refused by MongoDB (code 4711)"),
    ],
)  # fmt: skip
def test_a_refusal_names_fields_and_no_values(
    write_error: dict[str, Any], own: bool, reason: str
) -> None:
    assert is_own_document(write_error) == own
    assert own or refusal(write_error).startswith(reason)
    assert not {"Ada", "ada@x.org"} & set(refusal(write_error).replace(",", " ").split())
