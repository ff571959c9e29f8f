"""The report as tables: complete, in order, and with bars that can be compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.analytics import (
    Arrivals,
    Facts,
    Moves,
    Period,
    Spread,
    StatusCount,
    metrics_of,
)
from daemon.core.report_text import bar, report_tables
from models.status import ApplicationStatus as Status
from models.times import EPOCH
from tests.support.moving_clock import START

FACTS = Facts(
    status_counts=[
        StatusCount("j1", "Baker", Status.NEW, 8),
        StatusCount("j2", "Smith", Status.OFFER, 2),
    ],
    moves=[
        Moves(Status.NEW, Status.SCREENING, 3, Spread(3, 5_400_000.0, 7_200_000.0)),
        Moves(Status.NEW, Status.REJECTED, 1, Spread(0)),
    ],
    time_to_hire=Spread(2, 86_400_000.0 * 12, 86_400_000.0 * 20),
    sources=[Arrivals("Referral", "Referral", 4, 1), Arrivals(None, None, 2, 0)],
    jobs=[Arrivals("j1", "Baker", 5, 0), Arrivals("j2", "Smith", 1, 1)],
    status_updates={"Success": 7},
)
METRICS = metrics_of(Period(EPOCH, START), FACTS)


def test_every_section_of_the_metrics_is_a_table() -> None:
    tables = {table.title: table.rows for table in report_tables(METRICS)}

    assert tables == {
        "Funnel at the end of the period": (("new", 8), ("offer", 2)),
        "Conversion": (("new", 4, 3, "75.0 %"),),
        "Moves and hours in the stage before": (
            ("new → screening", 3, 1.5, 2.0),
            ("new → rejected", 1, None, None),
        ),
        "Time to hire": ((2, 12.0, 20.0),),
        "Sources": (("Referral", 4, 1), ("(none)", 2, 0)),
        "Jobs": (("Baker", 8, 5, 0), ("Smith", 2, 1, 1)),
        "Status changes made in ClearView": (("Success", 7),),
    }


def test_rows_match_columns_and_bars_match_rows() -> None:
    for table in report_tables(METRICS):
        assert {len(row) for row in table.rows} == {len(table.columns)}
        assert len(table.bars) in {0, len(table.rows)}


def test_a_quiet_period_is_an_empty_report() -> None:
    nothing = Facts([], [], Spread(0), [], [], {})

    assert report_tables(metrics_of(Period(EPOCH, START), nothing)) == []


def test_a_service_that_counts_less_shows_less() -> None:
    (table,) = report_tables({"funnel": {"hired": 1}})

    assert table.rows == (("hired", 1),)


def test_what_is_not_shown_of_many_jobs_is_said() -> None:
    jobs = next(t for t in report_tables(METRICS, jobs=1) if t.title == "Jobs")

    assert len(jobs.rows) == 1
    assert jobs.note == "and 1 more"


@given(st.floats(-1, 2), st.integers(1, 80))
def test_a_bar_never_leaves_its_column(share: float, width: int) -> None:
    assert len(bar(share, width=width)) <= width


@pytest.mark.parametrize(("share", "text"), [(0.0, ""), (0.5, "██"), (1.0, "████"), (0.28, "█▏")])
def test_a_bar_is_as_long_as_its_share(share: float, text: str) -> None:
    assert bar(share, width=4) == text
