"""Webhooks: what is kept of an event, and the records that waiting events name. Pure."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec


class Received(msgspec.Struct, frozen=True):
    """A signed event, reduced to ids."""

    event_id: str
    name: str
    records: Mapping[str, Sequence[str]]
    """The external ids of the records by their list."""

    @property
    def named(self) -> list[tuple[str, str]]:
        return pairs_of(self.records)


class PendingEvents(msgspec.Struct, frozen=True):
    """Events that wait, the oldest first."""

    ids: Sequence[UUID]
    records: Sequence[Mapping[str, Sequence[str]]]

    def of_list(self, list_name: str) -> list[str]:
        """Returns the ids of a list's records, each once: many events about one are one read."""
        return list(dict.fromkeys(e for each in self.records for e in each.get(list_name, ())))


def pairs_of(records: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Returns list and external id of each record."""
    return [(name, external_id) for name, each in records.items() for external_id in each]
