"""A position that is lost again and again: growing pauses, and a person from the third time on."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.stream_recovery import RecoveryRule, recovery

RULE = RecoveryRule()


def test_the_first_recovery_is_quick_and_each_in_a_row_waits_longer() -> None:
    pauses = [recovery(RULE, number).pause.total_seconds() for number in range(1, 8)]

    assert pauses == [0.5, 2.0, 8.0, 32.0, 128.0, 300.0, 300.0]


def test_the_third_in_a_row_needs_a_person() -> None:
    assert [recovery(RULE, number).needs_person for number in range(5)] == [
        *(False, False, False),
        *(True, True),
    ]


@given(st.integers(min_value=0, max_value=10**9))
def test_however_often_it_is_lost_the_pause_is_bounded(number: int) -> None:
    assert timedelta(0) < recovery(RULE, number).pause <= RULE.longest_pause


@given(st.integers(min_value=1, max_value=10_000))
def test_in_an_hour_there_are_at_most_some_twenty_recoveries(start: int) -> None:
    spent, number = timedelta(0), start
    while spent < timedelta(hours=1):
        spent += recovery(RULE, number).pause
        number += 1

    assert number - start <= 20
