"""Which records a listing showed, in eight bytes each."""

from array import array
from bisect import bisect_left

import xxhash


class SeenIds:
    """A set of external ids that stays small at a million of them.

    Ids are kept as 64-bit hashes. Two ids with one hash would make a missing record look present:
    at worst a deletion is noticed later, never a present record deleted.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._sorted = True

    def __len__(self) -> int:
        """How many ids were added, repeats included."""
        return len(self._hashes)

    def add(self, external_id: str) -> None:
        self._hashes.append(xxhash.xxh3_64_intdigest(external_id.encode()))
        self._sorted = False

    def __contains__(self, external_id: str) -> bool:
        if not self._sorted:
            self._hashes = array("Q", sorted(self._hashes))
            self._sorted = True
        wanted = xxhash.xxh3_64_intdigest(external_id.encode())
        place = bisect_left(self._hashes, wanted)
        return place < len(self._hashes) and self._hashes[place] == wanted
