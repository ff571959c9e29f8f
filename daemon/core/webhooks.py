"""Webhooks: what is kept of an event, and the records that waiting events name. Pure."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec


class Received(msgspec.Struct, frozen=True):
    """A signed event, reduced to ids."""

    event_id: str
    name: str
    records: Mapping[str, str]
    """The external id of the record by its list."""


class PendingEvents(msgspec.Struct, frozen=True):
    """Events that wait, the oldest first."""

    ids: Sequence[UUID]
    records: Sequence[Mapping[str, str]]

    def of_list(self, list_name: str) -> list[str]:
        """Returns the ids of a list's records, each once: many events about one are one read."""
        return list(dict.fromkeys(each[list_name] for each in self.records if list_name in each))
