"""An outage passes by itself; what MongoDB refuses it refuses again."""

import pytest
from bson.errors import InvalidBSON
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteError,
)

from daemon.store.mongo_errors import is_outage


def bulk(codes: list[int], confirmation: int | None = None) -> BulkWriteError:
    unconfirmed = [] if confirmation is None else [{"code": confirmation}]
    refusals = [{"code": code} for code in codes]
    return BulkWriteError({"writeErrors": refusals, "writeConcernErrors": unconfirmed})


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("reset"),
        NetworkTimeout("slow"),
        NotPrimaryError("stepped down"),
        ServerSelectionTimeoutError("nobody"),
        WaitQueueTimeoutError("crowded"),
        ExecutionTimeout("20 s", 50),
        OperationFailure("shutting down", 11600),
        OperationFailure("cursor killed", 237),
        OperationFailure("conflict", 1, {"errorLabels": ["TransientTransactionError"]}),
        bulk([], confirmation=91),
        bulk([112, 189]),
    ],
    ids=repr,
)
def test_an_outage_is_one(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        OperationFailure("not authorized", 13),
        WriteError("validator", 121),
        DuplicateKeyError("a key", 11000),
        DocumentTooLarge("17 MB"),
        InvalidBSON("year 275760"),
        bulk([11000]),
        bulk([112, 121]),
        KeyError("anything else"),
        TimeoutError(),
    ],
    ids=repr,
)
def test_a_refusal_is_none(error: Exception) -> None:
    assert not is_outage(error)
