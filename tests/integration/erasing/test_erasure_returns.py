"""An erased person who is at the ATS under another id, or merged with someone else."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from daemon.erasing.requests import PersonRequest
from daemon.store.connection import Mongo
from models.ids import application_id, candidate_id
from tests.support.canary import (
    ACME,
    APPLICATION,
    EMAIL,
    FIELDS,
    PERSON,
    CanaryConnector,
    an_ats,
    documents,
    traces,
    values_of,
)
from tests.support.erasing import Erasing, erasing
from tests.support.fake_ats import FakeAts
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock
from tests.support.sample_rows import an_integration

pytestmark = pytest.mark.mongo
BY_EMAIL = PersonRequest(email=EMAIL)
AGAIN, APPLIED_AGAIN = "7730009", "7730010"
Step = tuple[str, str, Mapping[str, Any]]
OTHER_ADDRESS = {**FIELDS, "email": "other@example.org"}
NO_ADDRESS = {**FIELDS, "email": None}


async def left_of(mongo: Mongo, *external_ids: str) -> list[tuple[str, str, Any]]:
    """Every stored value that has one of the ids, or ClearView's id of it."""
    ours: set[UUID] = {of(ACME, e) for e in external_ids for of in (candidate_id, application_id)}
    return [
        (name, path, value)
        for name, row in await documents(mongo)
        for path, value in values_of(row)
        if value in ours or (isinstance(value, str) and any(e in value for e in external_ids))
    ]


async def comes_back(bench: ImportBench, *steps: Step) -> None:
    for list_name, external_id, fields in steps:
        bench.connector.ats.tick()
        bench.connector.ats.put(list_name, external_id, **fields)
        await bench.poll()
    await bench.poll(sweep=True)
    await bench.poll(sweep=True)


APPLIES = ("applications", APPLIED_AGAIN, {"person": AGAIN, "status": "new"})


@pytest.mark.parametrize(
    "steps",
    [
        [("candidates", AGAIN, FIELDS), APPLIES],
        [APPLIES, ("candidates", AGAIN, FIELDS)],
        [("candidates", AGAIN, NO_ADDRESS), APPLIES, ("candidates", AGAIN, FIELDS)],
        [("candidates", AGAIN, OTHER_ADDRESS), APPLIES, ("candidates", AGAIN, FIELDS)],
    ],
    ids=["the person first", "the application first", "the address last", "another address first"],
)
async def test_nothing_of_one_who_is_known_by_the_address_stays_in_any_list(
    bench: ImportBench, its: Erasing, steps: list[Step]
) -> None:
    await its.requests().erase(BY_EMAIL)

    await comes_back(bench, *steps)

    assert await left_of(bench.mongo, AGAIN, APPLIED_AGAIN) == []
    assert await traces(bench.mongo) == []
    assert await its.requests().lift(BY_EMAIL) == 1
    await bench.poll(sweep=True)
    assert await bench.count("candidates", external_id=AGAIN) == 1
    assert await bench.count("applications", external_id=APPLIED_AGAIN) == 1


async def test_one_under_a_legal_hold_who_gets_an_erased_address_stays(
    bench: ImportBench, its: Erasing
) -> None:
    await its.requests().erase(BY_EMAIL)
    await comes_back(bench, ("candidates", AGAIN, OTHER_ADDRESS))
    await its.requests().hold(PersonRequest(candidate=AGAIN), "file 12")

    await comes_back(bench, ("candidates", AGAIN, FIELDS))

    assert await bench.count("candidates", external_id=AGAIN) == 1


def merged_in_two_lists() -> CanaryConnector:
    return CanaryConnector(an_ats())


def merged_in_one_list() -> CanaryConnector:
    ats = FakeAts()
    ats.put("opportunities", APPLICATION, person=PERSON, status="new", **FIELDS)
    grace: dict[str, Any] = {"name": "Grace", "email": "grace@example.org"}
    ats.put("opportunities", "2", person="1", status="new", **grace)
    return CanaryConnector(ats, shape="joined")


@pytest.mark.parametrize("make", [merged_in_two_lists, merged_in_one_list])
@pytest.mark.parametrize("wanted", [BY_EMAIL, PersonRequest(candidate=PERSON)])
async def test_what_a_merge_gave_to_someone_else_stays_and_names_the_person_no_more(
    opened: Mongo, make: Any, wanted: PersonRequest
) -> None:
    bench = ImportBench(opened, make(), MovingClock())
    bench.ruled(max_percent=100.0)
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    await bench.poll(sweep=True)
    ats = bench.connector.ats
    ats.tick()
    if bench.connector.shape == "joined":
        ats.rows["opportunities"][APPLICATION].fields.clear()
        grace: dict[str, Any] = {"name": "Grace", "email": "grace@example.org"}
        ats.put("opportunities", APPLICATION, person="1", status="new", **grace)
    else:
        ats.put("applications", APPLICATION, person="1", status="new")
        ats.drop("candidates", PERSON)
    await bench.poll()

    receipt = await erasing(opened, bench.clock).requests().erase(wanted)
    after = [await bench.count("applications", external_id=APPLICATION)]
    ats.tick()
    ats.put(
        "applications" if bench.connector.shape == "split" else "opportunities",
        APPLICATION,
        status="offer",
    )
    await bench.poll(sweep=True)

    assert receipt is not None
    [application] = await bench.rows("applications", external_id=APPLICATION)
    assert after == [1]
    assert (application["candidate_id"], application["status"]) == (
        candidate_id(ACME, "1"),
        "offer",
    )
    assert await left_of(bench.mongo, PERSON) == []
    shown = {value for _, _, value in await traces(bench.mongo)}
    assert not any("canary" in str(value).lower() for value in shown)


async def test_what_a_merge_gave_to_the_person_is_erased_as_well(
    bench: ImportBench, its: Erasing
) -> None:
    ats = bench.connector.ats
    ats.tick()
    ats.put("applications", "2", person=PERSON, status="new")
    await bench.poll()

    await its.requests().erase(BY_EMAIL)
    await bench.poll(sweep=True)

    assert await bench.count("applications") == 0
    assert [row["external_id"] for row in await bench.rows("candidates")] == ["1"]
    assert await traces(bench.mongo) == []
