"""Change events in the words of the push, whatever ClearView's document holds."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import bson
import pytest
from bson.binary import UUID_SUBTYPE, Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.push_decision import PushRules, Skip, plan_event, unreadable
from daemon.core.stream_order import LONGEST_KEY, event_key
from daemon.store.encoding import RAW_OPTIONS
from daemon.stream.events import status_event
from models.documents.clearview_values import LONGEST_TEXT, RAW, decoded

TOKEN = "826A" + "0" * 30
APPLICATION = UUID(int=7)
FAR = DatetimeMS(8_640_000_000_000_000)
"""The latest date of JavaScript: 13 September 275760."""

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.uuids()
    | st.integers(-(2**60), 2**60).map(DatetimeMS)
    | st.builds(Decimal128, st.decimals(-(10**9), 10**9, allow_nan=True, places=3))
    | st.builds(ObjectId)
    | st.builds(Binary, st.binary(max_size=20), st.sampled_from([0, 3, 4, 128]))
    | st.builds(Regex, st.just("a("))
    | st.builds(Timestamp, st.integers(0, 2**31), st.integers(0, 9))
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["odd", "name", "external_id", "$ref", "$id", "x"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)
FIELDS = (
    *("document", "status", "stage", "stage_name", "stage_external_id", "rejection_reason"),
    *("integration_id", "external_id", "candidate_id"),
)


def as_received(fields: dict[str, Any]) -> dict[str, Any]:
    """A change as it comes off the wire."""
    change = {
        "_id": {"_data": TOKEN},
        "operationType": "update",
        "clusterTime": Timestamp(1_800_000_000, 1),
        "document": APPLICATION,
    } | fields
    return decoded(RawBSONDocument(bson.encode(change, codec_options=RAW_OPTIONS), RAW))


@settings(max_examples=500)
@given(st.dictionaries(st.sampled_from(FIELDS), values))
def test_whatever_a_field_holds_the_event_is_made_of_texts_and_ids(fields: dict[str, Any]) -> None:
    event = status_event(as_received(fields), epoch=1)

    texts = (event.status, event.rejection_reason, event.external_id, event.problem)
    assert all(value is None or isinstance(value, str) for value in texts)
    assert event.stage is None or all(
        value is None or isinstance(value, str) for value in event.stage.values()
    )
    assert isinstance(event.application_id, UUID)
    assert event.integration_id is None or isinstance(event.integration_id, UUID)
    plan_event(event, known=None, earlier=None, rules=PushRules())


@pytest.mark.parametrize(
    ("fields", "status", "problem"),
    [
        ({"status": "interview"}, "interview", None),
        ({"status": 5}, "5", None),
        ({"status": {"odd": "array"}}, None, "status is of type array"),
        ({"status": {"odd": "date"}, "stage_name": "Onsite"}, None, "status is of type date"),
        ({"status": "interview", "stage": {"odd": "date"}}, "interview", None),
        ({"status": "interview", "stage": {"name": {"odd": "date"}}}, "interview", None),
        ({"stage": {"odd": "date"}}, None, "stage is of type date"),
        ({"stage": {"external_id": {"odd": "binData"}}}, None, "stage.external_id is of type bin"),
        ({"stage_name": {"odd": "array"}}, None, "stage.name is of type array"),
        ({"stage": "Onsite"}, None, "stage is of type string"),
        ({"status": None}, None, None),
    ],
)
def test_a_field_of_the_wrong_type_is_named_where_nothing_else_says_what_to_do(
    fields: dict[str, Any], status: str | None, problem: str | None
) -> None:
    event = status_event(as_received(fields), epoch=1)

    assert event.status == status
    assert (event.problem or "").startswith(problem or "")
    assert (event.problem is None) == (problem is None)


@pytest.mark.parametrize(
    "fields",
    [
        {"stage_name": ""},
        {"stage_external_id": ""},
        {"stage": {"external_id": "", "name": ""}},
        {"stage": {"external_id": None, "name": ""}},
    ],
)
def test_an_empty_text_names_no_stage_and_the_status_decides(fields: dict[str, Any]) -> None:
    event = status_event(as_received({"status": "interview", **fields}), epoch=1)

    assert (event.status, event.stage) == ("interview", None)


@pytest.mark.parametrize(
    ("identity", "shown"),
    [
        (APPLICATION, None),
        (Binary(APPLICATION.bytes, UUID_SUBTYPE), None),
        (ObjectId("5f43a1b2c3d4e5f6a7b8c9d0"), "5f43a1b2c3d4e5f6a7b8c9d0"),
        (4711, "4711"),
        ("case-17", "case-17"),
        ("ada@example.com", "with an _id of type string"),
        ({"odd": "object"}, "with an _id of type object"),
    ],
)
def test_an_id_that_is_no_uuid_is_shown_where_it_names_no_person(
    identity: Any, shown: str | None
) -> None:
    event = status_event(as_received({"document": identity}), epoch=1)

    assert event.document == shown
    assert isinstance(event.application_id, UUID)


def test_an_event_that_cannot_be_handled_names_its_document() -> None:
    event = status_event(as_received({"document": 4711}), epoch=1)

    assert unreadable(event, "KeyError") == Skip(
        "unreadable",
        "the change of document 4711 cannot be handled (KeyError); correct the document",
        failed=True,
    )


@given(st.text("0123456789ABCDEF", min_size=1, max_size=700), st.text("0123456789ABCDEF"))
def test_a_long_token_is_a_short_key_that_sorts_the_same(one: str, other: str) -> None:
    start = "F" * 300
    tokens = sorted([start + one, start + other + "0" * 600])

    assert sorted(map(event_key, tokens)) == [event_key(token) for token in tokens] or (
        tokens[0][:LONGEST_KEY] == tokens[1][:LONGEST_KEY]
    )
    assert all(len(event_key(token)) <= LONGEST_KEY for token in tokens)


def test_a_moment_far_away_can_be_decoded() -> None:
    change = as_received({"status": "x" * LONGEST_TEXT, "stage": FAR})

    assert status_event(change, epoch=1).at == datetime.fromtimestamp(1_800_000_000, UTC)
