"""Declared indexes beside those that someone else made."""

from typing import Any

import pytest
from bson.binary import Binary
from pymongo import ASCENDING, IndexModel

from daemon.store.index_comparison import compare_indexes
from models.documents.clearview import IMPORTED

KEYS = {"integration_id": 1, "external_id": 1}
DECLARED = IndexModel(
    [("integration_id", ASCENDING), ("external_id", ASCENDING)],
    name="both",
    unique=True,
    partialFilterExpression=IMPORTED,
)
AS_MADE = {
    "integration_id": {"$gte": bytes(Binary(b""))},
    "external_id": {"$gte": ""},
}


@pytest.mark.parametrize(
    ("existing", "verdict", "differs"),
    [
        ([], "missing", []),
        ([{"name": "_id_", "key": {"_id": 1}}], "missing", []),
        (
            [{"name": "both", "key": KEYS, "unique": True, "partialFilterExpression": AS_MADE}],
            *("there", []),
        ),
        (
            [{"name": "own", "key": KEYS, "unique": True, "partialFilterExpression": AS_MADE}],
            *("there", []),
        ),
        (
            [{"name": "both", "key": KEYS, "unique": True}],
            *("kept", ["partialFilterExpression"]),
        ),
        ([{"name": "own", "key": KEYS}], "kept", ["unique", "partialFilterExpression"]),
        ([{"name": "both", "key": {"email": 1}}], "clash", []),
        ([{"name": "own", "key": {"external_id": 1, "integration_id": 1}}], "missing", []),
        (
            [{"name": "x", "key": {"integration_id": 1.0, "external_id": 1.0}, "sparse": True}],
            *("kept", ["unique", "partialFilterExpression", "sparse"]),
        ),
    ],
)
def test_an_index_is_there_or_kept_or_in_the_way(
    existing: list[dict[str, Any]], verdict: str, differs: list[str]
) -> None:
    [found] = compare_indexes([DECLARED], existing)

    assert (found.verdict, list(found.differs)) == (verdict, differs)


def test_a_clash_names_the_fields_of_both() -> None:
    [found] = compare_indexes([DECLARED], [{"name": "both", "key": {"email": 1, "team": -1}}])

    assert (found.found, found.keys) == ("email, team", "integration_id, external_id")
