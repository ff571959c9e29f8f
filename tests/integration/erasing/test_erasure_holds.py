"""A legal hold and an erasure at the same moment: whichever comes second finds the other."""

import pytest

from daemon.core.erasure import PersonIds
from daemon.erasing.requests import PersonRequest
from models.errors import UserError
from tests.support.canary import ACME, EMAIL, PERSON
from tests.support.erasing import Erasing
from tests.support.importing import ImportBench

pytestmark = pytest.mark.mongo
BY_EMAIL = PersonRequest(email=EMAIL)


async def is_held_and_there(bench: ImportBench) -> bool:
    await bench.poll(sweep=True)
    held = await bench.mongo.own.legal_holds.count_documents({"external_id": PERSON})
    return held == await bench.count("candidates", external_id=PERSON) == 1


async def test_a_hold_that_is_set_after_the_plan_stops_the_erasure(
    bench: ImportBench, its: Erasing
) -> None:
    planned = await its.requests().plan(BY_EMAIL)
    assert planned is not None
    await its.requests().hold(BY_EMAIL, "file 12")

    with pytest.raises(UserError, match="a legal hold has just been set"):
        await its.erasures.erase(planned)

    assert await is_held_and_there(bench)
    [receipt] = await bench.mongo.own.erasures.find().to_list()
    assert (receipt["state"], receipt["hashes"], receipt["subject"]) == ("finished", [], None)
    await its.requests().release(BY_EMAIL)
    assert (await its.requests().erase(BY_EMAIL)) is not None
    assert not await is_held_and_there(bench)


async def test_a_hold_that_is_set_while_an_erasure_is_under_way_says_so(
    bench: ImportBench, its: Erasing
) -> None:
    planned = await its.requests().plan(BY_EMAIL)
    assert planned is not None
    await its.receipts.request(planned)

    with pytest.raises(UserError, match="an erasure of this person is under way"):
        await its.requests().hold(BY_EMAIL, "file 12")

    assert await its.erasures.finish_interrupted() == 1
    assert await is_held_and_there(bench)


async def test_a_removal_that_has_begun_is_completed(bench: ImportBench, its: Erasing) -> None:
    planned = await its.requests().plan(BY_EMAIL)
    assert planned is not None
    await its.receipts.request(planned)
    await its.receipts.note_cleared(planned.id)
    with pytest.raises(UserError, match="an erasure of this person is under way"):
        await its.requests().hold(BY_EMAIL, "file 12")

    await its.erasures.finish_interrupted()

    assert await bench.mongo.own.legal_holds.count_documents({}) == 0
    assert await bench.count("candidates", external_id=PERSON) == 0


@pytest.mark.parametrize("reason", ["retention", "deleted", "anonymised"])
async def test_what_is_erased_by_itself_goes_on_without_the_one_who_is_held_meanwhile(
    bench: ImportBench, its: Erasing, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    request = its.receipts.request

    async def held_just_before(receipt: object) -> None:
        await its.requests().hold(BY_EMAIL, "file 12")
        await request(receipt)  # type: ignore[arg-type]

    monkeypatch.setattr(type(its.receipts), "request", lambda _, receipt: held_just_before(receipt))

    erased = await its.erasures.erase_deleted(
        PersonIds(ACME, frozenset({PERSON})),
        reason=reason,  # type: ignore[arg-type]
    )

    assert erased == 0
    assert await is_held_and_there(bench)
