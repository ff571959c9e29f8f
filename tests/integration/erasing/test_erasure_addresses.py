"""An address is found in whatever spelling it is stored, and refused in whatever spelling it comes back."""

import unicodedata

import pytest

from daemon.erasing.requests import PersonRequest
from daemon.store.connection import Mongo
from tests.support.canary import CanaryConnector
from tests.support.erasing import erasing
from tests.support.fake_ats import FakeAts
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock
from tests.support.sample_rows import an_integration

pytestmark = pytest.mark.mongo
COMPOSED = "jos\u00e9@example.org"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        (DECOMPOSED, COMPOSED),
        (COMPOSED.upper(), DECOMPOSED),
        ("Stra\u00dfe@example.org", "strasse@example.org"),
        ("\u0130lker@example.org", "\u0130LKER@EXAMPLE.org"),
        ("\u00a0ada@example.org\u2003", "Ada@example.org"),
        ("\x1fada@example.org", "ada@example.org"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("where", ["clearview", "snapshot", "history"])
async def test_every_spelling_of_an_address_is_one_person(
    opened: Mongo, where: str, stored: str, asked: str
) -> None:
    ats = FakeAts()
    bench = ImportBench(opened, CanaryConnector(ats), MovingClock())
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    requests = erasing(opened, bench.clock).requests()
    for address in [stored, *(["second@example.org", "third@example.org"] * (where == "history"))]:
        ats.tick()
        ats.put("candidates", "5", name="Ada", email=address)
        await bench.poll()
    if where == "snapshot":
        await opened.clearview.candidates.delete_many({})

    receipt = await requests.erase(PersonRequest(email=asked))
    ats.put("candidates", "6", name="Ada", email=stored)
    await bench.poll(sweep=True)

    assert receipt is not None
    assert receipt.candidates == 1
    assert await bench.rows("candidates") == []
    assert await requests.lift(PersonRequest(email=asked)) == 1


async def test_an_address_with_a_tag_is_another_one(opened: Mongo) -> None:
    ats = FakeAts()
    bench = ImportBench(opened, CanaryConnector(ats), MovingClock())
    ats.put("candidates", "5", name="Ada", email="ada+jobs@example.org")
    await bench.poll()
    requests = erasing(opened, bench.clock).requests()

    assert await requests.erase(PersonRequest(email="ada@example.org")) is None
    assert await requests.erase(PersonRequest(email="ADA+jobs@example.org")) is not None
