"""Compiled paths give what the JMESPath interpreter gives, for every shape of record."""

from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.definition.compiled_paths import compile_path
from connectors.definition.paths import checked_path

PATHS = [
    "a", "a.b", "a.b.c", "@", "a[0]", "a[-1].b", "a || b", "a && b || c", "!a", "!a && b",
    "a == 'x'", "a != b", "a.b == `1`", "a == `true`", "[a, b]", "[a, b][]", "a[].b", "a[*].b.c",
    "a[?b == 'x'].c", "a[?b] | [0].c", "{x: a, y: b.c}", "a[].{x: @, y: 'k'}", "a[][]",
    "(a || b)[].c", "[a && {v: a}, b && {v: b}][]", 'a."b"', "a[?b].c || []",
    "a == 'x' && !b && c || null", "`[]`", "a[?!b]",
]  # fmt: skip
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from([0, 1, 2.5, "", "x", "y"]),
        st.just([]),
        st.just({}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=40)
@given(record=values)
def test_a_compiled_path_gives_what_the_interpreter_gives(path: str, record: Any) -> None:
    expected = jmespath.search(path, record)

    found = compile_path(path)(record)

    assert found == expected
    assert type(found) is type(expected)


def test_a_function_that_meets_another_type_gives_nothing() -> None:
    assert compile_path("length(a)")({"a": 3}) is None
    assert compile_path("length(a)")({"a": [1, 2]}) == 2


@pytest.mark.parametrize("path", ["(" * 5000 + "a" + ")" * 5000, "!" * 60 + "a", "a" + "[].b" * 60])
def test_a_path_that_pythons_stack_does_not_hold_is_a_mistake_of_the_file(path: str) -> None:
    with pytest.raises(ValueError, match="is a JMESPath expression of more than 40 levels"):
        checked_path(path)
