"""A page on its path through an import."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from connectors.values import Mapped, Page
from daemon.core.snapshot import Known


@dataclass(slots=True)
class PreparedPage:
    """A page whose unchanged records are known, and whose other records are mapped."""

    page: Page
    """Without its raw records, which would fill the memory while the page waits."""
    external_ids: tuple[str, ...]
    unchanged: int
    changed: list[tuple[Mapped, bytes | None]]
    """Each with the digest to store."""
    returned: list[str]
    """Records that are marked deleted, and listed again."""
    found_again: dict[str, bytes | None]
    """Unchanged records that the last complete listing lacked, with their digests."""
    known: Mapping[str, Known]
    """The known part of the snapshots of the changed candidates."""
    failures: dict[str, str]
    """By external id: the reason why the record could not be mapped."""
    unidentified: list[str]
    """The reasons of records without a usable id: they cannot be retried one by one."""
    recovered: list[str]
    """Records that failed before, and are mapped now."""
    shown_before: frozenset[str]
    """Records of this page that pages just before it have changed."""
    unmapped: int
    """Stages without a rule."""
    filled: Counter[frozenset[str]]
    """The number of records by the mapped fields that have values in them."""
    unread: dict[str, frozenset[str]]
    """By external id of every mapped record: the fields that could not be read."""
    erased_version: int | None = None
    """The version of the erased people who were left out of it."""
    is_rest: bool = False
    """One changed record of a page that is written in parts; the page itself was counted."""

    def split(self) -> "Iterator[PreparedPage]":
        """Yields the page without its changed records, then a page for each of these."""
        yield replace(self, changed=[], returned=[], recovered=[])
        for mapped, digest in self.changed:
            external_id = mapped.external_id
            yield replace(
                self,
                is_rest=True,
                external_ids=(),
                unchanged=0,
                changed=[(mapped, digest)],
                returned=[e for e in self.returned if e == external_id],
                found_again={},
                failures={},
                unidentified=[],
                recovered=[e for e in self.recovered if e == external_id],
                unmapped=0,
                filled=Counter(),
                unread={},
            )

    @property
    def seen(self) -> int:
        """The number of records that the page showed."""
        return len(self.external_ids)

    def touched_ids(self) -> frozenset[str]:
        """Returns the records and the candidates that the page is going to write."""
        candidates = (
            f"candidate {mapped.candidate['external_id']}"
            for mapped, _ in self.changed
            if mapped.candidate is not None
        )
        records = (mapped.external_id for mapped, _ in self.changed)
        return frozenset((*records, *self.failures, *candidates))
