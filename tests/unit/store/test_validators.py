"""What MongoDB is asked to enforce, made from the annotations of a document."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import pytest

from models.documents.base import bson_type_of
from models.status import ApplicationStatus


@pytest.mark.parametrize(
    ("annotation", "fragment"),
    [
        (str, {"bsonType": "string"}),
        (list[str], {"bsonType": "array"}),
        (str | None, {"bsonType": ["string", "null"]}),
        (int | datetime | None, {"bsonType": ["int", "long", "date", "null"]}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (UUID | Literal["a"], {"anyOf": [{"bsonType": "binData"}, {"enum": ["a"]}]}),
        (Any, {}),
        (Any | None, {}),
    ],
)
def test_an_annotation_is_checked_by_as_few_conditions_as_say_it(
    annotation: Any, fragment: dict[str, Any]
) -> None:
    assert bson_type_of(annotation) == fragment


def test_an_optional_status_may_be_absent_but_not_invented() -> None:
    fragment = bson_type_of(ApplicationStatus | None)

    assert fragment == {
        "anyOf": [{"enum": [status.value for status in ApplicationStatus]}, {"bsonType": "null"}]
    }
