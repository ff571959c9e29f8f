"""Looking at few times among many."""

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from connectors.times import read_time, worth_reading

moments = st.datetimes(timezones=st.just(UTC))
texts = moments.map(lambda m: m.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"))
exact = moments.map(lambda m: m.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
numbers = st.integers(0, 4_000_000_000)


@given(st.lists(texts | exact | st.none(), min_size=1))
def test_the_latest_time_is_among_those_worth_reading(values: list[str | None]) -> None:
    every = [moment for value in values if (moment := read_time(value)) is not None]
    few = [moment for value in worth_reading(values) if (moment := read_time(value)) is not None]

    assert max(every, default=None) == max(few, default=None)


@given(st.lists(exact, min_size=1))
def test_of_a_page_that_writes_all_its_times_alike_one_is_enough(values: list[str]) -> None:
    assert list(worth_reading(values)) == [max(values)]


@given(st.lists(numbers))
def test_what_is_no_utc_text_is_kept(values: list[int]) -> None:
    assert list(worth_reading(values)) == values
