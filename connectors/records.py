"""Cuts a page into records without parsing them, and tells when two records are the same."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import msgspec
import xxhash
from msgspec import UNSET, UnsetType

from connectors.base import MappingFailed, RawRecord
from connectors.definition.paths import SIMPLE_PATH, top_names
from connectors.paths import Getter, compile_path

Probe = Callable[[bytes | memoryview], tuple[Any, ...]]
Decode = Callable[[bytes | memoryview], Any]
_SURROGATE = re.compile("[\ud800-\udfff]")
_RECORDS = "f0"


class Sliced(msgspec.Struct, frozen=True):
    """A page: what stands around the records, and each record's own text."""

    around: Any
    records: Sequence[bytes | memoryview] | None
    """None where the answer has no list at the path that the definition says."""


Slice = Callable[[bytes], Sliced]


def slicer(records: str, around: Iterable[str]) -> Slice:
    """Cuts pages whose records are at a path; `around` are paths that are read from the rest."""
    needed = names_in(around)
    if not _is_plain(records, needed):
        return _decoded(compile_path(records))
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


def _array(body: bytes) -> Sliced:
    try:
        return Sliced(None, [memoryview(raw) for raw in _RAWS.decode(body)])
    except msgspec.ValidationError:
        return Sliced(decode(body), None)
    except msgspec.DecodeError:
        return _decoded(compile_path("@"))(body)


def _envelope(name: str, others: Sequence[str]) -> Slice:
    fields: list[tuple[str, Any, Any]] = [(_RECORDS, list[msgspec.Raw] | None, None)]
    fields += [(f"f{at}", Any, None) for at in range(1, len(others) + 1)]
    names = {f"f{at}": other for at, other in enumerate((name, *others))}
    decoder = msgspec.json.Decoder(msgspec.defstruct("Envelope", fields, rename=names))
    generic = _decoded(compile_path(name))

    def cut(body: bytes) -> Sliced:
        try:
            found = decoder.decode(body)
        except msgspec.DecodeError:
            return generic(body)
        around = {other: getattr(found, f"f{at}") for at, other in enumerate(others, start=1)}
        raws = getattr(found, _RECORDS)
        return Sliced(around, None if raws is None else [memoryview(raw) for raw in raws])

    return cut


def _decoded(find: Getter) -> Slice:
    def cut(body: bytes) -> Sliced:
        whole = decode(body)
        found = find(whole)
        if not isinstance(found, list):
            return Sliced(whole, None)
        return Sliced(whole, [msgspec.json.encode(item) for item in found])

    return cut


def decode(raw: bytes | memoryview) -> Any:
    """JSON as Python values; half characters that JSON allows and UTF-8 does not are replaced.

    Raises:
        msgspec.DecodeError: it is no JSON.
    """
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        return _leniently(raw, error)


def partly(names: Sequence[str]) -> Decode:
    """Decodes of an object only these keys; the others cost a sixth of what building them would.

    Raises:
        msgspec.DecodeError: when called, for what is no JSON or no object.
    """
    fields: list[tuple[str, Any, Any]] = [(f"f{at}", Any, UNSET) for at in range(len(names))]
    renamed = {f"f{at}": name for at, name in enumerate(names)}
    decoder = msgspec.json.Decoder(msgspec.defstruct("Part", fields, rename=renamed))
    wanted = frozenset(names)

    def of_object(raw: bytes | memoryview) -> Any:
        try:
            found = msgspec.structs.astuple(decoder.decode(raw))
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as error:
            whole = _leniently(raw, error)
            return {name: value for name, value in whole.items() if name in wanted}
        return {name: value for name, value in zip(names, found, strict=True) if value is not UNSET}

    return of_object


def _leniently(raw: bytes | memoryview, error: msgspec.DecodeError) -> Any:
    try:
        return sanitised(json.loads(bytes(raw)))
    except (ValueError, RecursionError):
        raise error from None


def sanitised(value: Any) -> Any:
    """The value with every lone surrogate replaced."""
    match value:
        case str():
            return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
        case list():
            return [sanitised(item) for item in value]
        case dict():
            return {sanitised(key): sanitised(item) for key, item in value.items()}
        case _:
            return value


def probe(paths: Sequence[str]) -> Probe:
    """Reads a few values of a record without building the rest of it."""
    getters = [compile_path(path) for path in paths]

    def fully(raw: bytes | memoryview) -> tuple[Any, ...]:
        record = decode(raw)
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
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return fully(raw)

    return quickly


Print = Callable[[bytes | memoryview], bytes | None]
"""A short print of a record's bytes: equal prints mean equal records."""


def whole_print(raw: bytes | memoryview) -> bytes:
    """16 bytes over the whole record as it came."""
    return xxhash.xxh3_128_digest(raw)


class Told(msgspec.Struct, frozen=True):
    """The records of one page that could be told apart, and what their times say."""

    records: list[RawRecord]
    failed: list[MappingFailed]
    times: list[Any]


def tell_apart(raws: Sequence[bytes | memoryview], read: Probe, digest_of: Print | None) -> Told:
    """Each record with its id. `read` gives the id and, if the list has one, the time."""
    try:
        found = [read(raw) for raw in raws]
    except msgspec.DecodeError:
        return _told_one_by_one(raws, read, digest_of)
    ids = [str(each[0]) if type(each[0]) is int else identifier(each[0]) for each in found]
    if None in ids:
        return _told_one_by_one(raws, read, digest_of)
    digests = map(digest_of, raws) if digest_of is not None else repeat(None)
    records = list(map(RawRecord._make, zip(ids, raws, digests, strict=False)))
    return Told(records, [], [each[1] for each in found if len(each) > 1])


def _told_one_by_one(
    raws: Sequence[bytes | memoryview], read: Probe, digest_of: Print | None
) -> Told:
    """The same where something is wrong with a record: it stops no other."""
    told = Told([], [], [])
    for at, raw in enumerate(raws):
        try:
            found = read(raw)
        except msgspec.DecodeError:
            told.failed.append(MappingFailed(None, f"record {at + 1} of the page is no object"))
            continue
        external_id = identifier(found[0])
        if external_id is None:
            told.failed.append(MappingFailed(None, f"record {at + 1} of the page has no id"))
            continue
        digest = digest_of(raw) if digest_of is not None else None
        told.records.append(RawRecord(external_id, raw, digest))
        if len(found) > 1:
            told.times.append(found[1])
    return told


SCOPE = "_scope"
"""Where a record holds what its list was walked for."""


def with_scope(raw: bytes | memoryview, scope: str) -> bytes:
    """The record with its scope in front of its own fields; what is no object stays as it is."""
    body = bytes(raw)
    if not body.startswith(b"{"):
        return body
    own = body[1:].lstrip()
    comma = b"" if own.startswith(b"}") else b","
    return b'{"%s":%s%s%s' % (SCOPE.encode(), msgspec.json.encode(scope), comma, own)


def scoped_id(scope: str, external_id: str) -> str:
    """How a record of a list with scopes is known: its own id may need the scope to be read."""
    return f"{scope}:{external_id}"


def scoped(told: Told) -> Told:
    """The same records, known by their scopes too."""
    return Told([_scoped(record) for record in told.records], told.failed, told.times)


_scope_of = msgspec.json.Decoder(msgspec.defstruct("Scoped", [("f0", str)], rename={"f0": SCOPE}))


def _scoped(record: RawRecord) -> RawRecord:
    scope = getattr(_scope_of.decode(record.raw), "f0")  # noqa: B009 (made at run time)
    return record._replace(external_id=scoped_id(scope, record.external_id))


def identifier(value: Any) -> str | None:
    """An id as text; None for what cannot be one."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


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
        except msgspec.DecodeError:
            return None
        return _OF_BYTES + xxhash.xxh3_128_digest(_BETWEEN.join(parts))

    return printed
