"""The settings documents of integrations, as the daemon's own loops use them."""

from collections.abc import Mapping
from typing import Protocol

from daemon.core.integrations import IntegrationState


class IntegrationSettingsStore(Protocol):
    """`ats_integration_settings`: states, and the polls that operators requested."""

    async def states(self) -> Mapping[str, IntegrationState]:
        """Returns the state of every integration, by name."""
        ...

    async def answered(self, name: str, request: object) -> None:
        """Removes the request of this id from the integration, once it was carried out."""
        ...
