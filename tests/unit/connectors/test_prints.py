"""A record is known by what mapping reads of it: by its bytes at first, by its content later."""

import random
from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from config.operator import Integration
from connectors.connector import Mapped, RawRecord, Unchanged
from connectors.definition import load_definition_text
from connectors.read.records import fingerprint, is_of_bytes, partly, printer, pruner
from connectors.registry import create_connector
from tests.bench.ours import CONNECTORS

NAMES = ("id", "name", "files", "notes")
VOLATILE = ("files[].url", "seen", "notes.count")
keys = st.sampled_from([*NAMES, "seen", "unread"])
leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.text('aé☃"\\ ', max_size=3)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "count", "id"]), inner, max_size=3)
    ),
    max_leaves=6,
)
records = st.dictionaries(keys, values, max_size=6)
print_of = printer(NAMES, VOLATILE)


def content(record: Mapping[str, Any]) -> bytes:
    """What a second look compares."""
    part = partly(NAMES)(msgspec.json.encode(record))
    return fingerprint(pruner(VOLATILE)(part))


@given(one=records, other=records)
def test_equal_prints_mean_equal_content(one: dict[str, Any], other: dict[str, Any]) -> None:
    prints = {print_of(msgspec.json.encode(record)) for record in (one, other)}

    assert len(prints) == 2 or content(one) == content(other)


@given(record=records, seed=st.integers(0, 99), unread=values, url=st.text(max_size=3))
def test_what_mapping_does_not_read_leaves_the_print_alone(
    record: dict[str, Any], seed: int, unread: Any, url: str
) -> None:
    files = [{"id": 1, "url": "https://one"}]
    shuffled = list((record | {"files": files}).items())
    random.Random(seed).shuffle(shuffled)
    other = dict(shuffled) | {"unread": unread, "files": [{"id": 1, "url": url}]}

    one = print_of(msgspec.json.encode(record | {"files": files}))
    assert one == print_of(msgspec.json.encode(other))
    assert one is not None
    assert is_of_bytes(one)


@given(record=records)
def test_a_missing_key_and_an_empty_one_are_told_apart(record: dict[str, Any]) -> None:
    without = {key: value for key, value in record.items() if key != "name"}

    assert print_of(msgspec.json.encode(without)) != print_of(
        msgspec.json.encode(without | {"name": None})
    )


def test_what_is_no_plain_object_has_no_print() -> None:
    for raw in (b"[1]", b'"text"', b"7", b"null", b'{"id": ', b"", b'{"files": [}'):
        assert print_of(raw) is None
    assert printer(None, ())(b"{}") is None


async def test_a_record_written_in_another_way_is_the_same_from_the_second_look_on() -> None:
    path = CONNECTORS / "bench.yaml"
    connector = create_connector(
        "bench",
        Integration.model_validate({"connector": "bench", "credentials": {"api_key": "any"}}),
        load_definition_text(path.read_text(), path=path),
    )
    one = b'{"id": 7, "title": "cook", "tags": [], "addresses": [{"value": "x", "type": "home"}]}'
    other = b'{"id": 7, "title": "cook", "tags": [], "addresses": [{"type": "home", "value": "x"}]}'

    async def mapped(raw: bytes, known: bytes | None) -> Any:
        record = RawRecord("7", raw, None)
        [result] = await connector.map_records(
            "candidates", [record], known={"7": known} if known else {}
        )
        return result

    first = await mapped(one, None)
    assert isinstance(first, Mapped)
    assert isinstance(await mapped(one, first.fingerprint), Unchanged)
    second = await mapped(other, first.fingerprint)
    assert isinstance(second, Mapped)
    assert second.candidate == first.candidate
    assert isinstance(await mapped(one, second.fingerprint), Unchanged)
    assert isinstance(await mapped(other, second.fingerprint), Unchanged)
    third = await mapped(one.replace(b"cook", b"chef"), second.fingerprint)
    assert isinstance(third, Mapped)
