"""A page as large as an answer may be: the work for it grows with its records, and other work goes on."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, cast

import pytest

from connectors.values import DetailFacts, ListFacts, Mapped
from daemon.core.snapshot import Snapshot
from daemon.importing.comparison import RecordComparison
from tests.support.moving_clock import MovingClock
from tests.support.records import empty_candidate

RECORDS = 3_000
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class StoredPage:
    """Snapshots of the same records, as `daemon.ports.imports.Snapshots`."""

    async def load(self, _list: str, external_ids: Sequence[str]) -> list[Snapshot]:
        return [_stored(one) for one in external_ids]

    async def load_by_candidate(self, _list: str, owners: Sequence[str]) -> list[Snapshot]:
        return [_stored(one) for one in owners]


class LargePage:
    """As much of a `PreparedPage` as a comparison reads."""

    changed = tuple(
        (Mapped(str(n), b"new", empty_candidate(str(n)), ()), b"digest") for n in range(RECORDS)
    )
    known = frozenset(str(n) for n in range(RECORDS))
    shown_before = returned = frozenset[str]()


def _stored(external_id: str) -> Snapshot:
    return Snapshot(external_id, b"old", b"old", empty_candidate(external_id), (), "1", LONG_AGO)


@pytest.mark.parametrize(
    ("holds", "detail"),
    [
        ("candidates", None),
        ("both", None),
        ("both", DetailFacts(frozenset({"candidate.tags"}), "1", swept=False)),
    ],
    ids=["candidates", "with applications", "with applications and details"],
)
async def test_comparing_a_page_takes_a_few_steps_a_record_and_lets_others_work(
    monkeypatch: pytest.MonkeyPatch,
    holds: Literal["candidates", "both"],
    detail: DetailFacts | None,
) -> None:
    steps, turns = 0, 0
    owner_of = vars(Snapshot)["owner"].fget

    def counted(snapshot: Snapshot) -> str | None:
        nonlocal steps
        steps += 1
        return cast("str | None", owner_of(snapshot))

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(Snapshot, "owner", property(counted))
    facts = ListFacts("people", holds, True, True, True, "1", detail=detail)
    stored: Any = StoredPage()
    page: Any = LargePage()
    other = asyncio.create_task(other_work())

    changes = await RecordComparison(facts, stored, MovingClock()).compare(page)
    other.cancel()

    assert len(changes) == RECORDS
    assert steps <= 6 * RECORDS
    assert turns >= RECORDS / 200
