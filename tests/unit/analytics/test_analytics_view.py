"""The report on a terminal shows what the metrics say, on any width and without markup surprises."""

from rich.console import Console

from daemon.cli.analytics_view import report_view

METRICS: dict[str, object] = {
    "funnel": {"new": 8, "offer": 2},
    "jobs": [
        {"external_id": "j1", "name": "Baker [bold]", "open": 3, "applied": 2, "hired": 1},
        *(
            {"external_id": f"k{n}", "name": None, "open": 1, "applied": 0, "hired": 0}
            for n in range(25)
        ),
    ],
    "transitions": [
        {"from": "new", "to": "offer", "count": 1, "median_hours": None, "p90_hours": None},
    ],
}


def shown(metrics: dict[str, object], width: int = 100) -> list[str]:
    console = Console(width=width, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as captured:
        console.print(report_view(metrics))
    return captured.get().splitlines()


def test_every_row_stands_on_a_line_of_its_own() -> None:
    lines = shown(METRICS)

    assert any(line.split()[:2] == ["new", "8"] for line in lines)
    assert any("Baker [bold]" in line for line in lines)
    assert any(line.split()[-3:-1] == ["-", "-"] for line in lines if "→" in line)
    assert "  and 6 more" in lines


def test_bars_are_as_long_as_the_counts() -> None:
    bars = {line.split()[0]: line.count("█") for line in shown(METRICS) if "█" in line}

    assert bars["new"] == 24
    assert bars["offer"] == 6


def test_a_quiet_period_says_so() -> None:
    assert shown({}) == ["Nothing happened in this period."]


def test_a_narrow_terminal_is_no_error() -> None:
    assert all(len(line) <= 40 for line in shown(METRICS, width=40))
