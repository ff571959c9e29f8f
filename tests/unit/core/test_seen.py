"""The compact set of listed ids."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.importing.hashed_id_set import HashedIdSet


@given(st.sets(st.text(max_size=5)), st.sets(st.text(max_size=5)))
def test_what_was_added_is_in_it_and_nothing_else(added: set[str], others: set[str]) -> None:
    seen = HashedIdSet()
    seen.add_all(added)

    assert all(external_id in seen for external_id in added)
    assert not any(external_id in seen for external_id in others - added)
    assert len(seen) == len(added)


@given(st.lists(st.text(max_size=3)))
def test_an_id_that_was_shown_twice_counts_once(shown: list[str]) -> None:
    seen = HashedIdSet()
    for external_id in shown:
        seen.add(external_id)

    assert seen.distinct() == len(set(shown))


def test_ids_added_after_a_question_are_found_too() -> None:
    seen = HashedIdSet()
    seen.add("b")
    assert "a" not in seen

    seen.add("a")

    assert "a" in seen
