"""One period's values, sent application by application, and those that the ATS does not take.

One application that the ATS refuses, or fails at, holds up neither the others nor the period: its
value is sent again with the next period. Where no application takes a value the field is in doubt.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import msgspec

from connectors.connector import Connector
from connectors.errors import (
    AtsError,
    AuthRefused,
    FieldUnknown,
    GuardRefused,
    Misdirected,
    NotFound,
    NotSupported,
    RateLimited,
    Rejected,
    Terminal,
    Transient,
)
from connectors.http.vendor_words import harmless
from connectors.values import ApplicationRef
from daemon.core.analytics import Period, Standpoint
from daemon.core.exported_field import DEFAULT_FIELD
from daemon.ports.analytics import (
    ExportLog,
    ExportPosition,
    MetricsSource,
    SentValues,
    Standpoints,
)

PERIODS_PER_RUN = 31
MANY_REFUSALS = 20
"""After this many refused applications, and none taken, the others are not asked about."""
FEW_REFUSALS = 2
"""Refusals that may be due to the applications themselves, and not to the field."""
DOUBTED_AT_MOST = 3
"""So often a period fails because of few refusals; then newer ones go on."""
OUTAGES_AT_MOST = 7
"""So often, about an hour, because of few requests that failed and none that did not."""
SILENT_IN_A_ROW = 3
FAILED_IN_A_ROW = 20
"""Values in a row that the ATS did not answer, or failed at: it is not well, then."""

NamesOf = Callable[[str], Awaitable[Sequence[str]]]


class ExportSettings(msgspec.Struct, frozen=True):
    """The settings of one export: the integration, the length of a period, the field."""

    integration: str
    integration_id: UUID
    every: timedelta
    field_name: str = DEFAULT_FIELD
    periods_per_run: int = PERIODS_PER_RUN


class ExportStores(msgspec.Struct, frozen=True):
    """Everything that an export remembers."""

    source: MetricsSource
    standpoints: Standpoints
    values: SentValues
    log: ExportLog
    position: ExportPosition
    names_of: NamesOf
    """A candidate's names, by external id: they are kept out of what the ATS is quoted with."""


@dataclass(slots=True)
class PeriodResult:
    """The result of one period at the ATS."""

    taken: int = 0
    refused: int = 0
    failed_before: int = 0
    """Attempts at the period that failed."""
    last_refusal: AtsError | None = None
    last_words: str = ""
    refs: list[ApplicationRef] = field(default_factory=list)
    """The first applications that were refused."""
    unsure: list[tuple[Standpoint, str]] = field(default_factory=list)
    """Values whose request failed: tried once more at the end."""
    silent_in_a_row: int = 0
    failed_in_a_row: int = 0
    has_news: bool = False
    """An application was refused that took its value, or had none, in the period before."""
    is_doubtful: bool = False
    """Nothing was taken, and the period goes on all the same."""

    @property
    def is_hopeless(self) -> bool:
        return self.taken == 0 and self.refused >= MANY_REFUSALS

    def take_unsure(self) -> list[tuple[Standpoint, str]]:
        """Returns the values to be tried once more."""
        unsure, self.unsure = self.unsure, []
        self.silent_in_a_row = self.failed_in_a_row = 0
        return unsure

    def complaint(self, field_name: str) -> str | None:
        """Returns the refusals for the run and the log; None if there are none."""
        if self.last_refusal is None:
            return None
        return (
            f'{self.refused} refused by the ATS for the field "{field_name}", '
            f"the last one: {self.last_words}"
        )


@dataclass(slots=True)
class ValueSender:
    """Sends the values of one period, one after the other."""

    connector: Connector
    settings: ExportSettings
    stores: ExportStores
    sent: PeriodResult
    period: Period
    has_worked: bool = False
    """The field has taken a value some time."""

    async def send(self, point: Standpoint, value: str, *, is_last_try: bool = False) -> None:
        """Sends one value; a failure that concerns it alone is noted.

        Raises:
            AtsError: it concerns the others as well.
        """
        ref = ApplicationRef(point.external_id, point.candidate_external_id, point.job_external_id)
        try:
            await self.connector.send_value(ref, value, field_name=self.settings.field_name)
        except (AuthRefused, FieldUnknown, Misdirected, NotSupported, RateLimited):
            raise
        except Terminal as error:
            await self._refused(point, ref, error)
        except Transient as error:
            self._judge_failure(error)
            if is_last_try:
                await self._refused(point, ref, error)
            else:
                self.sent.unsure.append((point, value))
        else:
            await self._taken(point, value)

    def _judge_failure(self, error: AtsError) -> None:
        """Raises the failure if the ATS itself, and not one application, is not well."""
        sent = self.sent
        sent.failed_in_a_row += 1
        sent.silent_in_a_row += error.status is None
        if sent.silent_in_a_row >= SILENT_IN_A_ROW or sent.failed_in_a_row >= FAILED_IN_A_ROW:
            raise error

    async def _taken(self, point: Standpoint, value: str) -> None:
        settings, values = self.settings, self.stores.values
        await values.remember(
            settings.integration_id, point.application_id, settings.field_name, value
        )
        if self.connector.capabilities.shows_values:
            await values.expect(settings.integration_id, point.external_id)
        self.sent.taken += 1
        self.sent.silent_in_a_row = self.sent.failed_in_a_row = 0

    async def _refused(self, point: Standpoint, ref: ApplicationRef, error: AtsError) -> None:
        sent, settings = self.sent, self.settings
        sent.refused += 1
        sent.last_refusal = error
        sent.last_words = await self._words(error, ref)
        if len(sent.refs) <= FEW_REFUSALS:
            sent.refs.append(ref)
        if isinstance(error, Terminal):
            sent.silent_in_a_row = sent.failed_in_a_row = 0
        is_known = await self.stores.values.refuse(
            settings.integration_id, point.application_id, settings.field_name, self.period
        )
        sent.has_news |= not is_known

    async def _words(self, error: AtsError, ref: ApplicationRef) -> str:
        what = str(error)
        if isinstance(error, GuardRefused):
            # The rule is meant for moves: a value has no guard.
            what = f"analytics: the ATS refuses this request (answered {error.status})"
        if not (error.words or error.code):
            return what
        names = await self.stores.names_of(ref.candidate_external_id)
        if error.code and harmless(error.code, names) != error.code:
            what = what.removesuffix(f" ({error.code})")
        return f"{what}: {harmless(error.words, names)}" if error.words else what

    async def doubt_the_field(self) -> None:
        """Raises if no application took a value, and none ever did: the field is wrong, then.

        Few refusals may be due to the applications: they fail the period some times, and hold up
        newer ones no longer. Applications that are gone say nothing of the field.
        """
        sent, error = self.sent, self.sent.last_refusal
        if error is None or sent.taken:
            return
        at_most = OUTAGES_AT_MOST if isinstance(error, Transient) else DOUBTED_AT_MOST
        is_over = sent.failed_before >= at_most or not sent.has_news
        if sent.refused <= FEW_REFUSALS and is_over:
            sent.is_doubtful = True
            return
        if isinstance(error, Transient):
            raise error
        if not await self._has_worked() and await self._are_there():
            raise Rejected(
                "analytics: no application took a value for the field "
                f'"{self.settings.field_name}"; check '
                f"`integrations.{self.settings.integration}.analytics.field`. "
                f"The last refusal: {sent.last_words}"
            )

    async def _has_worked(self) -> bool:
        if not self.has_worked:
            settings = self.settings
            self.has_worked = await self.stores.values.any(
                settings.integration_id, settings.field_name
            )
        return self.has_worked

    async def _are_there(self) -> bool:
        """Returns False if the ATS has none of the applications that it refused first."""
        if not self.connector.capabilities.reads_application:
            return True
        for ref in self.sent.refs:
            with suppress(NotFound):
                if await self.connector.read_application(ref) is not None:
                    return True
        return False
