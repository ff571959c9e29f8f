"""The compact set of listed ids."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.importing.seen import SeenIds, ShownIds, hashed


@given(st.sets(st.text(max_size=5)), st.sets(st.text(max_size=5)))
def test_what_was_added_is_in_it_and_nothing_else(added: set[str], others: set[str]) -> None:
    seen = SeenIds()
    seen.add_all(added)

    assert all(external_id in seen for external_id in added)
    assert not any(external_id in seen for external_id in others - added)
    assert len(seen) == len(added)


@given(st.lists(st.text(max_size=3)))
def test_an_id_that_was_shown_twice_counts_once(shown: list[str]) -> None:
    seen = SeenIds()
    for external_id in shown:
        seen.add(external_id)

    assert seen.distinct() == len(set(shown))


def test_ids_added_after_a_question_are_found_too() -> None:
    seen = SeenIds()
    seen.add("b")
    assert "a" not in seen

    seen.add("a")

    assert "a" in seen


def _apart(pages: list[set[str]]) -> list[set[str]]:
    return [page.difference(*pages[:at]) for at, page in enumerate(pages)]


PAGES = st.lists(st.sets(st.integers(0, 100).map(str), max_size=30), max_size=6).map(_apart)


@given(pages=PAGES, shown=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=12))
def test_pages_told_apart_by_name_count_as_if_their_ids_were_compared(
    pages: list[set[str]], shown: list[tuple[int, bool]]
) -> None:
    ids = ShownIds()
    seen: list[set[str]] = []
    for at, named in ((at, named) for at, named in shown if at < len(pages)):
        seen.append(pages[at])
        ids.add(hashed(sorted(pages[at])), name=b"%d" % at if named else None)

    assert ids.distinct() == len(set().union(*seen))
    assert len(ids) == sum(map(len, seen))
