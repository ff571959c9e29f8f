"""Records with a field that could not be read, remembered until each of them is mapped again.

An unchanged record is not mapped, so a later poll says nothing of its fields.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

MOST_RECORDS = 100
"""Records of one list that are remembered, since every checkpoint holds them."""


class UnreadFields(msgspec.Struct):
    """The records of one list whose fields could not be read when they were mapped last."""

    records: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """By external id: the fields, such as `candidate.phones`."""
    has_more: bool = False
    """More records had one than are remembered: only a walk that maps all of them says which."""

    def note(self, mapped: Mapping[str, frozenset[str]]) -> None:
        """Takes the unread fields of records that were just mapped, by external id."""
        self.forget(mapped)
        for external_id, fields in mapped.items():
            if fields and len(self.records) < MOST_RECORDS:
                self.records[external_id] = tuple(sorted(fields))
            self.has_more |= bool(fields) and external_id not in self.records

    def forget(self, external_ids: Iterable[str]) -> None:
        """Drops records that were mapped again, or are gone."""
        for external_id in external_ids if self.records else ():
            self.records.pop(external_id, None)

    def all_mapped(self, unread: int) -> None:
        """Takes the end of a walk that mapped every record and found `unread` of them."""
        self.has_more = unread > MOST_RECORDS

    @property
    def is_empty(self) -> bool:
        return not (self.records or self.has_more)

    def by_field(self) -> Counter[str]:
        """Returns the number of remembered records for each field."""
        return Counter(field for fields in self.records.values() for field in fields)

    def to_value(self) -> dict[str, Any]:
        """Returns it as it is stored."""
        records = [{"external_id": e, "fields": list(f)} for e, f in self.records.items()]
        return {"records": records, "has_more": self.has_more}


def unread_from(value: Mapping[str, Any]) -> UnreadFields:
    """Returns the unread fields that were stored.

    Raises:
        KeyError, TypeError: the value has another shape.
    """
    records = {str(row["external_id"]): tuple(row["fields"]) for row in value["records"]}
    return UnreadFields(records, bool(value["has_more"]))
