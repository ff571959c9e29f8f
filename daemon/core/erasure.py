"""Erasure of a person: the identities, their keyed hashes, and the texts that name them."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

import msgspec

from models.ids import NAMESPACE, application_id, candidate_id, derived_id, snapshot_name

HASH_BYTES = 16
ErasureReason = Literal["request", "anonymised", "deleted", "retention"]
_SHORTEST_NAME, _SHORTEST_ID, _SHORTEST_TEXT = 3, 6, 12
"""In free texts a shorter one would be found in words and numbers that name no one."""
CLEARED = "[erased]"


def normalised_address(address: str) -> str:
    """Returns an e-mail address as two spellings of the same one share it."""
    folded = unicodedata.normalize("NFD", address.strip()).casefold()
    return unicodedata.normalize("NFC", folded)


def addresses_of(candidate: Mapping[str, Any] | None) -> frozenset[str]:
    """Returns the normalised e-mail addresses of a candidate, whatever its document holds."""
    emails = (candidate or {}).get("emails")
    values = [e.get("value") for e in emails or () if isinstance(e, Mapping)] if emails else []
    return frozenset(normalised_address(v) for v in values if isinstance(v, str) and v.strip())


class PersonIds(msgspec.Struct, frozen=True):
    """One or more candidates of one integration, with everything that their rows are found by."""

    integration: UUID
    candidates: frozenset[str] = frozenset()
    """External ids."""
    applications: frozenset[str] = frozenset()
    records: frozenset[tuple[str, str]] = frozenset()
    """List records at the ATS: list and external id."""
    other_applications: frozenset[UUID] = frozenset()
    """Applications of which only ClearView's id is known."""

    @property
    def candidate_ids(self) -> frozenset[UUID]:
        """ClearView's ids of the candidates."""
        return frozenset(candidate_id(self.integration, one) for one in self.candidates)

    @property
    def application_ids(self) -> frozenset[UUID]:
        """ClearView's ids of the applications."""
        derived = {application_id(self.integration, one) for one in self.applications}
        return self.other_applications | derived

    @property
    def snapshot_ids(self) -> frozenset[UUID]:
        return frozenset(snapshot_id(self.integration, *record) for record in self.records)

    @property
    def identities(self) -> frozenset[UUID]:
        """Every id by which an import could meet these candidates again."""
        return self.candidate_ids | self.application_ids | self.snapshot_ids

    def to_value(self) -> dict[str, Any]:
        """Returns it as an unfinished receipt holds it."""
        return {
            "integration_id": self.integration,
            "candidates": sorted(self.candidates),
            "applications": sorted(self.applications),
            "records": [{"list": name, "external_id": e} for name, e in sorted(self.records)],
            "other_applications": sorted(self.other_applications),
        }


def snapshot_id(integration: UUID, list_name: str, external_id: str) -> UUID:
    return uuid5(integration, snapshot_name(list_name, external_id))


def person_from(value: Mapping[str, Any]) -> PersonIds:
    """Returns the ids that an unfinished receipt holds."""
    return PersonIds(
        integration=value["integration_id"],
        candidates=frozenset(value["candidates"]),
        applications=frozenset(value["applications"]),
        records=frozenset((each["list"], each["external_id"]) for each in value["records"]),
        other_applications=frozenset(value["other_applications"]),
    )


class ErasureReceipt(msgspec.Struct, frozen=True):
    """One erasure, requested or finished."""

    id: UUID
    state: Literal["requested", "finished"]
    reason: ErasureReason
    requested_at: datetime
    candidates: int
    counts: Mapping[str, int]
    hashes: frozenset[bytes]
    subject: Sequence[PersonIds] = ()
    texts_cleared: bool = False
    finished_at: datetime | None = None
    lifted_at: datetime | None = None
    """Since then imports may bring the people again."""
    version: int = 0
    """Grows with each change of what it refuses."""


class IdentityHasher:
    """Keyed hashes of ids and addresses: without the key no one can test whom a receipt is about."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of_id(self, identity: UUID) -> bytes:
        return self._hash(b"id\0" + identity.bytes)

    def of_address(self, address: str) -> bytes:
        return self._hash(b"address\0" + normalised_address(address).encode("utf-8", "replace"))

    def _hash(self, message: bytes) -> bytes:
        return hashlib.blake2b(message, key=self._key, digest_size=HASH_BYTES).digest()

    def of_people(self, people: Iterable[PersonIds], addresses: Iterable[str]) -> frozenset[bytes]:
        """Returns the hashes of a receipt."""
        ids = {self.of_id(identity) for person in people for identity in person.identities}
        return frozenset(ids.union(map(self.of_address, addresses)))

    def receipt_id(self, people: Iterable[PersonIds], reason: ErasureReason) -> UUID:
        """Returns the same id for the same candidates, which does not show who they are."""
        owners = sorted(self.of_id(i).hex() for one in people for i in one.candidate_ids)
        return derived_id(NAMESPACE, "erasure", reason, *owners)


def texts_naming(people: Iterable[PersonIds], documents: Iterable[Mapping[str, Any]]) -> set[str]:
    """Returns the texts by which a message may name these people: names, contacts, ids."""
    found: set[str] = set()
    for person in people:
        ids = (*person.candidates, *person.applications, *(e for _, e in person.records))
        found.update(one for one in ids if len(one) >= _SHORTEST_ID)
        found.update(str(identity) for identity in person.identities)
    for document in documents:
        names = (document.get(name) for name in ("first_name", "last_name"))
        for name in names:
            if isinstance(name, str):
                found.update(part for part in name.split() if len(part) >= _SHORTEST_NAME)
        found.update(_contacts_of(document))
        for name in ("custom_fields", "attachments"):
            found.update(t for t in _texts_in(document.get(name)) if len(t) >= _SHORTEST_TEXT)
    return found


def _texts_in(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value.strip()
        case Mapping():
            for inner in value.values():
                yield from _texts_in(inner)
        case list():
            for inner in value:
                yield from _texts_in(inner)


def _contacts_of(candidate: Mapping[str, Any]) -> Iterator[str]:
    for name in ("emails", "phones", "addresses", "links"):
        for contact in candidate.get(name) or ():
            value = contact.get("value") if isinstance(contact, Mapping) else None
            if isinstance(value, str) and len(value.strip()) >= _SHORTEST_ID:
                yield value.strip()


def pattern_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    """Returns a pattern that finds each text as a whole word, whatever its case; None for no text."""
    longest_first = sorted(filter(None, texts), key=len, reverse=True)
    if not longest_first:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)


def cleared(value: Any, naming: re.Pattern[str]) -> Any:
    """Returns a stored value without the texts that the pattern finds; ids as UUIDs as well."""
    match value:
        case str():
            return naming.sub(CLEARED, value)
        case UUID():
            return CLEARED if naming.fullmatch(str(value)) else value
        case Mapping():
            return {naming.sub(CLEARED, str(k)): cleared(v, naming) for k, v in value.items()}
        case list() | tuple():
            return [cleared(each, naming) for each in value]
    return value


def without_records(value: Mapping[str, Any], person: PersonIds) -> dict[str, Any]:
    """Returns the value of a checkpoint `poll:NAME` that names none of the person's records."""
    gone = person.records
    left = dict(value)
    if isinstance(pages := value.get("applying"), list):
        left["applying"] = [_without(page, gone) for page in pages]
    if isinstance(deleting := value.get("deleting"), Mapping):
        left["deleting"] = _without(deleting, gone)
    if isinstance(unread := value.get("unread"), Mapping):
        left["unread"] = {name: _read(name, fields, gone) for name, fields in unread.items()}
    return left


def _without(batch: Any, gone: frozenset[tuple[str, str]]) -> Any:
    if not isinstance(batch, Mapping) or not isinstance(batch.get("external_ids"), list):
        return batch
    name = batch.get("list")
    return {**batch, "external_ids": [e for e in batch["external_ids"] if (name, e) not in gone]}


def _read(name: str, fields: Any, gone: frozenset[tuple[str, str]]) -> Any:
    if not isinstance(fields, Mapping) or not isinstance(fields.get("records"), list):
        return fields
    kept = [
        row
        for row in fields["records"]
        if not (isinstance(row, Mapping) and (name, row.get("external_id")) in gone)
    ]
    return {**fields, "records": kept}
