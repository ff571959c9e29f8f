"""Whether an integration's ATS may be asked at all just now."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
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

log = structlog.get_logger(__name__)

STATE_IS_GOOD_FOR_S = 1.0
FIRST_PROBE_S = 30.0
LONGEST_PROBE_S = 900.0
UNSTATED_LIMIT = timedelta(seconds=30)
TOO_DOUBTFUL = 3
"""Writes in a row that were answered and not made, until an alert says so."""

Admission = Literal["open", "probe", "shut"]


class Integration(msgspec.Struct, frozen=True):
    """One integration, as its pushes see it."""

    name: str
    id: UUID


class AdmissionControl:
    """Breaker, rate limit, refused credential and the operator's pause, of one integration."""

    def __init__(
        self,
        integration: Integration,
        check: Callable[[], Awaitable[None]],
        *,
        states: IntegrationStates,
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        self._integration = integration
        self._check = check
        self._states = states
        self._alerts = alerts
        self._clock = clock
        self._breaker = Breaker()
        self._limited_until: datetime | None = None
        self._state: State = "active"
        self._state_read_at = float("-inf")
        self._probe_at = float("-inf")
        self._probe_pause_s = 0.0
        self._sent_since_forbidden = False
        self._credential_refused = False
        self._told_failing = True
        """Until shown otherwise: an earlier process may have left the condition open."""
        self._doubtful_in_a_row = 0
        """Writes that the ATS answered and did not make, since the last one that it made."""
        self.shut_until: datetime | None = None
        """What ClearView changed before this moment piled up behind an outage."""

    async def way(self) -> Admission:
        """Open, shut, or open for a single request that shows whether the ATS is back."""
        if self._limited_until is not None and self._clock.now() < self._limited_until:
            return "shut"
        if not await self._is_active() or self._breaker.wait(self._clock.monotonic()) > 0:
            self.shut_until = self._clock.now()
            return "shut"
        return "probe" if self._breaker.is_open else "open"

    async def _is_active(self) -> bool:
        state = await self._read_state()
        if state == "auth_failed":
            return await self._probe_credential()
        return state == "active"

    async def _read_state(self) -> State:
        now = self._clock.monotonic()
        if now - self._state_read_at >= STATE_IS_GOOD_FOR_S:
            self._state = await self._states.state(self._integration.id)
            self._state_read_at = now
        return (
            "auth_failed" if self._credential_refused and self._state == "active" else self._state
        )

    def admits(self) -> bool:
        """Whether a request may leave now: what many turns began together, one may end for all."""
        limited = self._limited_until is not None and self._clock.now() < self._limited_until
        return not (limited or self._credential_refused or self._breaker.holds_back)

    async def _probe_credential(self) -> bool:
        if self._clock.monotonic() < self._probe_at:
            return False
        try:
            await self._check()
        except AtsError as error:
            self._wait_longer()
            log.debug("credential_still_refused", error=type(error).__name__)
            return False
        self._credential_refused = False
        await self._states.recovered(self._integration.id, at=self._clock.now())
        await self._alerts.resolve(alert_key(AlertKind.AUTH_REFUSED, self._integration.name))
        self._state_read_at = float("-inf")
        self.shut_until = self._clock.now()
        log.info("integration_recovered", integration=self._integration.name)
        return await self._read_state() == "active"

    def _wait_longer(self) -> None:
        self._probe_pause_s = min(self._probe_pause_s * 2 or FIRST_PROBE_S, LONGEST_PROBE_S)
        self._probe_at = self._clock.monotonic() + self._probe_pause_s

    def begin_probe(self) -> None:
        """The next turn is the one that an open breaker lets through."""
        self._breaker.begin_probe()

    def end_probe(self) -> None:
        """That turn is over, whatever it showed."""
        self._breaker.end_probe()

    async def answered(self) -> None:
        """The ATS answered; what it said does not matter here."""
        if self._breaker.succeeded(self._clock.monotonic()):
            self.shut_until = self._clock.now()
            log.info("ats_answers_again", integration=self._integration.name)
        if self._told_failing and self._doubtful_in_a_row < TOO_DOUBTFUL:
            await self._tell_well()

    async def sent(self) -> None:
        """A write took effect: the credential may write."""
        self._sent_since_forbidden = True
        self._probe_pause_s = 0.0
        self._doubtful_in_a_row = 0
        if self._told_failing:
            await self._tell_well()

    async def _tell_well(self) -> None:
        self._told_failing = False
        await self._alerts.resolve(
            alert_key(AlertKind.INTEGRATION_FAILING, self._integration.name, PUSH)
        )

    async def failed(self, error: AtsError) -> None:
        """Take an error into account; a push may have several, this is called for each."""
        match error:
            case RateLimited():
                now = self._clock.now()
                is_stated = error.until is not None and error.until > now
                self._limited_until = error.until if is_stated else now + UNSTATED_LIMIT
            case AuthRefused():
                await self._refused(error)
            case Forbidden():
                if not self._sent_since_forbidden:
                    await self._refused(error)
                self._sent_since_forbidden = False
            case Transient():
                is_doubtful = isinstance(error, OutcomeUnknown) and error.was_answered
                self._doubtful_in_a_row += is_doubtful
                opened = self._breaker.failed(self._clock.monotonic())
                # Reads may go on succeeding meanwhile, so that the breaker never opens.
                if opened or (is_doubtful and self._doubtful_in_a_row == TOO_DOUBTFUL):
                    await self._tell_failing(error)
            case _:
                await self.answered()

    @property
    def limited_until(self) -> datetime | None:
        return self._limited_until

    async def _refused(self, error: AtsError) -> None:
        """Pause the integration. One record that may not be written is no reason to."""
        if self._credential_refused:
            return
        self._credential_refused = True
        self._wait_longer()
        reason = f"{type(error).__name__}: {error}"
        await self._states.auth_failed(self._integration.id, reason=reason, at=self._clock.now())
        self._state_read_at = float("-inf")
        of = IntegrationRef(self._integration.name, self._integration.id)
        await self._alerts.raise_condition(auth_refused(of, status=error.status))

    async def _tell_failing(self, error: AtsError) -> None:
        self._told_failing = True
        of = IntegrationRef(self._integration.name, self._integration.id)
        failing = pushes_failing(of, error=f"{type(error).__name__}: {error}")
        await self._alerts.raise_condition(failing)
