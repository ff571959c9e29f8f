"""What people hear of an integration's runs, by whatever they failed."""

from datetime import timedelta

import pytest

from connectors.errors import AtsError, AuthRefused, RateLimited, Unavailable
from daemon.core.alert_policy import AlertPolicy
from daemon.core.integrations import IntegrationRef
from daemon.core.service_errors import ServiceFailed
from daemon.runtime.integration_health import IntegrationHealth
from daemon.runtime.metrics import ConnectorMetrics, PrometheusMetrics
from daemon.runtime.rate_limit_monitor import RateLimitMonitor
from models.ids import integration_id
from tests.support.moving_clock import MovingClock
from tests.support.push_world import RecordedAlerts

ACME = IntegrationRef("acme", integration_id("acme"))
MINUTE = timedelta(minutes=1)
DOWN = Unavailable("list: the ATS is not well", status=503, operation="list")


class Ward:
    """One integration's health and limits on a moved clock."""

    def __init__(self) -> None:
        self.alerts, self.clock = RecordedAlerts(), MovingClock()
        self.health = IntegrationHealth(ACME, self.alerts, self.clock, AlertPolicy())
        self.watch = RateLimitMonitor(self.alerts, self.clock, AlertPolicy())
        self.observer = ConnectorMetrics(PrometheusMetrics(), self.watch)

    async def fail(self, error: AtsError | ServiceFailed, *, minutes: int = 1) -> None:
        self.clock.advance(minutes * MINUTE)
        await self.health.failed(error)

    async def refused(self, *, minutes: int, waits: int = 0) -> None:
        self.clock.advance(minutes * MINUTE)
        self.observer.answer_received(integration="acme", operation="list", status=429, seconds=0.1)
        if waits:
            until = self.clock.now() + waits * MINUTE
            self.observer.waiting(integration="acme", until=until, reason="asked to slow down")
        await self.watch.report()


@pytest.mark.parametrize("error", [DOWN, ServiceFailed("ClearView's service is down", status=503)])
async def test_three_failed_runs_are_reported_and_the_first_good_one_ends_it(
    error: AtsError | ServiceFailed,
) -> None:
    ward = Ward()
    for _ in range(3):
        await ward.fail(error)
    await ward.health.succeeded()

    [condition] = ward.alerts.raised
    assert condition.key == "integration_failing:acme"
    assert condition.details["cause"] == f"{type(error).__name__}: {error}"
    assert "integration_failing:acme" in ward.alerts.resolved


async def test_ten_minutes_of_failure_are_reported_however_few_the_runs() -> None:
    ward = Ward()
    await ward.fail(DOWN)
    await ward.fail(DOWN, minutes=10)

    assert ward.alerts.kinds == ["integration_failing"]


async def test_a_refused_credential_is_reported_at_once_and_as_nothing_else() -> None:
    ward = Ward()
    for _ in range(4):
        await ward.fail(AuthRefused("check: refused", status=401, operation="check"), minutes=5)

    assert set(ward.alerts.kinds) == {"auth_refused"}


async def test_the_first_good_run_of_a_process_ends_what_an_earlier_one_left_open() -> None:
    ward = Ward()
    await ward.health.succeeded()
    await ward.health.succeeded()

    assert ward.alerts.resolved == [
        "unexpected_error:acme:import_poll",
        "integration_failing:acme",
        "auth_refused:acme",
        "rate_limited:acme",
    ]


async def test_a_run_that_a_rate_limit_ended_is_no_failure() -> None:
    ward = Ward()
    for _ in range(5):
        await ward.fail(RateLimited("list: slow down", until=None, operation="list"))

    assert ward.alerts.raised == []


async def test_a_rate_limit_that_lasts_is_reported_and_over_after_five_quiet_minutes() -> None:
    ward = Ward()
    for _ in range(3):
        await ward.refused(minutes=3)
    before = list(ward.alerts.kinds)
    await ward.refused(minutes=4)
    ward.clock.advance(4 * MINUTE)
    await ward.watch.report()
    still_open = list(ward.alerts.resolved)
    ward.clock.advance(MINUTE)
    await ward.watch.report()

    assert before == []
    assert set(ward.alerts.kinds) == {"rate_limited"}
    assert still_open == []
    assert ward.alerts.resolved == ["rate_limited:acme"]


async def test_an_ats_that_wants_no_request_for_half_an_hour_is_reported_at_once() -> None:
    ward = Ward()
    await ward.refused(minutes=0, waits=30)

    assert ward.alerts.kinds == ["rate_limited"]


async def test_waiting_for_a_limit_that_is_our_own_is_nothing_to_report() -> None:
    ward = Ward()
    until = ward.clock.now() + 30 * MINUTE
    ward.observer.waiting(integration="acme", until=until, reason="rate limit")
    await ward.watch.report()

    assert ward.alerts.raised == []
