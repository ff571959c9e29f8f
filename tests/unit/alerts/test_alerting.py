"""Which messages go out when, with a moved clock and no I/O."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.core.alert_payload import channels_for, payload_of
from daemon.core.alert_policy import AlertPolicy
from daemon.core.alerting import AlertState, MessagePlan, next_message_at, plan_messages
from daemon.core.failure_streaks import FailureStreak, LimitStreak, after_run
from daemon.core.notifications import channel_pause

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
POLICY = AlertPolicy()
MINUTE = timedelta(minutes=1)


def an_alert(number: int = 1, **changes: object) -> AlertState:
    return replace(
        AlertState(
            id=UUID(int=number),
            key=f"integration_failing:i{number}",
            kind="integration_failing",
            severity="error",
            title=f"i{number} is failing",
            message="Run doctor.",
            opened_at=NOW + timedelta(seconds=number),
            integration=f"i{number}",
            details={"cause": "503"},
            due_at=NOW,
        ),
        **changes,
    )


def planned(*due: AlertState, recent: tuple[AlertState, ...] = ()) -> list[tuple[str, int]]:
    plan = plan_messages(due, recent, now=NOW, policy=POLICY)
    return [(message.phase, len(message.alerts)) for message in plan.messages]


def test_one_condition_is_one_message() -> None:
    assert planned(an_alert()) == [("opened", 1)]


def test_a_hundred_integrations_failing_on_one_cause_are_one_message() -> None:
    assert planned(*(an_alert(n) for n in range(100))) == [("opened", 100)]


def test_conditions_wait_for_one_another_while_more_of_them_keep_coming() -> None:
    first = [an_alert(n, due_at=NOW - MINUTE) for n in range(4)]
    coming = an_alert(5, due_at=NOW + timedelta(seconds=5))
    assert planned(*first, coming) == []
    assert planned(*first, replace(coming, details={"cause": "401"})) == [("opened", 4)]

    waited_long = [replace(a, due_at=NOW - POLICY.longest_hold) for a in first]

    assert planned(*waited_long, coming) == [("opened", 5)]


def test_another_cause_or_kind_is_another_message() -> None:
    storm = [an_alert(n) for n in range(5)]
    others = [an_alert(7, details={"cause": "401"}), an_alert(8, kind="rate_limited")]

    assert sorted(planned(*storm, *others)) == [("opened", 1), ("opened", 1), ("opened", 5)]


def test_stragglers_of_a_storm_wait_and_come_together() -> None:
    sent = tuple(an_alert(n, messages=1, last_message_at=NOW - MINUTE) for n in range(3))
    assert planned(an_alert(10), an_alert(11), recent=sent) == []

    long_ago = tuple(replace(a, last_message_at=NOW - POLICY.storm_window) for a in sent)

    assert planned(an_alert(10), an_alert(11), an_alert(12), recent=long_ago) == [("opened", 3)]


def test_recovery_from_a_storm_is_one_message_too() -> None:
    storm = [an_alert(n, messages=1, resolved_at=NOW) for n in range(50)]

    assert planned(*storm) == [("resolved", 50)]


def test_opened_and_resolved_while_a_storm_held_it_back_says_nothing() -> None:
    sent = tuple(an_alert(n, messages=1, last_message_at=NOW - MINUTE) for n in range(3))
    plan = plan_messages([an_alert(9, resolved_at=NOW)], sent, now=NOW, policy=POLICY)

    assert plan.messages == ()
    assert [a.id for a in plan.silent] == [UUID(int=9)]


def test_a_muted_condition_says_nothing_and_stays_due() -> None:
    muted = an_alert(muted_until=NOW + timedelta(hours=8))
    plan = plan_messages([muted], [], now=NOW, policy=POLICY)

    assert plan == MessagePlan((), ())
    assert planned(replace(muted, muted_until=NOW)) == [("opened", 1)]


@pytest.mark.parametrize("ends", [NOW + MINUTE, NOW], ids=["mute lasts", "mute is over"])
def test_what_came_and_went_under_a_mute_is_never_spoken_of(ends: datetime) -> None:
    gone = an_alert(resolved_at=NOW - MINUTE, muted_until=ends)
    plan = plan_messages([gone], [], now=NOW, policy=POLICY)

    assert plan == MessagePlan((), (gone,))
    assert next_message_at(gone, now=NOW, policy=POLICY, silent=True) is None


def test_what_was_sent_before_a_mute_is_reported_as_over() -> None:
    gone = an_alert(messages=1, resolved_at=NOW - MINUTE, muted_until=NOW + MINUTE)

    assert planned(gone) == [("resolved", 1)]


def test_a_mute_keeps_what_it_covers_out_of_a_storm() -> None:
    storm = [an_alert(n) for n in range(5)]
    muted = [an_alert(n, muted_until=NOW + MINUTE) for n in range(5, 9)]

    assert planned(*storm, *muted) == [("opened", 5)]


def test_reminders_come_at_growing_intervals_for_as_long_as_it_lasts() -> None:
    alert, waits = an_alert(), []
    for _ in range(5):
        due = next_message_at(alert, now=NOW, policy=POLICY)
        assert due is not None
        waits.append(due - NOW)
        alert = replace(alert, messages=alert.messages + 1)

    assert [wait / timedelta(hours=1) for wait in waits] == [1, 4, 24, 24, 24]


def test_after_the_resolution_nothing_is_left_to_say() -> None:
    resolved = an_alert(messages=3, resolved_at=NOW)

    assert resolved.phase == "resolved"
    assert next_message_at(resolved, now=NOW, policy=POLICY) is None


def test_a_condition_already_over_when_it_is_reported_is_resolved_right_after() -> None:
    brief = an_alert(resolved_at=NOW)

    assert planned(brief) == [("opened", 1)]
    assert next_message_at(brief, now=NOW, policy=POLICY) == NOW


@given(
    st.lists(
        st.builds(
            lambda n, messages, over, cause: an_alert(
                n, messages=messages, resolved_at=NOW if over else None, details={"cause": cause}
            ),
            st.integers(0, 40),
            st.integers(0, 2),
            st.booleans(),
            st.sampled_from("ab"),
        ),
        unique_by=lambda a: a.id,
    )
)
def test_every_due_condition_is_reported_exactly_once(due: list[AlertState]) -> None:
    plan = plan_messages(due, [], now=NOW, policy=POLICY)
    sent = [alert.id for message in plan.messages for alert in message.alerts]

    assert sorted(sent) == sorted(alert.id for alert in due)


def test_the_payload_is_what_the_notification_service_takes() -> None:
    (message,) = plan_messages([an_alert()], [], now=NOW, policy=POLICY).messages
    payload = payload_of(message)

    assert list(payload) == [
        "key",
        "kind",
        "severity",
        "state",
        "integration",
        "title",
        "message",
        "opened_at",
        "details",
    ]
    assert payload["state"] == "open"


def test_a_storm_names_every_integration_and_the_worst_severity() -> None:
    storm = [an_alert(n) for n in range(3)] + [an_alert(4, severity="critical")]
    (message,) = plan_messages(storm, [], now=NOW, policy=POLICY).messages
    payload = payload_of(message)

    assert payload["severity"] == "critical"
    assert payload["integration"] is None
    assert payload["title"] == "4 integrations: integration failing"
    assert payload["details"]["integrations"] == ["i0", "i1", "i2", "i4"]


def test_a_broken_channel_gets_no_message_about_itself() -> None:
    payload = {"details": {"channel": "http:a"}}

    assert channels_for(payload, ["http:a", "apprise:b"]) == ["apprise:b"]


@given(attempts=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_a_channel_that_is_down_rests_between_a_second_and_ten_minutes(
    attempts: int, jitter: float
) -> None:
    rest = channel_pause(attempts, chance=jitter)

    assert timedelta(seconds=1) <= rest <= timedelta(minutes=10)


@pytest.mark.parametrize(
    ("requested_s", "seconds"), [(None, 2), (1.0, 2), (45.0, 45), (86_400.0, 600)]
)
def test_a_channel_pauses_as_long_as_it_requests_but_never_beyond_ten_minutes(
    requested_s: float | None, seconds: int
) -> None:
    assert channel_pause(1, requested_s=requested_s, chance=0.0) == timedelta(seconds=seconds)


def judgements(*runs: tuple[bool, timedelta]) -> list[str | None]:
    streak, now = FailureStreak(), NOW
    found: list[str | None] = []
    for failed, later in runs:
        now += later
        streak, verdict = after_run(streak, failed=failed, now=now, policy=POLICY)
        found.append(verdict)
    return found


FAILED, FINE = True, False


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(FAILED, MINUTE)] * 3, [None, None, "open"]),
        ([(FAILED, MINUTE), (FAILED, 10 * MINUTE)], [None, "open"]),
        ([(FAILED, MINUTE), (FINE, MINUTE)] * 2, [None, "resolve", None, "resolve"]),
        ([(FAILED, MINUTE)] * 3 + [(FINE, MINUTE)], [None, None, "open", "resolve"]),
        # What an earlier process left open is closed by the first success of this one.
        ([(FINE, MINUTE), (FINE, MINUTE)], ["resolve", None]),
    ],
)
def test_an_integration_fails_after_three_runs_or_ten_minutes(
    runs: list[tuple[bool, timedelta]], expected: list[str | None]
) -> None:
    assert judgements(*runs) == expected


def limited_after(*refusals: tuple[int, int]) -> list[bool]:
    """Whether it is long, after requests at these minutes to wait so many minutes."""
    streak, found = LimitStreak(NOW, NOW), []
    for minute, wait in refusals:
        now = NOW + minute * MINUTE
        streak = streak.extended(now, now + wait * MINUTE, POLICY)
        found.append(streak.is_long(POLICY))
    return found


def test_an_ats_limits_for_long_if_it_asks_again_and_again_or_for_very_long() -> None:
    assert limited_after((0, 0), (4, 0), (8, 0), (12, 0)) == [False, False, False, True]
    assert limited_after((0, 30)) == [True]


def test_five_quiet_minutes_end_the_limit() -> None:
    assert limited_after((0, 0), (4, 0), (9, 0), (14, 0), (19, 0)) == [False] * 5
    assert LimitStreak(NOW, NOW + MINUTE).is_over(NOW + 6 * MINUTE, POLICY)
    assert not LimitStreak(NOW, NOW + 2 * MINUTE).is_over(NOW + 6 * MINUTE, POLICY)
