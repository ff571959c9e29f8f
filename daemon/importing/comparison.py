"""Compares the changed records of a page with their snapshots; nothing is written here."""

import asyncio
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.values import ListFacts, Mapped
from daemon.core.details import with_known_details
from daemon.core.exported_field import without_own
from daemon.core.keep_known import keep_fields, keep_missing
from daemon.core.record_change import RecordChange, compare
from daemon.core.snapshot import Snapshot, changed_at, newest_candidates, owners_of
from daemon.importing.prepared_page import PreparedPage
from daemon.ports.clock import Clock
from daemon.ports.imports import Snapshots
from models.times import EPOCH

YIELD_AFTER = 200
"""Records of a page after which other work goes on: a page may have tens of thousands."""


@dataclass(slots=True)
class RecordComparison:
    """Compares the records of one list, page by page in their order."""

    facts: ListFacts
    snapshots: Snapshots
    clock: Clock
    own_field: str | None = None
    """The field that our own analytics export writes: left out."""
    peers: Sequence[str] = ()
    """Other lists of the integration that hold the same kind of record: a record may move."""
    walk_began_at: datetime = EPOCH
    shown: Container[str] = ()
    """External ids that earlier pages of this walk have shown."""
    _last_seen_at: datetime = EPOCH
    """Each page is seen later than the one before it, however coarse the clock."""

    async def compare(self, prepared: PreparedPage) -> list[RecordChange]:
        """Returns the changes of the page.

        A version older than one that this walk has already shown changes nothing.
        """
        now = max(self.clock.now(), self._last_seen_at + timedelta(milliseconds=1))
        self._last_seen_at = now
        after = [
            (mapped, self._snapshot(mapped, digest, now)) for mapped, digest in prepared.changed
        ]
        before = await self._before(prepared, [snapshot for _, snapshot in after])
        siblings = await self._siblings([snapshot for _, snapshot in after])
        bases = newest_candidates([*before.values(), *siblings])
        of_owner = defaultdict[str | None, list[Snapshot]](list)
        for each in siblings:
            of_owner[each.owner].append(each)
        changes = []
        for number, (mapped, fresh) in enumerate(after, start=1):
            if number % YIELD_AFTER == 0:
                await asyncio.sleep(0)
            old = before.get(fresh.external_id)
            if old is not None and self._was_shown_newer(fresh, old):
                continue
            snapshot = fresh if old is None else _completed(fresh, mapped, old)
            owner = snapshot.owner
            if self.facts.detail is not None:
                snapshot = with_known_details(
                    snapshot,
                    old,
                    fields=self.facts.detail.fields,
                    version=self.facts.detail.version,
                    candidate_base=bases.get(owner),
                    siblings=of_owner[owner],
                )
            changes.append(
                compare(
                    snapshot,
                    old,
                    candidate_base=bases.get(owner),
                    returned=snapshot.external_id in prepared.returned,
                )
            )
            if snapshot.candidate is not None:
                bases[owner] = snapshot.candidate
        return changes

    def _snapshot(self, mapped: Mapped, digest: bytes | None, now: datetime) -> Snapshot:
        candidate = mapped.candidate
        return Snapshot(
            external_id=mapped.external_id,
            # An impossible fingerprint: the next poll maps the record whatever its content is.
            fingerprint=b"" if mapped.provisional else mapped.fingerprint,
            digest=digest,
            candidate=None if candidate is None else without_own(candidate, self.own_field),
            applications=[without_own(a, self.own_field) for a in mapped.applications],
            mapping_version=self.facts.mapping_version,
            seen_at=now,
        )

    def _was_shown_newer(self, fresh: Snapshot, old: Snapshot) -> bool:
        now, before = changed_at(fresh), changed_at(old)
        if now is None or before is None or before <= now:
            return False
        return old.seen_at >= self.walk_began_at or fresh.external_id in self.shown

    async def _before(
        self, prepared: PreparedPage, after: Sequence[Snapshot]
    ) -> dict[str, Snapshot]:
        """Returns the snapshots of the records, or those of another list that they come from."""
        name, ids = self.facts.name, [s.external_id for s in after]
        stored = [e for e in ids if e in prepared.known or e in prepared.shown_before]
        loaded = await self.snapshots.load(name, stored) if stored else []
        before = {s.external_id: s for s in loaded}
        new = [e for e in ids if e not in before]
        if not self.peers or not new:
            return before
        moved = [s for peer in self.peers for s in await self.snapshots.load(peer, new)]
        return before | {s.external_id: s for s in sorted(moved, key=lambda s: s.seen_at)}

    async def _siblings(self, after: Sequence[Snapshot]) -> Sequence[Snapshot]:
        """Returns the snapshots of every record of the list that holds one of these candidates."""
        if self.facts.holds == "candidates":
            return []
        owners = owners_of(after)
        return await self.snapshots.load_by_candidate(self.facts.name, owners) if owners else []


def _completed(snapshot: Snapshot, mapped: Mapped, old: Snapshot) -> Snapshot:
    """Fills in, from the old snapshot, the fields that could not be read now."""
    if mapped.failed_fields:
        snapshot = keep_fields(snapshot, old, mapped.failed_fields)
    return keep_missing(snapshot, old) if mapped.provisional else snapshot
