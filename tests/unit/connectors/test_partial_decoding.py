"""Of a record only what its mapping reads is decoded; that changes nothing about what is read."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.definition.compiled_paths import compile_path
from connectors.definition.paths import names_read
from connectors.http.decoding import decode
from connectors.read.partial_decoder import partial_decoder

pytestmark = pytest.mark.fuzz("payloads")

names = st.sampled_from(["id", "name", "stage", "record", "list", "other"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("aé☃ ", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
records = st.dictionaries(names, values, max_size=5)
PATHS = [
    "id",
    "stage.name",
    "stage.id || name",
    "list[0].name",
    "list[].name",
    "list[?id == name]",
    "[stage, list][]",
    "{a: id, b: stage.name}",
    "name && stage.id == `1`",
    "join(',', list)",
    "!stage.name",
    "stage.* | [0]",
    "'constant'",
]


@given(record=records, path=st.sampled_from(PATHS))
def test_a_path_finds_in_the_part_what_it_finds_in_the_whole(
    record: dict[str, Any], path: str
) -> None:
    needed = names_read([path])

    assert needed is not None
    part = partial_decoder(sorted(needed))(msgspec.json.encode(record))
    assert compile_path(path)(part) == compile_path(path)(record)
    assert part == {name: value for name, value in record.items() if name in needed}


@pytest.mark.parametrize("path", ["@", "keys(@)", "*.name", "[0]", "to_string(@)", "[*].id"])
def test_a_path_that_may_read_anything_needs_the_whole_record(path: str) -> None:
    assert names_read(["id", path]) is None


def test_what_paths_of_a_part_read_of_the_record_is_needed_of_the_record() -> None:
    paths = ["id", "record.candidate.id", "record.name || record.stage.name"]

    assert names_read(paths, whole="record") == frozenset(
        {"id", "record", "candidate", "name", "stage"}
    )


def test_a_part_that_reads_the_record_as_such_needs_all_of_it() -> None:
    assert names_read(["record"], whole="record") is None
    assert names_read(["record.*"], whole="record") is None


def test_null_and_missing_stay_apart() -> None:
    assert partial_decoder(["a", "b"])(b'{"a": null, "c": 1}') == {"a": None}


def test_half_characters_are_replaced_in_the_part_too() -> None:
    raw = b'{"a": "x\\ud800", "c": "\\udc00"}'

    assert partial_decoder(["a"])(raw) == {"a": "x\N{REPLACEMENT CHARACTER}"}
    assert decode(raw)["a"] == "x\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("raw", [b"[1]", b'"text"', b"7", b"null", b'{"a": ', b""])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        partial_decoder(["a"])(raw)
