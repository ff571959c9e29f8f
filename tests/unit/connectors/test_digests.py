"""A record is known by the digest of its bytes, and by the fingerprint of its content."""

import random
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.operator import Integration
from connectors.definition import load_definition_text
from connectors.read.digests import content_hasher, digest_for, fingerprint, pruner, whole_digest
from connectors.read.partial_decoder import partial_decoder
from connectors.registry import create_connector
from connectors.values import Mapped, RawRecord, Unchanged
from tests.bench.ours import CONNECTORS

pytestmark = pytest.mark.fuzz("payloads")

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
digest_of = content_hasher(NAMES, VOLATILE)


def content(record: Mapping[str, Any]) -> bytes:
    """The fingerprint of what the mapping reads."""
    part = partial_decoder(NAMES)(msgspec.json.encode(record))
    return fingerprint(pruner(VOLATILE)(part))


@given(one=records, other=records)
def test_equal_digests_mean_equal_content(one: dict[str, Any], other: dict[str, Any]) -> None:
    digests = {digest_of(msgspec.json.encode(record)) for record in (one, other)}

    assert len(digests) == 2 or content(one) == content(other)


@given(record=records, seed=st.integers(0, 99), unread=values, url=st.text(max_size=3))
def test_what_mapping_does_not_read_leaves_the_digest_alone(
    record: dict[str, Any], seed: int, unread: Any, url: str
) -> None:
    files = [{"id": 1, "url": "https://one"}]
    shuffled = list((record | {"files": files}).items())
    random.Random(seed).shuffle(shuffled)
    other = dict(shuffled) | {"unread": unread, "files": [{"id": 1, "url": url}]}

    one = msgspec.json.encode(record | {"files": files})
    assert digest_of(one) == digest_of(msgspec.json.encode(other))
    assert digest_of(one) != whole_digest(one)


@given(record=records)
def test_a_missing_key_and_an_empty_one_are_different(record: dict[str, Any]) -> None:
    without = {key: value for key, value in record.items() if key != "name"}

    assert digest_of(msgspec.json.encode(without)) != digest_of(
        msgspec.json.encode(without | {"name": None})
    )


def test_what_is_no_plain_object_has_the_digest_of_all_its_bytes() -> None:
    for raw in (b"[1]", b'"text"', b"7", b"null", b'{"id": ', b"", b'{"files": [}'):
        assert digest_of(raw) == whole_digest(raw)


def test_without_volatile_paths_every_byte_counts() -> None:
    assert digest_for(NAMES, ()) is whole_digest
    assert digest_for(None, ()) is whole_digest


def test_volatile_paths_are_left_out_where_the_mapping_may_read_anything() -> None:
    digest = digest_for(None, ["seen", "files[].url"])

    one = b'{"id": 7, "seen": 1, "files": [{"id": 1, "url": "a"}]}'
    assert digest(one) == digest(b'{"id": 7, "files": [{"id": 1, "url": "b"}], "seen": 2}')
    assert digest(one) != digest(one.replace(b'"id": 7', b'"id": 8'))
    assert digest(b"[1") == whole_digest(b"[1")


async def test_a_record_written_in_another_way_is_unchanged() -> None:
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
    assert isinstance(await mapped(other, first.fingerprint), Unchanged)
    changed = await mapped(one.replace(b"cook", b"chef"), first.fingerprint)
    assert isinstance(changed, Mapped)
    assert changed.fingerprint != first.fingerprint
