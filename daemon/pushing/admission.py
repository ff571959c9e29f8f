"""Admission: may the ATS of one integration be called now?"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Literal

import structlog

from connectors.errors import (
    AtsError,
    AuthRefused,
    Forbidden,
    OutcomeUnknown,
    RateLimited,
    Transient,
)
from daemon.core.alert_texts import PUSH, auth_refused, pushes_failing
from daemon.core.breaker import Breaker
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.integrations import IntegrationRef, State
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.ports.pushes import IntegrationStates
from daemon.pushing.refusals import error_text
from daemon.runtime.interval import Interval
from models.backoff import backoff_pause

log = structlog.get_logger(__name__)

STATE_IS_GOOD_FOR_S = 1.0
FIRST_PROBE = timedelta(seconds=30)
LONGEST_PROBE = timedelta(minutes=15)
UNSTATED_LIMIT = timedelta(seconds=30)
TOO_DOUBTFUL = 3
"""Writes in a row that were answered and not made, until an alert says so."""

Admission = Literal["open", "probe", "shut"]


class AdmissionControl:
    """Circuit breaker, rate limit, refused credential and the operator's pause, of one integration."""

    def __init__(
        self,
        integration: IntegrationRef,
        check: Callable[[], Awaitable[None]],
        *,
        states: IntegrationStates,
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        """`check` calls the ATS with the credential, and raises if it is refused."""
        self._integration = integration
        self._check = check
        self._states = states
        self._alerts = alerts
        self._clock = clock
        self._breaker = Breaker()
        self._state: State = "active"
        self._state_is_old = Interval(STATE_IS_GOOD_FOR_S, clock.monotonic, due_now=True)
        self._probe_at = float("-inf")
        self._refusals = 0
        """Refusals of the credential in a row, since the last write that took effect."""
        self._sent_since_forbidden = False
        self._credential_refused = False
        self._reported_failing = True
        """Until shown otherwise: an earlier process may have left the condition open."""
        self._doubtful_in_a_row = 0
        """Writes that the ATS answered and did not make, since the last one that it made."""
        self.limited_until: datetime | None = None
        """The end of the ATS's rate limit."""
        self.closed_until: datetime | None = None
        """Changes that ClearView made before this moment piled up during an outage."""

    async def admission(self) -> Admission:
        """Returns open, shut, or probe: a single request finds out if the ATS is back."""
        if self._is_limited:
            return "shut"
        if not await self._is_active() or self._breaker.wait(self._clock.monotonic()) > 0:
            self.closed_until = self._clock.now()
            return "shut"
        return "probe" if self._breaker.is_open else "open"

    def may_send(self) -> bool:
        """True if a request may leave now: one of many attempts in progress may close admission."""
        return not (self._is_limited or self._credential_refused or self._breaker.holds_back)

    def begin_probe(self) -> None:
        """Lets the next application through an open breaker."""
        self._breaker.begin_probe()

    def end_probe(self) -> None:
        """Ends the probe, whatever its result."""
        self._breaker.end_probe()

    async def answered(self) -> None:
        """Notes that the ATS answered, whatever the answer."""
        if self._breaker.succeeded(self._clock.monotonic()):
            self.closed_until = self._clock.now()
            log.info("ats_answers_again", integration=self._integration.name)
        if self._doubtful_in_a_row < TOO_DOUBTFUL:
            await self._resolve_failing()

    async def sent(self) -> None:
        """Notes that a write took effect: the credential may write."""
        self._sent_since_forbidden = True
        self._refusals = 0
        self._doubtful_in_a_row = 0
        await self._resolve_failing()

    async def failed(self, error: AtsError) -> None:
        """Takes an error into account. It is called for each error of a push."""
        match error:
            case RateLimited():
                now = self._clock.now()
                is_stated = error.until is not None and error.until > now
                self.limited_until = error.until if is_stated else now + UNSTATED_LIMIT
            case AuthRefused():
                await self._pause_integration(error)
            case Forbidden():
                # One record that may not be written is no reason to pause the integration.
                if not self._sent_since_forbidden:
                    await self._pause_integration(error)
                self._sent_since_forbidden = False
            case Transient():
                await self._count_failure(error)
            case _:
                await self.answered()

    @property
    def _is_limited(self) -> bool:
        return self.limited_until is not None and self._clock.now() < self.limited_until

    async def _is_active(self) -> bool:
        state = await self._read_state()
        if state == "auth_failed":
            return await self._probe_credential()
        return state == "active"

    async def _read_state(self) -> State:
        if self._state_is_old.has_passed:
            self._state = await self._states.state(self._integration.id)
            self._state_is_old.restart()
        if self._credential_refused and self._state == "active":
            return "auth_failed"
        return self._state

    async def _probe_credential(self) -> bool:
        if self._clock.monotonic() < self._probe_at:
            return False
        try:
            await self._check()
        except AtsError as error:
            self._schedule_probe()
            log.debug("credential_still_refused", error=type(error).__name__)
            return False
        self._credential_refused = False
        await self._states.recovered(self._integration.id, at=self._clock.now())
        await self._alerts.resolve(alert_key(AlertKind.AUTH_REFUSED, self._integration.name))
        self._state_is_old.expire()
        self.closed_until = self._clock.now()
        log.info("integration_recovered", integration=self._integration.name)
        return await self._read_state() == "active"

    def _schedule_probe(self) -> None:
        self._refusals += 1
        pause = backoff_pause(self._refusals, first=FIRST_PROBE, longest=LONGEST_PROBE)
        self._probe_at = self._clock.monotonic() + pause.total_seconds()

    async def _pause_integration(self, error: AtsError) -> None:
        if self._credential_refused:
            return
        self._credential_refused = True
        self._schedule_probe()
        await self._states.auth_failed(
            self._integration.id, reason=error_text(error), at=self._clock.now()
        )
        self._state_is_old.expire()
        await self._alerts.raise_condition(auth_refused(self._integration, status=error.status))

    async def _count_failure(self, error: Transient) -> None:
        is_doubtful = isinstance(error, OutcomeUnknown) and error.was_answered
        self._doubtful_in_a_row += is_doubtful
        opened = self._breaker.failed(self._clock.monotonic())
        # Reads may go on succeeding meanwhile, so that the breaker never opens.
        if opened or (is_doubtful and self._doubtful_in_a_row == TOO_DOUBTFUL):
            self._reported_failing = True
            failing = pushes_failing(self._integration, error=error_text(error))
            await self._alerts.raise_condition(failing)

    async def _resolve_failing(self) -> None:
        if self._reported_failing:
            self._reported_failing = False
            key = alert_key(AlertKind.INTEGRATION_FAILING, self._integration.name, PUSH)
            await self._alerts.resolve(key)
