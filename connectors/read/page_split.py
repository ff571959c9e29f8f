"""Splits a page into its records without parsing them. Pure."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from connectors.definition.compiled_paths import compile_path
from connectors.definition.paths import SIMPLE_PATH, top_names
from connectors.http.decoding import FAILURES, decode
from connectors.read.page_scan import split_array

_RECORDS = "f0"


class SplitPage(msgspec.Struct, frozen=True):
    """A page: the values around its records, and each record's own text."""

    around: Any
    records: Sequence[bytes | memoryview] | None
    """None where the answer has no list at the definition's path."""
    is_null: bool = False
    """True: it has null there, as some vendors write an empty list; `records` is empty then."""
    repairs: Sequence[str] = ()
    """The repairs without which the page could not be read."""


Split = Callable[[bytes], SplitPage]


def page_splitter(records: str, around: Iterable[str]) -> Split:
    """Returns a splitter of pages whose records are at a path.

    `around` are the paths that are read from the rest of the page.
    """
    needed: set[str] = set().union(*(top_names(path) for path in around), set())
    if not _is_plain(records, needed):
        return _decoded(records)
    return _array if records == "@" else _envelope(records, sorted(needed))


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


def _envelope(name: str, others: Sequence[str]) -> Split:
    fields: list[tuple[str, Any, Any]] = [
        (_RECORDS, list[msgspec.Raw] | UnsetType | None, UNSET),
        *((f"f{at}", Any, None) for at in range(1, len(others) + 1)),
    ]
    names = {f"f{at}": other for at, other in enumerate((name, *others))}
    decoder = msgspec.json.Decoder(msgspec.defstruct("Envelope", fields, rename=names))
    generic = _decoded(name)

    def split(body: bytes) -> SplitPage:
        try:
            found = decoder.decode(body)
        except FAILURES:
            return generic(body)
        around = {other: getattr(found, f"f{at}") for at, other in enumerate(others, start=1)}
        raws = getattr(found, _RECORDS)
        if raws is None or raws is UNSET:
            return SplitPage(around, None if raws is UNSET else (), raws is None)
        return SplitPage(around, [memoryview(raw) for raw in raws])

    return split


def _decoded(records: str) -> Split:
    """Returns a splitter that decodes the page whole; a record that no decoder takes stays as it came."""
    find = compile_path(records)

    def split(body: bytes) -> SplitPage:
        repairs: list[str] = []
        try:
            whole = decode(body, repairs.append)
            found = find(whole)
            raws = None if not isinstance(found, list) else [msgspec.json.encode(i) for i in found]
        except FAILURES:
            return _scanned(body, records)
        if found is None and _is_null_at(whole, records):
            return SplitPage(whole, (), is_null=True, repairs=repairs)
        return SplitPage(whole, raws, repairs=repairs)

    return split


def _is_null_at(whole: Any, records: str) -> bool:
    if not SIMPLE_PATH.fullmatch(records):
        return False
    *names, last = records.split(".")
    holder = compile_path(".".join(names) or "@")(whole)
    return isinstance(holder, dict) and last in holder


def _scanned(body: bytes, records: str) -> SplitPage:
    """Splits a page that is no JSON; a record that cannot be read at all is kept, and fails later.

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
