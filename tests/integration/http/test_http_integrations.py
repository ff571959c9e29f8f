"""Integrations are added, changed and removed over HTTP, and their secrets stay secret."""

from typing import Any

import pytest

from daemon.store.connection import Mongo
from models.documents import IntegrationSettings
from tests.support.http_port import Serve
from tests.support.sample_rows import a_push, an_integration

pytestmark = pytest.mark.mongo
PATH = "/api/v1/integrations"
ACME = {
    "name": "acme",
    "connector": "lever",
    "endpoint": "http://127.0.0.1:9/v1",
    "credentials": {"api_key": "CANARY-KEY"},
    "poll": {"every": "7m"},
}


async def test_an_integration_is_added_with_its_secrets_encrypted(
    serve: Serve, opened: Mongo
) -> None:
    client = await serve()

    async with client.post(PATH, json=ACME) as answer:
        added, headers = await answer.json(), answer.headers
    row = await opened.own.ats_integration_settings.find_one({"name": "acme"})
    async with client.get(f"{PATH}/acme") as answer:
        shown, tag = await answer.text(), answer.headers["ETag"]

    assert answer.status == 200
    assert added == {"integration": "acme", "managed_by": "database", "revision": 1}
    assert (headers["Location"], headers["ETag"], tag) == (f"{PATH}/acme", '"1"', '"1"')
    assert row is not None
    IntegrationSettings.model_validate(row)
    assert (row["managed_by"], row["state"], row["connector"]) == ("database", "active", "lever")
    assert row["api_key"]["encrypted"]
    assert row["stored"]["content"]["poll"] == {"every": "7m"}
    assert "CANARY" not in repr(row)
    assert "CANARY" not in shown


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"connector": "levr"}, "/connector", "lever"),
    ({"poll": {"evry": "7m"}}, "/poll/evry", "every"),
    ({"poll": {"every": "often"}}, "/poll/every", "duration"),
    ({"credentials": {}}, "/credentials/api_key", "is required"),
    ({"credentials": {"api_key": "${env:HOME}"}}, "/credentials/api_key", "references"),
    ({"endpoint": "${file:/etc/passwd}"}, "/endpoint", "references"),
    ({"token_file": "/tmp/x"}, "/token_file", "YAML file"),
    ({"statuses": {"offer": ["A"], "interview": ["A"]}}, "/statuses/interview/0", ""),
    ({"name": "Not a slug"}, "", ""),
    ({"name": 7}, "/name", "text"),
]


@pytest.mark.parametrize(("change", "pointer", "says"), WRONG, ids=lambda part: str(part)[:40])
async def test_each_mistake_is_named_by_its_pointer_and_nothing_is_stored(
    serve: Serve, opened: Mongo, change: dict[str, Any], pointer: str, says: str
) -> None:
    client = await serve()

    async with client.post(PATH, json={**ACME, **change}) as answer:
        status, text = answer.status, await answer.text()
        problem = await answer.json(content_type="application/problem+json")

    found = {one["pointer"]: one["message"] for one in problem["problems"]}
    assert status == 422
    assert pointer in found, found
    assert says in found[pointer]
    assert "CANARY" not in text
    assert await opened.own.ats_integration_settings.count_documents({}) == 0


async def test_a_change_merges_and_has_regard_to_the_revision(serve: Serve, opened: Mongo) -> None:
    client = await serve()
    async with client.post(PATH, json=ACME):
        pass
    statuses = []

    for patch, tag in [
        ({"poll": {"every": "9m"}}, '"1"'),
        ({"poll": {"every": "1m"}}, '"1"'),
        ({"poll": {"every": "1m"}}, "nonsense"),
        ({"endpoint": None, "credentials": {"api_key": "CANARY-2"}}, None),
        ({"connector": None}, None),
    ]:
        headers = {} if tag is None else {"If-Match": tag}
        async with client.patch(f"{PATH}/acme", json=patch, headers=headers) as answer:
            statuses.append(answer.status)
    row = await opened.own.ats_integration_settings.find_one({"name": "acme"})

    assert statuses == [200, 412, 400, 200, 422]
    assert row is not None
    assert row["stored"]["revision"] == 3
    assert row["stored"]["content"] == {"connector": "lever", "poll": {"every": "9m"}}
    assert row["api_endpoint"] == "https://api.lever.co/v1"
    assert "CANARY" not in repr(row)


async def test_a_name_is_taken_by_the_file_and_by_one_that_was_added(
    serve: Serve, opened: Mongo
) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("beta"))
    client = await serve()
    told = {}

    for name in ("acme", "acme", "beta"):
        async with client.post(PATH, json={**ACME, "name": name}) as answer:
            problem = await answer.json(content_type=None)
            told[name] = (answer.status, problem.get("title", ""))
    for method in ("PATCH", "DELETE"):
        async with client.request(method, f"{PATH}/beta", json={}) as answer:
            told[method] = (answer.status, "")

    assert told["acme"][0] == told["beta"][0] == 409
    assert "the file wins" in told["beta"][1]
    assert told["PATCH"][0] == told["DELETE"][0] == 404


async def test_a_removed_integration_keeps_its_data_unless_they_are_to_go(
    serve: Serve, opened: Mongo
) -> None:
    client = await serve()
    async with client.post(PATH, json=ACME):
        pass
    await opened.own.status_outbox.insert_many([a_push("acme", "a1"), a_push("beta", "a1")])

    async with client.delete(f"{PATH}/acme") as answer:
        first = await answer.json()
    kept = await opened.own.status_outbox.count_documents({})
    row = await opened.own.ats_integration_settings.find_one({"name": "acme"})
    async with client.delete(f"{PATH}/acme", params={"purge": "true"}) as answer:
        second = await answer.json()
    left = [push["external_id"] for push in await opened.own.status_outbox.find().to_list()]

    assert first == {"integration": "acme", "removed": True, "purged": 0}
    assert kept == 2
    assert row is not None
    assert (row["state"], row["stored"], row["credentials"]) == ("disabled", None, {})
    assert second["purged"] >= 2
    assert left == ["a1"]
    assert await opened.own.ats_integration_settings.find_one({"name": "acme"}) is None


async def test_an_ats_that_cannot_be_asked_is_a_problem_of_its_own(
    serve: Serve, opened: Mongo
) -> None:
    client = await serve()

    async with client.post(PATH, json=ACME, params={"dry_run": "true"}) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == 502
    assert "no ATS is asked here" in problem["detail"]
    assert await opened.own.ats_integration_settings.count_documents({}) == 0
