"""The set of records that a listing showed, in eight bytes each."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

import xxhash

_BUCKETS = 256


class HashedIdSet:
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
        """Returns the number of added ids, repeats included."""
        return self._count

    def distinct(self) -> int:
        """Returns the number of distinct ids; with two ids of one hash, one too few."""
        return sum(len(set(bucket)) for bucket in self._buckets)

    def add(self, external_id: str) -> None:
        self.add_all((external_id,))

    def add_all(self, external_ids: Iterable[str]) -> None:
        buckets, unsorted = self._buckets, self._unsorted
        for each in map(xxhash.xxh3_64_intdigest, map(str.encode, external_ids)):
            bucket = each >> 56
            buckets[bucket].append(each)
            unsorted[bucket] = True
            self._count += 1

    def __contains__(self, external_id: object) -> bool:
        wanted = xxhash.xxh3_64_intdigest(str(external_id).encode())
        hashes = self._sorted(wanted >> 56)
        at = bisect_left(hashes, wanted)
        return at < len(hashes) and hashes[at] == wanted

    def _sorted(self, bucket: int) -> "array[int]":
        if self._unsorted[bucket]:
            self._buckets[bucket] = array("Q", sorted(self._buckets[bucket]))
            self._unsorted[bucket] = False
        return self._buckets[bucket]
