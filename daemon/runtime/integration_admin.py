"""Integrations are added, changed and removed at run time: checked first, then stored."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from daemon.core.integrations import StorageRefused, StoredIntegration
from daemon.core.merge_patch import merge_patch
from daemon.ports.audit import AuditTrail
from daemon.ports.integrations import StoredIntegrationStore
from daemon.runtime.checked_config import CheckedConfig, check_stored
from daemon.runtime.settings_documents import configured


class Trial(msgspec.Struct, frozen=True):
    """The answers of an ATS to a new integration, of which nothing was stored."""

    ats_name: str
    stages: list[str]
    """Its stages that have a status."""
    unmapped_stages: list[str]
    notes: list[str]
    """Operations that the connector lacks, and versions that end."""


TryIntegration = Callable[[CheckedConfig, str], Awaitable[Trial]]
"""Asks the ATS if it takes the credential, and for its stages.

Raises:
    AtsError: it refuses, or does not answer.
"""


@dataclass(slots=True, eq=False)
class IntegrationAdmin:
    """The operator's commands about integrations of the database."""

    store: StoredIntegrationStore
    file: Callable[[], CheckedConfig]
    """Returns what the YAML file says now: its names are taken, its definitions are known."""
    try_integration: TryIntegration
    audit: AuditTrail

    async def add(self, name: str, content: Mapping[str, Any]) -> int:
        """Stores a new integration; every replica starts it within seconds. Returns its revision.

        Raises:
            ConfigError: with every mistake.
            StorageRefused: the name is taken, or no key to encrypt with is set.
        """
        checked = await self._checked_new(name, content)
        await self.audit.record("integration.add", name, after=shown_settings(content))
        return await self.store.add(configured(checked, name), content)

    async def change(
        self, name: str, patch: Mapping[str, Any], *, revisions: Collection[int] | None = None
    ) -> int:
        """Changes what a merge patch (RFC 7396) names. Returns the new revision.

        Without `revisions` a change that another one overtakes is made on top of that one.

        Raises:
            ConfigError: with every mistake.
            StorageRefused: there is none of this name, or not of these revisions.
        """
        while True:
            before, content = await self._changed(name, patch, revisions)
            facts = configured(self._checked(name, content), name)
            was = shown_settings(before.content)
            await self.audit.record(
                "integration.change", name, before=was, after=shown_settings(content)
            )
            try:
                return await self.store.change(facts, content, revision=before.version.revision)
            except StorageRefused as refused:
                if refused.reason != "changed" or revisions is not None:
                    raise

    async def _changed(
        self, name: str, patch: Mapping[str, Any], revisions: Collection[int] | None
    ) -> tuple[StoredIntegration, dict[str, Any]]:
        """Returns an integration as it is, and what the patch makes of it."""
        before = await self._one_of(name, revisions)
        return before, merge_patch(before.content, patch)

    async def _one_of(self, name: str, revisions: Collection[int] | None) -> StoredIntegration:
        self._refuse_names_of_the_file(name)
        found = await self.store.one(name)
        if found is None:
            raise StorageRefused("unknown")
        if revisions is not None and found.version.revision not in revisions:
            raise StorageRefused("changed")
        return found

    async def remove(
        self, name: str, *, revisions: Collection[int] | None = None, again: bool = False
    ) -> None:
        """Removes an integration; what is known about its candidates stays.

        With `again` one that was removed before is no mistake.

        Raises:
            StorageRefused: there is none of this name, or not of these revisions.
        """
        try:
            await self._one_of(name, revisions)
        except StorageRefused as refused:
            if not (again and refused.reason == "unknown" and await self.store.was_removed(name)):
                raise
            await self.audit.record("integration.remove", name)
            return
        await self.audit.record("integration.remove", name)
        await self.store.remove(name, revisions=revisions)

    async def try_new(self, name: str, content: Mapping[str, Any]) -> Trial:
        """Checks what would be added, and asks its ATS; stores nothing.

        Raises:
            ConfigError: with every mistake.
            StorageRefused: the name is taken.
            AtsError: the ATS refuses the credential, or does not answer.
        """
        return await self.try_integration(await self._checked_new(name, content), name)

    async def try_change(
        self, name: str, patch: Mapping[str, Any], *, revisions: Collection[int] | None = None
    ) -> Trial:
        """Checks what a change would come to, and asks its ATS; stores nothing.

        Raises:
            ConfigError: with every mistake.
            StorageRefused: there is none of this name, or not of these revisions.
            AtsError: the ATS refuses the credential, or does not answer.
        """
        _, content = await self._changed(name, patch, revisions)
        return await self.try_integration(self._checked(name, content), name)

    async def _checked_new(self, name: str, content: Mapping[str, Any]) -> CheckedConfig:
        checked = self._checked(name, content)
        if await self.store.one(name) is not None:
            raise StorageRefused("exists")
        return checked

    def _checked(self, name: str, content: Mapping[str, Any]) -> CheckedConfig:
        self._refuse_names_of_the_file(name)
        return check_stored(name, content, self.file())

    def _refuse_names_of_the_file(self, name: str) -> None:
        if name in self.file().loaded.value.integrations:
            raise StorageRefused("file")


def shown_settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings with the names of the credentials alone, and without other secrets."""
    shown = {**content, "credentials": sorted(content.get("credentials") or ())}
    if isinstance(privacy := content.get("privacy"), Mapping):
        shown["privacy"] = {name: value for name, value in privacy.items() if name != "key"}
    return shown
