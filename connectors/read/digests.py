"""Digests of records: equal digests mean equal records. Pure.

A record has one digest, of its bytes, and once it was read one fingerprint, of its content. The digest
is compared first and costs no decoding; the fingerprint finds that a record which the ATS has written
in another way, with its keys in another order for instance, is the same.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
import xxhash
from msgspec import UNSET, UnsetType

from connectors.definition.compiled_paths import Getter
from connectors.http.decoding import FAILURES
from connectors.read.partial_decoder import keys_decoder

Digest = Callable[[bytes | memoryview], bytes]
"""From a record's bytes to its digest."""
_SORTED = msgspec.json.Encoder(order="sorted")
_SEPARATOR = b"\0"
"""A byte that no JSON text holds."""


def whole_digest(raw: bytes | memoryview) -> bytes:
    """Returns 16 bytes over the whole record as it came."""
    return xxhash.xxh3_128_digest(raw)


def fingerprint(record: Any) -> bytes:
    """Returns 16 bytes that are equal for equal content, whatever the order of keys."""
    return xxhash.xxh3_128_digest(_SORTED.encode(record))


def digest_for(names: Collection[str] | None, volatile: Sequence[str]) -> Digest:
    """Returns the digest of a list's records.

    It is made of the whole record. Where the definition names what is volatile, it is made of the
    keys `names` that the mapping reads, without the volatile paths.
    """
    if not volatile:
        return whole_digest
    return content_hasher(names, volatile) if names is not None else _pruned_digest(volatile)


def _pruned_digest(volatile: Sequence[str]) -> Digest:
    prune = pruner(volatile)

    def digest(raw: bytes | memoryview) -> bytes:
        try:
            return fingerprint(prune(msgspec.json.decode(raw)))
        except FAILURES:
            return whole_digest(raw)

    return digest


def content_hasher(names: Collection[str], volatile: Sequence[str]) -> Digest:
    """Returns a digest of the bytes under these keys, without the volatile paths.

    The order of the record's own keys does not matter, nor do other keys. A record that is no plain
    JSON object has the digest of all its bytes.
    """
    names = frozenset(names).difference(volatile)
    touched = {path.split(".")[0].removesuffix("[]") for path in volatile}
    whole, pruned = sorted(names - touched), sorted(names & touched)
    decoder = keys_decoder((*whole, *pruned), msgspec.Raw | UnsetType, UNSET)
    prune = pruner(volatile)

    def digest(raw: bytes | memoryview) -> bytes:
        try:
            found = msgspec.structs.astuple(decoder.decode(raw))
            parts: list[Any] = [b"" if part is UNSET else part for part in found]
            for at, name in enumerate(pruned, start=len(whole)):
                if found[at] is not UNSET:
                    parts[at] = _SORTED.encode(prune({name: msgspec.json.decode(found[at])}))
        except FAILURES:
            return whole_digest(raw)
        return xxhash.xxh3_128_digest(_SEPARATOR.join(parts))

    return digest


Prune = Callable[[Mapping[str, Any]], Any]


def pruner(volatile: Sequence[str]) -> Prune:
    """Returns a function to the record without its volatile paths; it leaves the record as it is."""
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
