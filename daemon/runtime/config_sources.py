"""The configuration in force, from its two sources: the file, and integrations added at run time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from config.problems import ConfigError
from daemon.core.alert_texts import stored_integration_refused
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.integrations import IntegrationRef, StoredIntegration
from daemon.ports.alerts import Alerts
from daemon.ports.integrations import StoredIntegrationStore
from daemon.runtime.checked_config import (
    CheckedConfig,
    CurrentConfig,
    check_stored,
    with_stored,
)
from daemon.runtime.settings_documents import configured
from daemon.runtime.supervision import stopped_within
from models.errors import UserError

LOOK_EVERY = timedelta(seconds=2)

log = structlog.get_logger("daemon.config")

Apply = Callable[[CheckedConfig], Awaitable[None]]


class ConfigSources:
    """Applies an edit of either source together with what the other one has.

    An integration of the database that cannot be used is left out and reported; it stops no other.
    """

    def __init__(
        self, current: CurrentConfig, store: StoredIntegrationStore, alerts: Alerts, apply: Apply
    ) -> None:
        self.current = current
        """The configuration in force."""
        self._store = store
        self._alerts = alerts
        self._apply = apply
        self.file = current.checked
        """The file alone."""
        self._stored: Sequence[StoredIntegration] = ()
        self._lock = asyncio.Lock()

    async def begin(self) -> None:
        """Adds the integrations of the database to the file's; nothing runs yet."""
        self._stored = await self._store.all()
        self.current.checked, _ = combined(self.file, self._stored)

    async def use_file(self, checked: CheckedConfig) -> None:
        """Brings an edited file into force.

        Raises:
            UserError: nothing of it can be used; nothing was changed.
        """
        async with self._lock:
            await self._use(checked, self._stored)

    async def run(self, stop: asyncio.Event) -> None:
        """Brings integrations into force that any replica adds, changes or removes."""
        await self._report(combined(self.file, self._stored)[1])
        while not await stopped_within(stop, LOOK_EVERY):
            in_force = {one.name: one.version for one in self._stored}
            if await self._store.versions() != in_force:
                async with self._lock:
                    await self._use(self.file, await self._store.all())
                log.info("stored_integrations_applied", integrations=len(self._stored))

    async def _use(self, file: CheckedConfig, stored: Sequence[StoredIntegration]) -> None:
        checked, refused = combined(file, stored)
        before, self.file = self.file, file  # first of all: its names are taken
        try:
            await self._apply(checked)
        except UserError:
            self.file = before
            raise
        self._stored = stored
        await self._store.take_back([configured(checked, name) for name in checked.stored])
        await self._report(refused)

    async def _report(self, refused: Mapping[str, str]) -> None:
        for one in self._stored:
            of = IntegrationRef.named(one.name)
            if one.name in refused:
                await self._alerts.raise_condition(
                    stored_integration_refused(of, problem=refused[one.name])
                )
            else:
                await self._alerts.resolve(alert_key(AlertKind.INTEGRATION_REFUSED, of.name))


def combined(
    file: CheckedConfig, stored: Sequence[StoredIntegration]
) -> tuple[CheckedConfig, Mapping[str, str]]:
    """Returns the configuration of both sources, and why integrations of the database are left out."""
    good: dict[str, CheckedConfig] = {}
    refused: dict[str, str] = {}
    for one in stored:
        if one.name in file.loaded.value.integrations:
            continue
        if one.problem is not None:
            refused[one.name] = one.problem
            continue
        try:
            good[one.name] = check_stored(one.name, one.content, file)
        except ConfigError as error:
            refused[one.name] = "; ".join(f"{p.pointer}: {p.message}" for p in error.problems[:3])
    return with_stored(file, good), refused
