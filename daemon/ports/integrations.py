"""The settings documents of integrations, as the daemon's own loops use them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from daemon.core.integrations import (
    ConfiguredIntegration,
    IntegrationState,
    StoredIntegration,
    StoredVersion,
)


class IntegrationSettingsStore(Protocol):
    """`ats_integration_settings`: states, and the polls that operators requested."""

    async def states(self) -> Mapping[str, IntegrationState]:
        """Returns the state of every integration, by name."""

    async def answered(self, name: str, request: object) -> None:
        """Removes the request of this id, once it was carried out; None is a request without an id."""


class StoredIntegrationStore(Protocol):
    """Integrations that were added at run time."""

    async def versions(self) -> Mapping[str, StoredVersion]:
        """Returns the version of each, by name."""

    async def all(self) -> Sequence[StoredIntegration]:
        """Returns all of them; one whose secrets cannot be read has a problem."""

    async def one(self, name: str) -> StoredIntegration | None:
        """Returns one of them."""

    async def add(self, facts: ConfiguredIntegration, content: Mapping[str, Any]) -> int:
        """Stores a new one durably, its secrets encrypted; returns its revision.

        Raises:
            StorageRefused: there is one of this name, or no key to encrypt with.
        """

    async def change(
        self, facts: ConfiguredIntegration, content: Mapping[str, Any], *, revision: int
    ) -> int:
        """Replaces the one of this revision; returns the new revision.

        Raises:
            StorageRefused: it was changed or removed meanwhile, or there is no key.
        """

    async def remove(self, name: str, *, revisions: Collection[int] | None) -> None:
        """Removes one; what is known about its candidates stays.

        Raises:
            StorageRefused: it is not there, or was changed meanwhile.
        """

    async def was_removed(self, name: str) -> bool:
        """True if there was one of this name, of which data may be left."""

    async def take_back(self, those: Collection[ConfiguredIntegration]) -> None:
        """Makes those of these the database's again that the file once had."""
