"""The text that an ATS gets for one application."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.analytics import Period, Standpoint, value_of, values_to_send
from models.status import ApplicationStatus

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
FIELD = "clearview_status"
PERIOD = Period(START + 10 * DAY, START + 11 * DAY)


def a_point(
    status: ApplicationStatus = ApplicationStatus.INTERVIEW, entered: datetime = START + 12 * DAY
) -> Standpoint:
    return Standpoint("a1", "c1", "j1", "id", status, START, entered)


@pytest.mark.parametrize(
    ("status", "value"),
    [
        (ApplicationStatus.NEW, "new 1/8 day 12 since 2026-03-14"),
        (ApplicationStatus.HIRED, "hired 8/8 day 12 since 2026-03-14"),
        (ApplicationStatus.REJECTED, "rejected day 12 since 2026-03-14"),
    ],
)
def test_a_value_names_the_status_the_step_and_the_day(
    status: ApplicationStatus, value: str
) -> None:
    assert value_of(a_point(status), FIELD) == value


@given(ahead=st.timedeltas(timedelta(0), 900 * DAY))
def test_time_alone_changes_no_value(ahead: timedelta) -> None:
    later = Period(PERIOD.start + ahead, PERIOD.end + ahead)
    sent = {"id": value_of(a_point(), FIELD)}

    assert list(values_to_send([a_point()], sent, later, field_name=FIELD)) == []


def test_a_status_dated_before_the_application_began_is_day_zero() -> None:
    assert value_of(a_point(entered=START - 3 * DAY), FIELD).startswith("interview 5/8 day 0 ")


@pytest.mark.parametrize(
    ("status", "entered", "sent", "is_sent"),
    [
        (ApplicationStatus.OFFER, START, {}, True),
        (ApplicationStatus.REJECTED, START, {}, False),
        (ApplicationStatus.REJECTED, PERIOD.start, {}, True),
        (ApplicationStatus.REJECTED, START, {"id": "offer"}, True),
    ],
)
def test_history_is_left_alone_and_the_last_word_is_sent(
    status: ApplicationStatus, entered: datetime, sent: dict[str, str], is_sent: bool
) -> None:
    sending = list(values_to_send([a_point(status, entered)], sent, PERIOD, field_name=FIELD))

    assert bool(sending) is is_sent


def test_a_score_is_a_number_that_grows_towards_a_hire() -> None:
    scores = [value_of(a_point(status), "clearview_score") for status in ApplicationStatus]

    assert scores == ["12", "25", "37", "50", "62", "75", "87", "100", "0", "0"]
