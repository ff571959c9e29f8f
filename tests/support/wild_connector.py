"""An ATS in memory that answers oddly: repeated records, bad pages, records that no mapping takes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from connectors.errors import Misdirected
from connectors.values import ListFacts, Mapped, MappingFailed, Page, RawRecord, ReadIssue, Window
from tests.support.fake_ats import FakeConnector


@dataclass(slots=True)
class WildConnector(FakeConnector):
    """A `FakeConnector` with what real APIs do at times."""

    archive: bool = False
    """Candidates are in two lists, `candidates` and `archived`; there are no applications."""
    raises: dict[tuple[str, int], Exception] = field(default_factory=dict)
    """By list and page: what every request for the page fails with."""
    poison: set[str] = field(default_factory=set)
    """External ids whose mapping meets a bug."""
    nameless: int = 0
    """Records without a usable id on the first page of every list."""
    issues: list[ReadIssue] = field(default_factory=list)
    join_is_away: bool = False
    """The optional list that candidates' companies come from."""
    unreadable_fields: frozenset[str] = frozenset()
    """Mapped fields that cannot be read."""
    unreadable_of: set[str] | None = None
    """External ids of the records that have them; None: every record."""
    also_shown: dict[tuple[str, int], list[RawRecord]] = field(default_factory=dict)
    """By list and page: records that are shown once more in front of the page's own."""

    @property
    def lists(self) -> Sequence[ListFacts]:
        if self.archive:
            return [self._facts("candidates", "candidates"), self._facts("archived", "candidates")]
        return FakeConnector.lists.fget(self)  # type: ignore[attr-defined]

    def take_issues(self) -> Sequence[ReadIssue]:
        taken, self.issues = self.issues, []
        return taken

    def version(self, list_name: str, external_id: str) -> RawRecord:
        """The record as it is now."""
        return self._raw(list_name, self.ats.rows[list_name][external_id])

    async def pages(
        self, list_name: str, window: Window, *, position: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Page]:
        number = position["offset"] // self.page_size if position else 0
        if (list_name, number) in self.raises:
            raise self.raises[list_name, number]
        async for page in FakeConnector.pages(self, list_name, window, position=position):
            records = [*self.also_shown.get((list_name, number), ()), *page.records]
            failed = [MappingFailed(None, "the id is an object")] * self.nameless
            failure = self.raises.get((list_name, number + 1))
            judged = None if isinstance(failure, Misdirected) else page.position
            yield replace(page, records=records, failed=failed, position=judged)
            number += 1
            if failure is not None:
                raise failure

    async def map_records(
        self,
        list_name: str,
        records: Sequence[RawRecord],
        *,
        known: Mapping[str, bytes] | None = None,
    ) -> list[Mapped | MappingFailed]:
        for record in records:
            if record.external_id in self.poison:
                raise KeyError(bytes(record.raw))
        found = await FakeConnector.map_records(self, list_name, records, known=known)
        return [self._as_shown(one) for one in found]

    def _as_shown(self, one: Mapped | MappingFailed) -> Mapped | MappingFailed:
        if not isinstance(one, Mapped) or one.candidate is None:
            return one
        if self.archive:
            one = replace(one, applications=())
        is_unreadable = self.unreadable_of is None or one.external_id in self.unreadable_of
        failed = self.unreadable_fields if is_unreadable else frozenset()
        one = replace(one, failed_fields=failed)
        if not (self.join_is_away or failed) or one.candidate is None:
            return one
        self.issues += [ReadIssue("field", name, "is no text; it is left out") for name in failed]
        candidate = {**one.candidate, "company": None}
        return replace(one, candidate=candidate, provisional=self.join_is_away)
