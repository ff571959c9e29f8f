"""An ATS in memory with the `Connector` protocol: listings, cursors, edits between pages, faults.

It plays two shapes: `split` (candidates and applications in lists of their own) and `joined` (one
record holds a candidate and one application, and a person may be in several records).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import xxhash

from connectors.errors import AtsError, CursorRefused, NotSupported, Unavailable
from connectors.read.page_iterator import parts_of
from connectors.values import (
    ApplicationRef,
    Capabilities,
    DetailFacts,
    ListFacts,
    Mapped,
    MappingFailed,
    Page,
    PushPlan,
    PushTarget,
    RawRecord,
    ReadIssue,
    RecordDetails,
    Step,
    Window,
)
from models.candidate import ApplicationRecord, AtsRef
from models.status import ApplicationStatus
from models.times import EPOCH
from tests.support.records import empty_application, empty_candidate
from tests.support.without_files import WithoutFiles

START = datetime(2026, 1, 1, tzinfo=UTC)
_IN_DETAILS = frozenset({"tags", "answers", "files"})
"""What no list shows of a row."""


@dataclass(slots=True)
class Row:
    """One record of one list, as the ATS holds it."""

    external_id: str
    fields: dict[str, Any]
    updated_at: datetime | None
    noise: int = 0
    """Something in the record that no mapping looks at."""


@dataclass(slots=True)
class FakeAts:
    """The account. Time is its own: `skew` is what its clock is off by."""

    now: datetime = START
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """External ids whose records cannot be mapped."""

    def tick(self, seconds: float = 1.0) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def put(
        self, list_name: str, external_id: str, *, stamp: datetime | None = None, **fields: Any
    ) -> Row:
        known = self.rows.setdefault(list_name, {}).get(external_id)
        row = known or Row(external_id, {}, None)
        row.fields |= fields
        row.updated_at = stamp or self.now
        self.rows[list_name][external_id] = row
        return row

    def drop(self, list_name: str, external_id: str) -> None:
        self.rows[list_name].pop(external_id, None)


@dataclass(slots=True)
class FakeConnector(WithoutFiles):
    """Reads a FakeAts the way a well-behaved engine would."""

    ats: FakeAts
    shape: str = "split"
    page_size: int = 3
    part_size: int = 1_000
    """A page of more records comes in parts."""
    integration: str = "acme"
    ats_name: str = "Fake"
    mapping_version: str = "1"
    reads_by_id: bool = True
    requests_sent: int = 0
    on_page: Callable[[str, int], None] | None = None
    """Called after each page, before the next one is read: the moment to edit the account."""
    fail_at: set[tuple[str, int]] = field(default_factory=set)
    refuse_positions: bool = False
    decoded: int = 0
    newest_first: bool = True
    lookups: str = ""
    """What stages are looked up in, as `prepare_mapping` returns it."""
    incremental: bool = True
    """False: each listing is complete."""
    stage_names: dict[str, str] = field(default_factory=dict)
    """Stages that are called otherwise than their status."""
    unreadable: dict[str, AtsError] = field(default_factory=dict)
    """By external id: the error of a read that names it."""
    read: list[str] = field(default_factory=list)
    """External ids of records that were read by id, in their order."""
    detail: DetailFacts | None = None
    """Where it is given, `tags`, `answers` and `files` of a row come as details only."""
    details_read: list[str] = field(default_factory=list)
    """External ids of records whose details were read, in their order."""
    on_details: Callable[[Sequence[str]], None] | None = None
    """Called when details were read, before they are imported."""
    details_wait: Callable[[], Awaitable[None]] | None = None
    """Called before details are read, as a rate limit lets them wait."""

    def with_details(self, *, version: str = "1", swept: bool = False) -> "FakeConnector":
        """Lets tags, answers and files come in the background."""
        names = ["tags", "custom_fields", "attachments"]
        fields = {f"candidate.{name}" for name in names}
        if self.shape == "joined":
            fields.add("application.custom_fields")
        self.detail = DetailFacts(frozenset(fields), version, swept)
        return self

    @property
    def lists(self) -> Sequence[ListFacts]:
        if self.shape == "joined":
            return [self._facts("opportunities", "both")]
        return [
            self._facts("candidates", "candidates"),
            self._facts("applications", "applications"),
        ]

    def _facts(self, name: str, holds: Any) -> ListFacts:
        return ListFacts(
            name=name,
            holds=holds,
            incremental=self.incremental,
            complete_listing_proves_absence=True,
            reads_by_id=self.reads_by_id,
            mapping_version=self.mapping_version,
            detail=None if holds == "applications" else self.detail,
        )

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            moves=False,
            rejects=False,
            unrejects=False,
            hires=False,
            withdraws=False,
            analytics=None,
            reads_application=False,
            guarded_writes=False,
            read_before_write=False,
        )

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None: ...

    def take_issues(self) -> Sequence[ReadIssue]:
        return ()

    async def prepare_mapping(self, list_name: str) -> str:
        return self.lookups

    async def pages(
        self,
        list_name: str,
        window: Window,
        *,
        position: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Page]:
        """Offset paging over an order that edits disturb: rows may move between two pages."""
        if position is not None and self.refuse_positions:
            raise CursorRefused("position expired")
        began = position["began"] if position else self.ats.now
        newest = position["newest"] if position else None
        offset = position["offset"] if position else 0
        since = self._since(window)
        number = offset // self.page_size
        while True:
            if (list_name, number) in self.fail_at:
                self.fail_at.discard((list_name, number))
                raise Unavailable("page failed", status=503)
            rows = [r for r in self._ordered(list_name) if _inside(r, since)]
            chunk = rows[offset : offset + self.page_size]
            self.requests_sent += 1
            for row in chunk:
                if row.updated_at is not None and (newest is None or row.updated_at > newest):
                    newest = row.updated_at
            offset += self.page_size
            last = offset >= len(rows)
            page = Page(
                records=[self._raw(list_name, r) for r in chunk],
                position={"offset": offset, "began": began, "newest": newest},
                last=last,
                next_cursor=self._cursor(window, newest, began) if last else None,
                complete=last and since is None,
                expected_total=len(rows),
            )
            for part in parts_of(page, self.part_size):
                yield part
            if self.on_page is not None:
                self.on_page(list_name, number)
            number += 1
            if last:
                return

    def _since(self, window: Window) -> datetime | None:
        if window.cursor is None:
            return None
        since: datetime = window.cursor["since"]
        return since - window.overlap

    def _cursor(
        self, window: Window, newest: datetime | None, began: datetime
    ) -> dict[str, Any] | None:
        reached = min(newest or EPOCH, began)
        if window.cursor is not None:
            reached = max(reached, window.cursor["since"])
        return {"since": reached}

    def _ordered(self, list_name: str) -> list[Row]:
        rows = sorted(self.ats.rows.get(list_name, {}).values(), key=lambda r: int(r.external_id))
        return rows[::-1] if self.newest_first else rows

    def _raw(self, list_name: str, row: Row) -> RawRecord:
        content = {
            "id": row.external_id,
            "list": list_name,
            "updated_at": row.updated_at,
            "noise": row.noise,
            **{k: v for k, v in row.fields.items() if k not in _IN_DETAILS},
        }
        raw = msgspec.json.encode(content)
        return RawRecord(row.external_id, raw, xxhash.xxh3_128_digest(raw))

    async def map_records(
        self,
        list_name: str,
        records: Sequence[RawRecord],
        *,
        known: Mapping[str, bytes] | None = None,
    ) -> list[Mapped | MappingFailed]:
        self.decoded += len(records)
        return [self._map(list_name, record) for record in records]

    def _map(self, list_name: str, record: RawRecord) -> Mapped | MappingFailed:
        if record.external_id in self.ats.broken:
            return MappingFailed(record.external_id, "id 7: not an object")
        row = msgspec.json.decode(record.raw)
        updated = row["updated_at"] and datetime.fromisoformat(row["updated_at"])
        candidate = None
        if list_name != "applications":
            candidate = empty_candidate(row.get("person", row["id"]))
            candidate["first_name"] = row.get("name")
            candidate["company"] = row.get("company")
            candidate["custom_fields"] = row.get("custom", {})
            candidate["external_updated_at"] = updated
        applications: tuple[ApplicationRecord, ...] = ()
        if list_name != "candidates":
            applications = (_application(row, updated, self.stage_names),)
        return Mapped(
            external_id=record.external_id,
            fingerprint=xxhash.xxh3_128_digest(record.raw),
            candidate=candidate,
            applications=applications,
            filled=frozenset(k for k, v in row.items() if v),
        )

    async def fetch(
        self, list_name: str, external_ids: Sequence[str]
    ) -> Mapping[str, RawRecord | None]:
        self.requests_sent += 1
        for external_id in external_ids:
            if external_id in self.unreadable:
                raise self.unreadable[external_id]
        self.read += external_ids
        rows = self.ats.rows.get(list_name, {})
        return {e: self._raw(list_name, rows[e]) if e in rows else None for e in external_ids}

    async def read_details(
        self,
        list_name: str,
        external_ids: Sequence[str],
        jobs: Any = None,
    ) -> Mapping[str, RecordDetails | MappingFailed | None]:
        if self.details_wait is not None:
            await self.details_wait()
        self.requests_sent += len(external_ids)
        self.details_read += external_ids
        answers = {e: self._details(list_name, e) for e in external_ids}
        if self.on_details is not None:
            self.on_details(external_ids)
        return answers

    def _details(self, list_name: str, external_id: str) -> RecordDetails | MappingFailed | None:
        row = self.ats.rows.get(list_name, {}).get(external_id)
        error = self.unreadable.get(external_id)
        if error is not None:
            return MappingFailed(external_id, str(error))
        if row is None:
            return None
        file = {"name": "CV.pdf", "kind": "resume", "url": None, "url_expires_at": None}
        files = [{"external_id": each, **file} for each in row.fields.get("files", [])]
        answers = row.fields.get("answers", {})
        candidate = {"tags": row.fields.get("tags", []), "custom_fields": answers}
        return RecordDetails(
            external_id,
            {**candidate, "attachments": files},
            {"custom_fields": answers} if self.shape == "joined" else {},
        )

    async def read_application(self, ref: ApplicationRef) -> ApplicationRecord | None:
        raise NotSupported("reading one application")

    async def plan_push(
        self,
        ref: ApplicationRef,
        current: ApplicationRecord,
        target: PushTarget,
        *,
        refresh: bool = False,
    ) -> PushPlan:
        raise NotSupported("pushes")

    async def perform(self, step: Step) -> None:
        raise NotSupported("pushes")

    async def add_note(self, ref: ApplicationRef, text: str) -> None:
        raise NotSupported("notes")

    async def acting_user_problem(self) -> str | None:
        return None

    async def stages(self) -> list[Any]:
        return []

    async def send_report(self, report: Mapping[str, Any], *, period_key: str) -> None:
        raise NotSupported("analytics")

    async def send_value(self, ref: ApplicationRef, value: str, *, field_name: str) -> None:
        raise NotSupported("analytics")


def _application(
    row: Mapping[str, Any], updated: datetime | None, stage_names: Mapping[str, str]
) -> ApplicationRecord:
    application = empty_application(row["id"], row.get("person", row["id"]))
    status = row.get("status", "new")
    application["status"] = ApplicationStatus(status)
    application["stage"] = AtsRef(external_id=None, name=stage_names.get(status, status))
    application["external_updated_at"] = updated
    return application


def _inside(row: Row, since: datetime | None) -> bool:
    return since is None or (row.updated_at is not None and row.updated_at >= since)


def ids(count: int, start: int = 1) -> Iterator[str]:
    """External ids that sort as numbers."""
    return (str(n) for n in range(start, start + count))
