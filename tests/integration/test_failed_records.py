"""Records whose import failed wait longer and longer, and are given up after a day or so."""

from datetime import timedelta
from uuid import uuid4

import pytest

from daemon.store.connection import Mongo
from daemon.store.failed_records import MongoFailedRecords
from tests.support.moving_clock import START

pytestmark = pytest.mark.mongo


@pytest.fixture
def failed(opened: Mongo) -> tuple[MongoFailedRecords, Mongo]:
    return MongoFailedRecords(opened, uuid4()), opened


async def test_a_record_seen_every_few_seconds_is_tried_by_its_schedule_all_the_same(
    failed: tuple[MongoFailedRecords, Mongo],
) -> None:
    records, opened = failed
    for seconds in range(0, 120, 10):
        await records.add("people", "p1", error="E", now=START + timedelta(seconds=seconds))

    row = await opened.own.failed_records.find_one()
    assert row is not None
    assert (row["attempts"], row["state"]) == (2, "retrying")
    assert row["next_attempt_at"] == START + timedelta(minutes=3)


async def test_it_is_given_up_after_ten_tries_that_took_hours(
    failed: tuple[MongoFailedRecords, Mongo],
) -> None:
    records, opened = failed
    now, dead = START, False
    while not dead:
        dead = await records.add("people", "p1", error="E", now=now)
        row = await opened.own.failed_records.find_one() or {}
        now = row["next_attempt_at"] or now

    assert row["attempts"] == 10
    assert now - START > timedelta(hours=8)
    assert await records.dead() == 1


async def test_a_moment_that_a_wrong_clock_wrote_keeps_no_record_waiting(
    failed: tuple[MongoFailedRecords, Mongo], unrestricted: Mongo
) -> None:
    records, opened = failed
    for name in ("an hour ahead", "a year ahead", "null", "a text"):
        await records.add("people", name, error="E", now=START)
    for name, moment in (
        ("an hour ahead", START + timedelta(hours=1)),
        ("a year ahead", START + timedelta(days=366)),
        ("null", None),
        ("a text", "2099-01-01"),
    ):
        await unrestricted.own.get_collection("failed_records").update_one(
            {"external_id": name},
            {"$set": {"next_attempt_at": moment}},
            bypass_document_validation=True,
        )

    due = set(await records.due("people", START))
    failures = dict.fromkeys(("an hour ahead", "a year ahead", "null", "a text"), "E")
    waiting = await records.waiting("people", failures, now=START)
    await records.add("people", "a year ahead", error="E", now=START)

    row = await opened.own.failed_records.find_one({"external_id": "a year ahead"})
    assert due == {"a year ahead", "null", "a text"}
    assert waiting == {"an hour ahead"}
    assert row is not None
    assert (row["attempts"], row["next_attempt_at"]) == (2, START + timedelta(minutes=2))
