"""Gives each record of a page its id; one that has none stops no other. Pure."""

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import msgspec

from connectors.definition.compiled_paths import compile_path
from connectors.definition.paths import SIMPLE_PATH
from connectors.http.decoding import FAILURES, decode
from connectors.read.digests import Digest
from connectors.read.ids import identifier, scoped_id, unusable
from connectors.read.partial_decoder import as_object, keys_decoder
from connectors.values import MappingFailed, RawRecord

SCOPE = "_scope"
"""The key under which a record holds the scope that its list was walked for."""

KeyReader = Callable[[bytes | memoryview], tuple[Any, ...]]


class IdentifiedRecords(msgspec.Struct, frozen=True):
    """The records of a page that have an id, the failures of the others, and the records' times."""

    records: list[RawRecord]
    failed: list[MappingFailed]
    times: list[Any]
    """As they came; empty for a list without a time."""


def key_reader(paths: Sequence[str]) -> KeyReader:
    """Returns a function to a few values of a record that builds none of its rest."""
    getters = [compile_path(path) for path in paths]

    def from_whole(raw: bytes | memoryview) -> tuple[Any, ...]:
        record = as_object(decode(raw))
        return tuple(get(record) for get in getters)

    are_plain = all(SIMPLE_PATH.fullmatch(path) and "." not in path for path in paths)
    if not are_plain or len(set(paths)) < len(paths):
        return from_whole
    decoder = keys_decoder(paths, Any, None)

    def from_part(raw: bytes | memoryview) -> tuple[Any, ...]:
        try:
            return msgspec.structs.astuple(decoder.decode(raw))
        except FAILURES:
            return from_whole(raw)

    return from_part


def identify_records(
    raws: Sequence[bytes | memoryview], read_keys: KeyReader, digest_of: Digest | None
) -> IdentifiedRecords:
    """Returns each record with its id. `read_keys` gives the id and, if the list has one, the time."""
    try:
        found = [read_keys(raw) for raw in raws]
    except FAILURES:
        return _one_by_one(raws, read_keys, digest_of)
    ids = [identifier(each[0]) for each in found]
    if None in ids:
        return _one_by_one(raws, read_keys, digest_of)
    digests = map(digest_of, raws) if digest_of is not None else repeat(None)
    records = list(map(RawRecord._make, zip(ids, raws, digests, strict=False)))
    return IdentifiedRecords(records, [], [each[1] for each in found if len(each) > 1])


def _one_by_one(
    raws: Sequence[bytes | memoryview], read_keys: KeyReader, digest_of: Digest | None
) -> IdentifiedRecords:
    """Returns the same where something is wrong with a record."""
    identified = IdentifiedRecords([], [], [])
    for at, raw in enumerate(raws, start=1):
        try:
            found = read_keys(raw)
        except FAILURES as error:
            identified.failed.append(MappingFailed(None, f"record {at} of the page {error}"))
            continue
        external_id = identifier(found[0])
        if external_id is None:
            why = f"record {at} of the page {unusable(found[0])}"
            identified.failed.append(MappingFailed(None, why))
        else:
            digest = digest_of(raw) if digest_of is not None else None
            identified.records.append(RawRecord(external_id, raw, digest))
            identified.times.extend(found[1:])
    return identified


def with_scope(raw: bytes | memoryview, scope: str) -> bytes:
    """Returns the record with its scope as its last field, which outweighs one of that name.

    Any other JSON than an object stays as it is.
    """
    body = bytes(raw).strip()
    if not (body.startswith(b"{") and body.endswith(b"}")):
        return body
    own = body[:-1].rstrip()
    comma = b"" if own == b"{" else b","
    return b'%s%s"%s":%s}' % (own, comma, SCOPE.encode(), msgspec.json.encode(scope))


def scoped(identified: IdentifiedRecords) -> IdentifiedRecords:
    """Returns the same records with ids that hold their scopes too."""
    records = []
    for record in identified.records:
        scope = getattr(_scope_of.decode(record.raw), "f0")  # noqa: B009 (made at run time)
        records.append(record._replace(external_id=scoped_id(scope, record.external_id)))
    return IdentifiedRecords(records, identified.failed, identified.times)


_scope_of = msgspec.json.Decoder(msgspec.defstruct("Scoped", [("f0", str)], rename={"f0": SCOPE}))
