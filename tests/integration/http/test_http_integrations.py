"""Integrations are added, changed and removed over HTTP, and their secrets stay secret."""

import asyncio
from typing import Any

import pytest

from connectors.errors import AuthRefused
from daemon.runtime.checked_config import CheckedConfig
from daemon.runtime.integration_admin import Trial
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
    ({"name": "Not a slug"}, "/name", "small letters"),
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
    answers = {}

    for name in ("acme", "acme", "beta"):
        async with client.post(PATH, json={**ACME, "name": name}) as answer:
            problem = await answer.json(content_type=None)
            answers[name] = (answer.status, problem.get("title", ""))
    for method in ("PATCH", "DELETE"):
        async with client.request(method, f"{PATH}/beta", json={}) as answer:
            answers[method] = (answer.status, "")

    assert answers["acme"][0] == answers["beta"][0] == 409
    assert "the file wins" in answers["beta"][1]
    assert answers["PATCH"][0] == answers["DELETE"][0] == 404


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


async def _trial(checked: CheckedConfig, name: str) -> Trial:
    every = checked.loaded.value.integrations[name].poll.every
    return Trial("Lever", ["Offer"], [], [f"polled every {every}"])


async def _refused(_checked: CheckedConfig, _name: str) -> Trial:
    raise AuthRefused("check: the ATS refused the credential")


async def test_a_dry_run_of_a_change_shows_what_it_comes_to_and_stores_nothing(
    serve: Serve, opened: Mongo
) -> None:
    client = await serve(trial=_trial)
    async with client.post(PATH, json=ACME):
        pass
    before = await opened.own.ats_integration_settings.find_one({"name": "acme"})

    async def tried(patch: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
        dry = {"dry_run": "true"}
        async with client.patch(f"{PATH}/acme", json=patch, params=dry, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    good = await tried({"poll": {"every": "1m"}})
    wrong = await tried({"poll": {"evry": "1m"}})
    stale = await tried({"poll": {"every": "1m"}}, **{"If-Match": '"2"'})

    assert good[0] == 200
    assert (good[1]["dry_run"], good[1]["notes"]) == (True, ["polled every 0:01:00"])
    assert wrong[1]["problems"][0]["pointer"] == "/poll/evry"
    assert (wrong[0], stale[0]) == (422, 412)
    assert await opened.own.ats_integration_settings.find_one({"name": "acme"}) == before


async def test_a_dry_run_refuses_a_taken_name_and_points_at_a_refused_credential(
    serve: Serve,
) -> None:
    client = await serve(trial=_refused)

    async with client.post(PATH, json=ACME, params={"dry_run": "true"}) as answer:
        refused, problem = answer.status, await answer.json(content_type=None)
    async with client.post(PATH, json=ACME):
        pass
    async with client.post(PATH, json=ACME, params={"dry_run": "true"}) as answer:
        taken = answer.status

    assert (refused, taken) == (422, 409)
    assert problem["problems"][0]["pointer"] == "/credentials"


async def test_a_misspelt_option_of_a_request_that_changes_something_is_refused(
    serve: Serve, opened: Mongo
) -> None:
    client = await serve()
    async with client.post(PATH, json=ACME):
        pass
    statuses = []

    for method, path in [
        ("POST", "?dryrun=true"),
        ("PATCH", "/acme?dryrun=true"),
        ("DELETE", "/acme?dry_run=true"),
        ("POST", "/acme/pause?for=1h"),
        ("POST", "/acme/poll?sweep=true"),
    ]:
        async with client.request(method, PATH + path) as answer:
            statuses.append(answer.status)
    row = await opened.own.ats_integration_settings.find_one({"name": "acme"})

    assert statuses == [400] * 5
    assert row is not None
    assert (row["state"], row["stored"]["revision"]) == ("active", 1)
    assert row.get("request") is None


async def test_a_change_leaves_a_pause_alone(serve: Serve, opened: Mongo) -> None:
    client = await serve()
    states = []
    async with client.post(PATH, json=ACME):
        pass
    async with client.post(f"{PATH}/acme/pause", json={"reason": "vendor maintenance"}):
        pass

    for patch in ({"poll": {"every": "1m"}}, {"enabled": False}, {"enabled": True}):
        async with client.patch(f"{PATH}/acme", json=patch) as answer:
            assert answer.status == 200
        row = await opened.own.ats_integration_settings.find_one({"name": "acme"})
        assert row is not None
        IntegrationSettings.model_validate(row)
        states.append((row["state"], row["state_reason"]))

    assert states == [("paused", "vendor maintenance"), ("disabled", None), ("active", None)]


async def test_changes_at_the_same_time_are_all_made_unless_they_ask_for_a_revision(
    serve: Serve, opened: Mongo
) -> None:
    client = await serve()
    async with client.post(PATH, json=ACME):
        pass

    async def changed(field: str, **headers: str) -> int:
        patch = {"rejection_reasons": {field: "x"}}
        async with client.patch(f"{PATH}/acme", json=patch, headers=headers) as answer:
            return answer.status

    free = await asyncio.gather(*(changed(f"r{n}") for n in range(8)))
    bound = await asyncio.gather(*(changed(f"s{n}", **{"If-Match": '"9"'}) for n in range(8)))
    row = await opened.own.ats_integration_settings.find_one({"name": "acme"})

    assert free == [200] * 8
    assert sorted(bound) == [200] + [412] * 7
    assert row is not None
    assert {f"r{n}" for n in range(8)} <= row["stored"]["content"]["rejection_reasons"].keys()
    assert row["stored"]["revision"] == 10


TAGS = {
    '"1"': 200,
    "1": 200,
    "*": 200,
    '"7", "1"': 200,
    '"7"': 412,
    'W/"1"': 412,
    '"another"': 412,
    '"7,1"': 412,
    "nonsense": 400,
    "": 400,
    '"1': 400,
    '"1" "2"': 400,
}


@pytest.mark.parametrize(("tag", "status"), TAGS.items(), ids=str)
async def test_if_match_is_read_as_http_has_it(serve: Serve, tag: str, status: int) -> None:
    client = await serve()
    async with client.post(PATH, json=ACME):
        pass

    async with client.delete(f"{PATH}/acme", headers={"If-Match": tag}) as answer:
        assert answer.status == status


async def test_a_body_of_another_type_is_refused_by_its_type(serve: Serve) -> None:
    client = await serve()
    async with client.post(PATH, json=ACME):
        pass

    async def status_of(**headers: str) -> int:
        patch = b'{"poll": {"every": "1m"}}'
        async with client.patch(f"{PATH}/acme", data=patch, headers=headers) as answer:
            assert answer.ok or answer.content_type == "application/problem+json"
            return answer.status

    async def typed(kind: str) -> int:
        return await status_of(**{"Content-Type": kind})

    good = ["application/json", "application/merge-patch+json", "application/x-www-form-urlencoded"]
    assert [await typed(kind) for kind in good] == [200, 200, 200]
    for kind in ("application/xml", "application/yaml", "multipart/form-data; boundary=x"):
        assert await typed(kind) == 415


async def test_what_is_paused_refuses_a_poll_and_says_what_to_do(
    serve: Serve, opened: Mongo
) -> None:
    client = await serve()
    async with client.post(PATH, json=ACME):
        pass
    async with client.post(f"{PATH}/acme/pause"):
        pass

    for asked in ("poll", "sweep"):
        async with client.post(f"{PATH}/acme/{asked}") as answer:
            problem = await answer.json(content_type="application/problem+json")
        assert answer.status == 409
        assert problem["detail"].endswith(f"{PATH}/acme/resume")
    row = await opened.own.ats_integration_settings.find_one({"name": "acme"})
    assert row is not None
    assert row.get("request") is None


async def test_what_was_refused_is_no_action_of_the_audit_log(serve: Serve, opened: Mongo) -> None:
    client = await serve()
    stale = {"If-Match": '"7"'}
    statuses = []

    for method, path, body, headers in [
        ("POST", "", ACME, {}),
        ("POST", "", ACME, {}),
        ("PATCH", "/acme", {"poll": {"every": "1m"}}, stale),
        ("DELETE", "/acme", None, stale),
        ("DELETE", "/unknown", None, {}),
        ("DELETE", "/acme", None, {}),
    ]:
        async with client.request(method, PATH + path, json=body, headers=headers) as answer:
            statuses.append(answer.status)
    rows = await opened.own.audit_log.find(sort=[("action", 1)]).to_list()

    assert statuses == [201, 409, 412, 412, 404, 200]
    assert [row["action"] for row in rows] == ["integration.add", "integration.remove"]
