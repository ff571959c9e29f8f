"""The conflict rule: three-way, by policy, and never over a person's head."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.conflict import Policy, decide_status, is_for_a_person, who_moved
from models.status import TURNED_DOWN, ApplicationStatus

S = ApplicationStatus
statuses = st.sampled_from(list(S))
policies = st.sampled_from(["ats_wins", "clearview_wins", "newest_wins"])
moments = st.none() | st.datetimes(timezones=st.just(UTC))
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@given(base=statuses, moved=statuses, policy=policies, at=moments, other=moments)
def test_a_side_that_moved_alone_wins_under_every_policy(
    base: S, moved: S, policy: Policy, at: datetime | None, other: datetime | None
) -> None:
    times = {"ats_changed_at": at, "clearview_changed_at": other}
    by_ats = decide_status(base=base, ats=moved, clearview=base, policy=policy, **times)
    by_clearview = decide_status(base=base, ats=base, clearview=moved, policy=policy, **times)

    assert by_ats == "ats"
    assert by_clearview == ("ats" if moved == base else "clearview")


@given(base=st.none() | statuses, same=statuses)
def test_equal_sides_agree_however_they_came_there(base: S | None, same: S) -> None:
    assert who_moved(base=base, ats=same, clearview=same) == "agreed"


@pytest.mark.parametrize("policy", ["ats_wins", "clearview_wins", "newest_wins"])
@pytest.mark.parametrize("turned_down", sorted(TURNED_DOWN))
def test_hired_against_turned_down_is_left_to_a_person(policy: Policy, turned_down: S) -> None:
    for ats, clearview in ((S.HIRED, turned_down), (turned_down, S.HIRED)):
        winner = decide_status(
            base=S.OFFER,
            ats=ats,
            clearview=clearview,
            policy=policy,
            ats_changed_at=NOON,
            clearview_changed_at=NOON + timedelta(seconds=1),
        )

        assert winner is None


@given(base=st.none() | statuses, ats=statuses, clearview=statuses)
def test_only_hired_against_turned_down_stays_open(base: S | None, ats: S, clearview: S) -> None:
    winner = decide_status(base=base, ats=ats, clearview=clearview, policy="ats_wins")
    both = who_moved(base=base, ats=ats, clearview=clearview) == "both"

    assert (winner is None) == (both and is_for_a_person(ats, clearview))


@given(base=st.none() | statuses, ats=statuses, clearview=statuses)
def test_the_named_side_wins_where_both_moved(base: S | None, ats: S, clearview: S) -> None:
    sides: Any = {"base": base, "ats": ats, "clearview": clearview}
    if who_moved(**sides) != "both" or is_for_a_person(ats, clearview):
        return

    assert decide_status(**sides, policy="ats_wins") == "ats"
    assert decide_status(**sides, policy="clearview_wins") == "clearview"


@pytest.mark.parametrize(
    ("ats_at", "clearview_at", "winner"),
    [
        (NOON, NOON + timedelta(milliseconds=1), "clearview"),
        (NOON + timedelta(milliseconds=1), NOON, "ats"),
        (NOON, NOON, "ats"),
        (None, NOON, "ats"),
        (NOON, None, "ats"),
    ],
)
def test_the_newest_wins_and_the_ats_where_time_cannot_decide(
    ats_at: datetime | None, clearview_at: datetime | None, winner: str
) -> None:
    decided = decide_status(
        base=S.NEW,
        ats=S.OFFER,
        clearview=S.INTERVIEW,
        policy="newest_wins",
        ats_changed_at=ats_at,
        clearview_changed_at=clearview_at,
    )

    assert decided == winner
