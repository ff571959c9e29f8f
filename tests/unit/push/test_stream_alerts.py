"""The position's age is reported before the server forgets it, and the alarm ends by itself."""

import pytest

from daemon.ports.metrics import NoMetrics
from daemon.pushing.stream_alerts import StreamAlerts
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


async def test_the_alarm_ends_when_the_position_is_young_again() -> None:
    alerts = RecordedAlerts()
    watch = StreamAlerts(alerts, NoMetrics())
    await watch.window(60.0, 100.0)
    await watch.window(1.0, 100.0)

    assert alerts.resolved == ["stream_position_at_risk"]
