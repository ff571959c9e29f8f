"""Which records a listing showed, in eight bytes each."""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable

import xxhash

_BUCKETS = 256
_AT_ONCE = 150_000
"""So many numbers make a set of some ten megabytes."""


def hashed(external_ids: Iterable[str]) -> bytes:
    """A hash of each id, in eight bytes; the same on every machine."""
    return _in_order(
        array("Q", map(xxhash.xxh3_64_intdigest, map(str.encode, external_ids)))
    ).tobytes()


def _in_order(hashes: "array[int]") -> "array[int]":
    """Between the order of bytes that is stored and this machine's."""
    if sys.byteorder == "big":
        hashes.byteswap()
    return hashes


def _hashes_of(page: bytes) -> "array[int]":
    hashes = array("Q")
    hashes.frombytes(page)
    return _in_order(hashes)


class SeenIds:
    """A set of external ids that stays small at a million of them.

    Ids are kept as 64-bit hashes, in buckets by their first byte: sorting one bucket at a time needs
    little memory. Two ids with one hash would make a missing record look present: at worst a deletion
    is noticed later, never a present record deleted.
    """

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(_BUCKETS)]
        self._unsorted = [False] * _BUCKETS
        self._count = 0

    def __len__(self) -> int:
        """How many ids were added, repeats included."""
        return self._count

    def distinct(self) -> int:
        """How many ids it holds, each counted once; with two ids of one hash, one too few."""
        return sum(len(set(bucket)) for bucket in self._buckets)

    def add(self, external_id: str) -> None:
        self.add_all((external_id,))

    def add_all(self, external_ids: Iterable[str]) -> None:
        """A whole page costs a third of its ids one by one."""
        self.add_hashed(hashed(external_ids))

    def add_hashed(self, page: bytes) -> None:
        """Ids as `hashed` gave them."""
        buckets, unsorted, hashes = self._buckets, self._unsorted, _hashes_of(page)
        for each in hashes:
            bucket = each >> 56
            buckets[bucket].append(each)
            unsorted[bucket] = True
        self._count += len(hashes)

    def __contains__(self, external_id: str) -> bool:
        wanted = xxhash.xxh3_64_intdigest(external_id.encode())
        hashes = self._sorted(wanted >> 56)
        place = bisect_left(hashes, wanted)
        return place < len(hashes) and hashes[place] == wanted

    def _sorted(self, bucket: int) -> "array[int]":
        if self._unsorted[bucket]:
            self._buckets[bucket] = array("Q", sorted(self._buckets[bucket]))
            self._unsorted[bucket] = False
        return self._buckets[bucket]


class ShownIds:
    """What the pages of a walk showed, page by page, as hashes; looked into when it has ended."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []
        self._seen: SeenIds | None = None
        self._names: set[bytes] = set()

    def add(self, page: bytes, *, name: bytes | None = None) -> None:
        """One more page, as `hashed` gave it.

        `name` tells it from others that have no record in common with it, and none twice.
        """
        self.pages.append(page)
        if name is not None:
            self._names.add(name)

    def __len__(self) -> int:
        """How many ids the pages showed, repeats included."""
        return sum(map(len, self.pages)) // 8

    def distinct(self) -> int:
        """How many different ones; of very many part by part, for a set of them takes 60 MB."""
        if len(self._names) == len(self.pages):
            return len(self)
        parts = 1 + len(self) // _AT_ONCE
        return sum(self._distinct_in(part, parts) for part in range(parts))

    def _distinct_in(self, part: int, parts: int) -> int:
        found: set[int] = set()
        for page in self.pages:
            hashes = _hashes_of(page)
            found.update(hashes if parts == 1 else [h for h in hashes if h % parts == part])
        return len(found)

    def __contains__(self, external_id: str) -> bool:
        if self._seen is None:
            self._seen = SeenIds()
            for page in self.pages:
                self._seen.add_hashed(page)
        return external_id in self._seen
