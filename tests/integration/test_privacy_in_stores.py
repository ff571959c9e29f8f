"""What an integration's `privacy` keeps out is in no collection, nor what was there before after the next poll."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import uuid4

import pytest
from pydantic import SecretStr

from config.operator import Privacy
from connectors.read.privacy import PrivacyFilter
from connectors.simulator import Simulator, create_simulator, greenhouse_rows
from daemon.core.import_log import ChangeLine, without_former
from daemon.store.connection import Mongo
from daemon.store.import_history import MongoImportHistory
from models.ids import integration_id
from tests.support.ats import connect
from tests.support.fake_ats import START, FakeConnector
from tests.support.importing import ImportBench
from tests.support.mongo import stored_names
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo
ACME = integration_id("acme")
PRIVACY = Privacy(
    drop=["phones", "addresses", "last_name"], hash=["emails"], key=SecretStr("a key of hashes")
)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    account = create_simulator("greenhouse", candidates=6, unlimited=True)
    await account.start()
    yield account
    await account.stop()


async def everything(mongo: Mongo) -> str:
    """Every document of both databases, as text."""
    found = []
    for database in (mongo.own, mongo.clearview):
        for name in await stored_names(database):
            found += await database[name].find().to_list()
    return str(found)


def nothing(_part: str, _name: str) -> bool:
    return False


def of_people(simulator: Simulator) -> list[str]:
    truth = list(simulator.truth().candidates.values())
    kept_out = [str(one["last_name"]) for one in truth]
    for one in truth:
        for field in ("emails", "phones", "addresses"):
            kept_out += [point["value"] for point in cast("Any", one)[field]]
    return kept_out


async def polled(mongo: Mongo, simulator: Simulator, privacy: Privacy) -> None:
    connector = connect(simulator, privacy=privacy)
    await ImportBench(mongo, cast("FakeConnector", connector), MovingClock(START)).poll(sweep=True)
    await connector.close()


async def test_dropped_and_hashed_values_are_stored_nowhere(
    opened: Mongo, simulator: Simulator
) -> None:
    kept_out = of_people(simulator)
    await polled(opened, simulator, PRIVACY)

    stored = await everything(opened)
    assert len(kept_out) > 12
    assert [value for value in kept_out if value in stored] == []
    assert "hmac:" in stored


async def test_what_was_stored_before_is_gone_after_the_next_poll_also_from_the_history(
    opened: Mongo, simulator: Simulator
) -> None:
    changes = opened.own["candidate_changes"]
    kept_out = of_people(simulator)
    await polled(opened, simulator, Privacy())
    for person in list(simulator.world.people.values()):
        edited = {"phones": ["+49 30 1"], "emails": ["new@example.org"], "title": "Smith"}
        simulator.actions.edit_person(person, edited)
    await polled(opened, simulator, Privacy())
    before = await everything(opened)
    paths = set(await changes.distinct("path"))
    await polled(opened, simulator, PRIVACY)

    stored = await everything(opened)
    assert all(value in before for value in kept_out)
    assert {"phones", "emails", "title"} <= paths
    assert [value for value in (*kept_out, "new@example.org", "+49 30 1") if value in stored] == []
    assert paths <= set(await changes.distinct("path"))
    assert await changes.count_documents({"path": "title", "new": "Smith"}) >= 6


async def test_single_fields_and_those_of_applications_are_cleared_and_no_others(
    opened: Mongo,
) -> None:
    rows = {
        "custom_fields.salary": True,
        "custom_fields.salary.currency": True,
        "custom_fields.salary_range": False,
        "applications.a7.rejection_reason": True,
        "applications.a7.status": False,
        "rejection_reason": False,
    }
    lines = [ChangeLine("c1", None, path, "before", "after") for path in rows]
    for integration in (ACME, integration_id("globex")):
        history = MongoImportHistory(opened, integration)
        await history.record(walk_id=uuid4(), run_id=uuid4(), at=START, lines=[], changes=lines)

    fields = {"candidate.custom_fields.salary", "application.rejection_reason"}
    for _ in range(2):
        await MongoImportHistory(opened, ACME).clear(fields, hides_custom=nothing)

    changes = opened.own["candidate_changes"]
    found = await changes.find({"ats_integration_id": ACME}).to_list()
    assert {row["path"]: row["old"] is None and row["new"] is None for row in found} == rows
    assert await changes.count_documents({"old": None}) == 3


def test_a_value_that_is_hidden_is_followed_by_no_former_one() -> None:
    lines = [ChangeLine("c1", None, path, "in clear", "hmac:1") for path in ("emails", "title")]

    kept = without_former(lines, {"candidate.emails"}, nothing)

    assert [line.old for line in kept] == [None, "in clear"]
    assert without_former(lines, (), nothing) == lines


@pytest.mark.parametrize(
    ("path", "is_kept"),
    [
        ("custom_fields.Gender", False),
        ("custom_fields.Gender.value", False),
        ("applications.7:8.9.custom_fields.VeteranStatus", False),
        ("custom_fields.survey.race", False),
        ("custom_fields.salary", True),
        ("applications.7.status", True),
        ("custom_fields.age", True),
        ("custom_fields.age.unit", True),
    ],
)
def test_a_demographic_value_from_before_is_no_former_one_unless_it_is_asked_for(
    path: str, is_kept: bool
) -> None:
    privacy = PrivacyFilter(Privacy(), {"custom_fields.age": "age"})
    line = ChangeLine("c1", None, path, "in clear", None)

    [kept] = without_former([line], (), privacy.hides_custom)

    assert (kept.old is not None) is is_kept


async def test_demographic_values_are_gone_from_the_history_once_they_are_no_longer_asked_for(
    opened: Mongo, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gender = ("candidate", "gender", "short_text")
    monkeypatch.setattr(greenhouse_rows, "FIELDS", (*greenhouse_rows.FIELDS, gender))
    asked_for = Privacy(demographic=True)
    people = list(simulator.world.people.values())
    for answer in ("CANARY-1", "CANARY-2"):
        for person in people:
            fields = {"gender": answer, "notice_period": f"{answer} weeks"}
            simulator.actions.edit_person(person, {"custom_fields": fields})
        await polled(opened, simulator, asked_for)
    before = await everything(opened)

    await polled(opened, simulator, Privacy())

    assert "'gender': 'CANARY-2'" in before
    stored = await everything(opened)
    assert "CANARY-2 weeks" in stored
    assert [w for w in ("'CANARY-1'", "'CANARY-2'") if w in stored] == []
