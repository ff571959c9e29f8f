"""A person who was erased and applies again with consent is imported again, once an operator lifts the block."""

from datetime import timedelta

import pytest

from daemon.core.erasure import PersonIds
from daemon.erasing.requests import PersonRequest
from daemon.store.connection import Mongo
from models.errors import UserError
from models.ids import integration_id
from tests.support.canary import (
    ACME,
    EMAIL,
    PERSON,
    shows,
    traces,
    values_of,
)
from tests.support.erasing import Erasing
from tests.support.importing import ImportBench
from tests.support.sample_rows import an_integration

pytestmark = pytest.mark.mongo
BY_ID, BY_EMAIL = PersonRequest(candidate=PERSON), PersonRequest(email=EMAIL)


async def is_imported(bench: ImportBench) -> bool:
    await bench.poll(sweep=True)
    return await bench.count("candidates", external_id=PERSON) == 1


@pytest.mark.parametrize("wanted", [BY_ID, BY_EMAIL], ids=["by id", "by address"])
async def test_an_import_brings_the_person_again_and_not_before(
    bench: ImportBench, its: Erasing, wanted: PersonRequest
) -> None:
    receipt = await its.requests().erase(BY_EMAIL)
    refused = not await is_imported(bench)

    lifted = [await its.requests().lift(wanted), await its.requests().lift(wanted)]

    assert receipt is not None
    assert refused
    assert lifted == [1, 0]
    assert await is_imported(bench)
    row = await bench.mongo.own.erasures.find_one({"_id": receipt.id})
    assert row is not None
    assert (row["hashes"], row["lifted_at"]) == ([], bench.clock.now())
    [audited] = await bench.mongo.own.audit_log.find({"action": "erasure.lift"}).to_list()
    assert (audited["subject"], audited["after"]) == (str(receipt.id), {"hashes": 0})
    assert not any(shows(value) for _, value in values_of(audited))


async def test_a_person_can_be_erased_again_afterwards(bench: ImportBench, its: Erasing) -> None:
    await its.requests().erase(BY_EMAIL)
    await its.requests().lift(BY_EMAIL)
    assert await is_imported(bench)

    await its.requests().erase(BY_EMAIL)

    assert not await is_imported(bench)
    assert await traces(bench.mongo) == []
    assert await bench.mongo.own.erasures.count_documents({"lifted_at": None}) == 1


async def test_a_replay_after_a_restore_leaves_the_person_alone(
    bench: ImportBench, its: Erasing, unrestricted: Mongo
) -> None:
    await its.requests().erase(BY_EMAIL)
    backup = await unrestricted.own.erasures.find().to_list()
    await its.requests().lift(BY_EMAIL)
    saved = await its.archive.save()
    assert await is_imported(bench)
    await unrestricted.own.erasures.delete_many({})
    await unrestricted.own.erasures.insert_many(backup)

    await its.archive.restore(saved)

    assert await its.requests().replay() == 0
    assert await is_imported(bench)


async def test_an_id_that_means_people_of_two_integrations_lifts_neither(
    bench: ImportBench, its: Erasing
) -> None:
    beta = integration_id("beta")
    await bench.mongo.own.ats_integration_settings.insert_one(an_integration("beta"))
    await its.requests().erase(BY_ID)
    namesake = PersonIds(beta, candidates=frozenset({PERSON}))
    await its.erasures.erase(await its.erasures.plan([namesake]))

    with pytest.raises(UserError, match="in each of 2 integrations"):
        await its.requests().lift(BY_ID)

    assert not await is_imported(bench)
    assert await its.requests().lift(PersonRequest(candidate=PERSON, integration=ACME)) == 1
    assert await is_imported(bench)
    assert await bench.mongo.own.erasures.count_documents({"hashes": {"$ne": []}}) == 1


@pytest.mark.parametrize(
    "wanted",
    [BY_ID, BY_EMAIL, PersonRequest(candidate="7730003")],
    ids=["by one id", "by address", "by the other id"],
)
async def test_receipts_of_a_replay_are_lifted_with_the_first_one(
    bench: ImportBench, its: Erasing, unrestricted: Mongo, wanted: PersonRequest
) -> None:
    bench.connector.ats.put("candidates", "7730003", name="Ada", email=EMAIL)
    await bench.poll(sweep=True)
    backup = await bench.mongo.clearview.candidates.find({"external_id": {"$ne": "1"}}).to_list()
    await its.requests().erase(BY_EMAIL)
    await unrestricted.clearview.candidates.insert_many(backup)
    assert await its.requests().replay() == 2

    lifted = await its.requests().lift(wanted)

    assert lifted == 3
    assert await is_imported(bench)
    assert await bench.count("candidates", external_id="7730003") == 1


async def test_a_lift_leaves_another_person_with_the_same_address_erased(
    bench: ImportBench, its: Erasing
) -> None:
    await its.requests().erase(BY_EMAIL)
    bench.connector.ats.put("candidates", "7730009", name="Brother", email="own@example.org")
    await bench.poll(sweep=True)
    brother = PersonIds(ACME, candidates=frozenset({"7730009"}))
    both = frozenset({EMAIL, "own@example.org"})
    await its.erasures.erase(await its.erasures.plan([brother], addresses=both))

    lifted = await its.requests().lift(BY_ID)

    assert lifted == 2
    assert await is_imported(bench)
    assert await bench.count("candidates", external_id="7730009") == 0
    assert await bench.mongo.own.erasures.count_documents({"lifted_at": None}) == 1


async def test_what_was_lifted_of_a_receipt_stays_lifted_after_a_restore(
    bench: ImportBench, its: Erasing, unrestricted: Mongo
) -> None:
    await its.requests().erase(BY_EMAIL)
    before, older = await unrestricted.own.erasures.find().to_list(), await its.archive.save()
    await its.requests().lift(BY_ID)
    newer = await its.archive.save()

    async def blocked_after(*archives: bytes) -> bool:
        await unrestricted.own.erasures.delete_many({})
        await unrestricted.own.erasures.insert_many(before)
        for archive in archives:
            await its.archive.restore(archive)
        return not await is_imported(bench)

    assert await blocked_after(older)
    assert not await blocked_after(newer)
    bench.clock.advance(timedelta(seconds=1))
    await its.requests().erase(BY_EMAIL)
    again = await unrestricted.own.erasures.find().to_list()
    await its.archive.restore(newer)
    assert await unrestricted.own.erasures.find().to_list() == again


async def a_moment_later(bench: ImportBench) -> None:
    bench.clock.advance(timedelta(seconds=10))


async def test_receipts_that_were_saved_before_a_later_erasure_lift_it_not(
    bench: ImportBench, its: Erasing
) -> None:
    await its.requests().erase(BY_EMAIL)
    await its.requests().lift(BY_EMAIL)
    saved = await its.archive.save()
    await a_moment_later(bench)
    assert await is_imported(bench)
    await its.requests().erase(BY_EMAIL)

    await its.archive.restore(saved)

    assert not await is_imported(bench)


async def test_receipts_that_were_saved_after_a_later_erasure_refuse_again_whom_a_backup_let_in(
    bench: ImportBench, its: Erasing, unrestricted: Mongo
) -> None:
    await its.requests().erase(BY_EMAIL)
    await its.requests().lift(BY_EMAIL)
    await a_moment_later(bench)
    assert await is_imported(bench)
    backup = await unrestricted.own.erasures.find().to_list()
    await its.requests().erase(BY_EMAIL)
    saved = await its.archive.save()
    await unrestricted.own.erasures.delete_many({})
    await unrestricted.own.erasures.insert_many(backup)

    await its.archive.restore(saved)

    assert not await is_imported(bench)


async def test_receipts_that_have_grown_since_a_backup_refuse_the_new_id_as_well(
    bench: ImportBench, its: Erasing, unrestricted: Mongo
) -> None:
    await its.requests().erase(BY_EMAIL)
    backup = await unrestricted.own.erasures.find().to_list()
    bench.connector.ats.put("candidates", "7730003", name="Ada", email=EMAIL)
    await bench.poll(sweep=True)
    saved = await its.archive.save()
    await unrestricted.own.erasures.delete_many({})
    await unrestricted.own.erasures.insert_many(backup)

    await its.archive.restore(saved)

    bench.connector.ats.put("applications", "7730004", person="7730003", status="new")
    bench.connector.ats.put("candidates", "7730003", email=None)
    await bench.poll(sweep=True)
    assert await bench.count("applications", external_id="7730004") == 0
