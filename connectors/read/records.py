"""Cuts a page into records without parsing them, and tells when two records are the same."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import msgspec
import xxhash
from msgspec import UNSET, UnsetType

from connectors.connector import MappingFailed, RawRecord
from connectors.definition.compiled_paths import Getter, compile_path
from connectors.definition.paths import SIMPLE_PATH, top_names
from connectors.http.decoding import FAILURES, Note, decode, unnoted
from connectors.read.ids import identifier, scoped_id, unusable
from connectors.read.page_split import split_array

Probe = Callable[[bytes | memoryview], tuple[Any, ...]]
Decode = Callable[[bytes | memoryview, Note], Any]
_RECORDS = "f0"


class SplitPage(msgspec.Struct, frozen=True):
    """A page: what stands around the records, and each record's own text."""

    around: Any
    records: Sequence[bytes | memoryview] | None
    """None where the answer has no list at the path that the definition says."""
    is_null: bool = False
    """True: it has null there, as some vendors write an empty list; `records` is empty then."""
    repairs: Sequence[str] = ()
    """What had to be repaired before the page could be read."""


Slice = Callable[[bytes], SplitPage]


def split_page(records: str, around: Iterable[str]) -> Slice:
    """Cuts pages whose records are at a path; `around` are paths that are read from the rest."""
    needed = names_in(around)
    if not _is_plain(records, needed):
        return _decoded(records)
    return _array if records == "@" else _envelope(records, sorted(needed))


def names_in(paths: Iterable[str]) -> set[str]:
    """The keys of an object that these paths begin with."""
    return set().union(*(top_names(path) for path in paths), set())


def _is_plain(records: str, needed: Collection[str]) -> bool:
    if records == "@":
        return not needed
    one_name = SIMPLE_PATH.fullmatch(records) is not None and "." not in records
    return one_name and records not in needed


_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def _array(body: bytes) -> SplitPage:
    try:
        return SplitPage(None, [memoryview(raw) for raw in _RAWS.decode(body)])
    except FAILURES:
        return _decoded("@")(body)


def _envelope(name: str, others: Sequence[str]) -> Slice:
    fields: list[tuple[str, Any, Any]] = [
        (_RECORDS, list[msgspec.Raw] | UnsetType | None, UNSET),
        *((f"f{at}", Any, None) for at in range(1, len(others) + 1)),
    ]
    names = {f"f{at}": other for at, other in enumerate((name, *others))}
    decoder = msgspec.json.Decoder(msgspec.defstruct("Envelope", fields, rename=names))
    generic = _decoded(name)

    def cut(body: bytes) -> SplitPage:
        try:
            found = decoder.decode(body)
        except FAILURES:
            return generic(body)
        around = {other: getattr(found, f"f{at}") for at, other in enumerate(others, start=1)}
        raws = getattr(found, _RECORDS)
        if raws is None or raws is UNSET:
            return SplitPage(around, None if raws is UNSET else (), raws is None)
        return SplitPage(around, [memoryview(raw) for raw in raws])

    return cut


def _decoded(records: str) -> Slice:
    """Cuts a page by decoding it whole; records that no decoder takes stay as they came."""
    find = compile_path(records)

    def cut(body: bytes) -> SplitPage:
        repairs: list[str] = []
        try:
            whole = decode(body, repairs.append)
            found = find(whole)
            raws = None if not isinstance(found, list) else [msgspec.json.encode(i) for i in found]
        except FAILURES:
            return _split(body, records)
        if found is None and _is_null_at(whole, records):
            return SplitPage(whole, (), is_null=True, repairs=repairs)
        return SplitPage(whole, raws, repairs=repairs)

    return cut


def _is_null_at(whole: Any, records: str) -> bool:
    if not SIMPLE_PATH.fullmatch(records):
        return False
    *names, last = records.split(".")
    holder = compile_path(".".join(names) or "@")(whole)
    return isinstance(holder, dict) and last in holder


def _split(body: bytes, records: str) -> SplitPage:
    """Each record by itself; one that cannot be read at all is kept, to be told as failed.

    Raises:
        msgspec.DecodeError: the page itself is no JSON, or its records are not at plain names.
    """
    if records != "@" and not SIMPLE_PATH.fullmatch(records):
        raise msgspec.DecodeError("is no JSON")
    outer, items = split_array(body, [] if records == "@" else records.split("."))
    repairs = ["held records that are no JSON"]
    return SplitPage(decode(outer.encode()), [_cleaned(item) for item in items], repairs=repairs)


def _cleaned(item: str) -> bytes:
    raw = item.encode("utf-8", "replace")
    try:
        return msgspec.json.encode(decode(raw))
    except FAILURES:
        return raw


def partly(names: Sequence[str]) -> Decode:
    """Decodes of an object only these keys; the others cost a sixth of what building them would.

    Raises:
        msgspec.DecodeError: when called, for what is no JSON or no object.
    """
    fields: list[tuple[str, Any, Any]] = [(f"f{at}", Any, UNSET) for at in range(len(names))]
    renamed = {f"f{at}": name for at, name in enumerate(names)}
    decoder = msgspec.json.Decoder(msgspec.defstruct("Part", fields, rename=renamed))
    wanted = frozenset(names)

    def of_object(raw: bytes | memoryview, note: Note = unnoted) -> Any:
        try:
            found = msgspec.structs.astuple(decoder.decode(raw))
        except FAILURES:
            whole = _object(decode(raw, note))
            return {name: value for name, value in whole.items() if name in wanted}
        return {name: value for name, value in zip(names, found, strict=True) if value is not UNSET}

    return of_object


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise msgspec.ValidationError("is no object")
    return value


def probe(paths: Sequence[str]) -> Probe:
    """Reads a few values of a record without building the rest of it."""
    getters = [compile_path(path) for path in paths]

    def fully(raw: bytes | memoryview) -> tuple[Any, ...]:
        record = _object(decode(raw))
        return tuple(get(record) for get in getters)

    if not all(SIMPLE_PATH.fullmatch(path) and "." not in path for path in paths):
        return fully
    names = {f"f{at}": path for at, path in enumerate(paths)}
    if len(set(paths)) < len(paths):
        return fully
    fields = [(field, Any, None) for field in names]
    decoder = msgspec.json.Decoder(msgspec.defstruct("Probe", fields, rename=names))

    def quickly(raw: bytes | memoryview) -> tuple[Any, ...]:
        try:
            return msgspec.structs.astuple(decoder.decode(raw))
        except FAILURES:
            return fully(raw)

    return quickly


Print = Callable[[bytes | memoryview], bytes | None]
"""A short print of a record's bytes: equal prints mean equal records."""


def whole_print(raw: bytes | memoryview) -> bytes:
    """16 bytes over the whole record as it came."""
    return xxhash.xxh3_128_digest(raw)


class IdentifiedRecords(msgspec.Struct, frozen=True):
    """The records of one page that could be told apart, and what their times say."""

    records: list[RawRecord]
    failed: list[MappingFailed]
    times: list[Any]


def identify_records(
    raws: Sequence[bytes | memoryview], read: Probe, digest_of: Print | None
) -> IdentifiedRecords:
    """Each record with its id. `read` gives the id and, if the list has one, the time."""
    try:
        found = [read(raw) for raw in raws]
    except FAILURES:
        return _told_one_by_one(raws, read, digest_of)
    ids = [identifier(each[0]) for each in found]
    if None in ids:
        return _told_one_by_one(raws, read, digest_of)
    digests = map(digest_of, raws) if digest_of is not None else repeat(None)
    records = list(map(RawRecord._make, zip(ids, raws, digests, strict=False)))
    return IdentifiedRecords(records, [], [each[1] for each in found if len(each) > 1])


def _told_one_by_one(
    raws: Sequence[bytes | memoryview], read: Probe, digest_of: Print | None
) -> IdentifiedRecords:
    """The same where something is wrong with a record: it stops no other."""
    told = IdentifiedRecords([], [], [])
    for at, raw in enumerate(raws, start=1):
        try:
            found = read(raw)
        except FAILURES as error:
            told.failed.append(MappingFailed(None, f"record {at} of the page {error}"))
            continue
        external_id = identifier(found[0])
        if external_id is None:
            why = f"record {at} of the page {unusable(found[0])}"
            told.failed.append(MappingFailed(None, why))
        else:
            digest = digest_of(raw) if digest_of is not None else None
            told.records.append(RawRecord(external_id, raw, digest))
            told.times.extend(found[1:])
    return told


SCOPE = "_scope"
"""Where a record holds what its list was walked for."""


def with_scope(raw: bytes | memoryview, scope: str) -> bytes:
    """The record with its scope as its last field, which outweighs one of its own of that name.

    What is no object stays as it is.
    """
    body = bytes(raw).strip()
    if not (body.startswith(b"{") and body.endswith(b"}")):
        return body
    own = body[:-1].rstrip()
    comma = b"" if own == b"{" else b","
    return b'%s%s"%s":%s}' % (own, comma, SCOPE.encode(), msgspec.json.encode(scope))


def scoped(told: IdentifiedRecords) -> IdentifiedRecords:
    """The same records, known by their scopes too."""
    return IdentifiedRecords([_scoped(record) for record in told.records], told.failed, told.times)


_scope_of = msgspec.json.Decoder(msgspec.defstruct("Scoped", [("f0", str)], rename={"f0": SCOPE}))


def _scoped(record: RawRecord) -> RawRecord:
    scope = getattr(_scope_of.decode(record.raw), "f0")  # noqa: B009 (made at run time)
    return record._replace(external_id=scoped_id(scope, record.external_id))


Prune = Callable[[Mapping[str, Any]], Any]


def pruner(volatile: Sequence[str]) -> Prune:
    """Gives the record without its volatile paths; the record itself is left as it is."""
    steps = [_dropper(path.replace("[]", ".[]").split(".")) for path in volatile]

    def prune(record: Mapping[str, Any]) -> Any:
        pruned: Any = record
        for drop in steps:
            pruned = drop(pruned)
        return pruned

    return prune


def _dropper(path: Sequence[str]) -> Getter:
    name, *rest = path
    inner = _dropper(rest) if rest else None
    return _drop_in_items(inner) if name == "[]" else _drop_in_object(name, inner)


def _drop_in_items(inner: Getter | None) -> Getter:
    def drop(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [] if inner is None else [inner(item) for item in value]

    return drop


def _drop_in_object(name: str, inner: Getter | None) -> Getter:
    def drop(value: Any) -> Any:
        if not isinstance(value, dict) or name not in value:
            return value
        copy = value.copy()
        if inner is None:
            del copy[name]
        else:
            copy[name] = inner(value[name])
        return copy

    return drop


_SORTED = msgspec.json.Encoder(order="sorted")


def fingerprint(record: Any) -> bytes:
    """16 bytes that are equal for equal content, whatever the order of keys."""
    return xxhash.xxh3_128_digest(_SORTED.encode(record))


_OF_BYTES = b"="
_BETWEEN = b"\0"
"""Stands in no JSON text."""
_FINGERPRINT_BYTES = 16


def is_of_bytes(print_: bytes) -> bool:
    """Whether it was made by a `printer`; if not, it is a `fingerprint`."""
    return len(print_) > _FINGERPRINT_BYTES


def printer(names: Collection[str] | None, volatile: Sequence[str]) -> Print:
    """Prints what stands under these keys, without the volatile paths, and decodes only those.

    17 bytes, equal only for equal content; the order of a record's own keys does not matter, nor
    does what stands under other keys. None where bytes cannot tell: `names` is None, or the record
    is no plain JSON object.
    """
    if names is None:
        return lambda _: None
    names = frozenset(names).difference(volatile)
    touched = {path.split(".")[0].removesuffix("[]") for path in volatile}
    whole, looked_into = sorted(names - touched), sorted(names & touched)
    fields: list[tuple[str, Any, Any]] = [
        (f"f{at}", msgspec.Raw | UnsetType, UNSET) for at in range(len(names))
    ]
    renamed = {f"f{at}": name for at, name in enumerate((*whole, *looked_into))}
    decoder = msgspec.json.Decoder(msgspec.defstruct("Print", fields, rename=renamed))
    prune = pruner(volatile)

    def printed(raw: bytes | memoryview) -> bytes | None:
        try:
            found = msgspec.structs.astuple(decoder.decode(raw))
            parts: list[Any] = [b"" if part is UNSET else part for part in found]
            for at, name in enumerate(looked_into, start=len(whole)):
                if found[at] is not UNSET:
                    parts[at] = _SORTED.encode(prune({name: msgspec.json.decode(found[at])}))
        except FAILURES:
            return None
        return _OF_BYTES + xxhash.xxh3_128_digest(_BETWEEN.join(parts))

    return printed


__all__ = [
    "SCOPE",
    "Decode",
    "IdentifiedRecords",
    "Print",
    "Probe",
    "SplitPage",
    "decode",
    "fingerprint",
    "identifier",
    "identify_records",
    "is_of_bytes",
    "names_in",
    "partly",
    "printer",
    "probe",
    "pruner",
    "scoped",
    "scoped_id",
    "split_page",
    "whole_print",
    "with_scope",
]
