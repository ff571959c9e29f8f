"""The brake before deletions."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.deletion_guard import DeletionBlocked, judge_deletions

counts = st.integers(0, 1000)


@given(known=counts, share=st.floats(0, 1), limit=st.floats(0, 100))
def test_more_than_the_allowed_share_is_never_deleted_without_a_persons_word(
    known: int, share: float, limit: float
) -> None:
    missing = int(known * share)

    verdict = judge_deletions(
        known=known, missing=missing, seen=1, max_percent=limit, accepted=False
    )

    assert isinstance(verdict, DeletionBlocked) == (missing * 100 > known * limit)


@given(known=st.integers(1, 1000))
def test_an_emptied_listing_is_refused_at_any_percentage(known: int) -> None:
    verdict = judge_deletions(known=known, missing=known, seen=0, max_percent=100, accepted=False)

    assert isinstance(verdict, DeletionBlocked)


@given(known=counts, seen=counts)
def test_a_persons_word_is_enough(known: int, seen: int) -> None:
    verdict = judge_deletions(known=known, missing=known, seen=seen, max_percent=0, accepted=True)

    assert verdict is None


@given(known=counts, seen=counts, limit=st.floats(0, 100))
def test_nothing_missing_needs_no_judgement(known: int, seen: int, limit: float) -> None:
    verdict = judge_deletions(known=known, missing=0, seen=seen, max_percent=limit, accepted=False)

    assert verdict is None
