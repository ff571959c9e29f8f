"""Ids of chosen options are imported by the names that the same record has for them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.definition.sources import read_source
from connectors.read.getters import getter

SOURCE = {"look_up": "chosen", "among": "options", "take": "title"}
OPTIONS = [{"id": 1, "title": "Early"}, {"id": "b", "title": "Late"}, {"title": "no id"}, "odd"]


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ([1, "b"], ["Early", "Late"]),
        (["1"], ["Early"]),
        ("b", "Late"),
        ([3, 1], [3, "Early"]),
        ([], []),
        (None, None),
        ("None", "None"),
    ],
)
def test_each_id_has_its_name_and_an_unknown_one_stays(chosen: Any, names: Any) -> None:
    get = getter(read_source(SOURCE))

    assert get({"chosen": chosen, "options": OPTIONS}) == names


@given(
    st.none()
    | st.booleans()
    | st.text()
    | st.lists(st.integers())
    | st.dictionaries(st.text(), st.text())
)
def test_without_rows_the_ids_stay_as_they_came(value: Any) -> None:
    get = getter(read_source(SOURCE))

    assert get({"chosen": value}) == value
    assert get({"chosen": value, "options": value}) == value


def test_rows_may_have_their_ids_under_another_name() -> None:
    get = getter(read_source({**SOURCE, "by": "key"}))

    assert get({"chosen": 7, "options": [{"key": 7, "title": "Night"}]}) == "Night"
