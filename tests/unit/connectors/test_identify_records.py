"""Records of a page are identified, whatever is wrong with some of them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.read.digests import whole_digest
from connectors.read.identify import identify_records, key_reader
from connectors.read.ids import identifier

pytestmark = pytest.mark.fuzz("payloads")

IDS = st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.none(), st.lists(st.none()))
RECORDS = st.one_of(
    st.fixed_dictionaries({"id": IDS, "updated_at": st.text(max_size=5)}),
    st.fixed_dictionaries({"name": st.text(max_size=5)}),
    st.integers(),
)


@given(st.lists(RECORDS, max_size=8))
def test_each_record_with_an_id_is_found_and_each_other_one_fails(records: list[Any]) -> None:
    raws = [msgspec.json.encode(record) for record in records]

    identified = identify_records(raws, key_reader(["id", "updated_at"]), whole_digest)

    good = [
        (key, raw, whole_digest(raw), record.get("updated_at"))
        for record, raw in zip(records, raws, strict=True)
        if isinstance(record, dict) and (key := identifier(record.get("id"))) is not None
    ]
    assert [tuple(record) for record in identified.records] == [each[:3] for each in good]
    assert identified.times == [each[3] for each in good]
    assert len(identified.failed) == len(records) - len(good)
    assert all("of the page" in failure.message for failure in identified.failed)


def test_a_list_whose_details_are_read_has_no_digests_and_one_without_times_no_times() -> None:
    identified = identify_records([b'{"id": 7}', b'{"id": "a"}'], key_reader(["id"]), None)

    assert [(r.external_id, r.digest) for r in identified.records] == [("7", None), ("a", None)]
    assert (identified.failed, identified.times) == ([], [])
