"""How vendors say until when to wait, and that there is no date."""

from datetime import UTC, datetime

import pytest

from connectors.budget import pause_told
from connectors.times import TIME_FORMATS, read_time

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("30", 30),
        (str(int(NOW.timestamp()) + 45), 45),
        (str((int(NOW.timestamp()) + 45) * 1000), 45),
        (str(int(NOW.timestamp()) - 5), 0),
        ("Mon, 23 Nov 2026 12:01:00 GMT", 60),
    ],
)
def test_a_pause_is_understood_as_seconds_a_date_or_a_moment(told: str, seconds: float) -> None:
    assert pause_told({"Reset": told}, "Reset", NOW) == seconds


@pytest.mark.parametrize("text", ["0000-00-00", "0000-00-00 00:00:00"])
@pytest.mark.parametrize("format_name", ["iso", "date", "%Y-%m-%d"])
def test_a_date_of_noughts_is_no_date(text: str, format_name: str) -> None:
    assert read_time(text, format_name) is None


@pytest.mark.parametrize("format_name", [*TIME_FORMATS, "%d.%m.%Y"])
def test_a_wrong_time_is_told_without_its_value(format_name: str) -> None:
    with pytest.raises(ValueError, match="time") as caught:
        read_time("1985 Ann Smith", format_name)

    assert "Ann" not in str(caught.value)
