"""The position's age is reported before the server forgets it, and the alarm ends by itself."""

import pytest

from daemon.core.stream_recovery import RecoveryRule, recovery
from daemon.pushing.stream_alerts import StreamAlerts
from daemon.runtime.metrics import PrometheusMetrics
from tests.support.no_metrics import NoMetrics
from tests.support.push_world import RecordedAlerts


@pytest.mark.parametrize(
    ("age", "window", "severity"),
    [(24.0, 100.0, None), (25.0, 100.0, "warning"), (50.0, 100.0, "error"), (9e9, None, None)],
)
async def test_the_alarm_comes_at_a_quarter_and_louder_at_half(
    age: float, window: float | None, severity: str | None
) -> None:
    alerts = RecordedAlerts()

    await StreamAlerts(alerts, NoMetrics()).window(age, window)

    assert [c.severity for c in alerts.raised] == ([severity] if severity else [])


async def test_age_and_window_are_metrics() -> None:
    metrics = PrometheusMetrics()
    await StreamAlerts(RecordedAlerts(), metrics).window(12.0, 3_600.0)
    shown = metrics.render().decode()

    assert "ats_sync_stream_position_age_seconds 12.0" in shown
    assert "ats_sync_stream_oplog_window_seconds 3600.0" in shown


async def test_the_third_loss_in_a_row_is_critical_and_says_what_to_do() -> None:
    alerts = RecordedAlerts()
    stream_alerts = StreamAlerts(alerts, NoMetrics())
    for number in (1, 2, 3):
        await stream_alerts.repaired("its history is gone", 7, recovery(RecoveryRule(), number))
    first, second, third = alerts.raised

    assert [first.severity, second.severity, third.severity] == ["warning", "warning", "critical"]
    assert first.key == second.key != third.key
    assert "3 times in a row" in third.message
    assert "7 differed" in third.message
    assert "replSetResizeOplog" in third.message
    assert third.details["in_a_row"] == 3


async def test_the_number_of_losses_in_a_row_is_a_metric_that_goes_back() -> None:
    metrics = PrometheusMetrics()
    stream_alerts = StreamAlerts(RecordedAlerts(), metrics)
    stream_alerts.lost("its history is gone", recovery(RecoveryRule(), 4))
    lost = metrics.render().decode()
    await stream_alerts.settled()

    assert "ats_sync_stream_recoveries_in_a_row 4.0" in lost
    assert "ats_sync_stream_recoveries_in_a_row 0.0" in metrics.render().decode()


async def test_the_alarm_ends_when_the_position_is_young_again() -> None:
    alerts = RecordedAlerts()
    stream_alerts = StreamAlerts(alerts, NoMetrics())
    await stream_alerts.window(60.0, 100.0)
    await stream_alerts.window(1.0, 100.0)

    assert alerts.resolved == ["stream_position_at_risk"]
