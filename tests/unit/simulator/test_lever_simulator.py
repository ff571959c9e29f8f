"""The Lever simulator refuses what the Data API refuses and answers truly otherwise."""

from typing import Any

import aiohttp
import pytest

from connectors.simulator import Simulator
from connectors.simulator.commands import run_random_commands
from connectors.simulator.world import Application
from tests.support.simulators import Start, one, rules


class Client:
    """A naive, correct walk of the API."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.http = http
        self.headers = {
            "Authorization": aiohttp.encode_basic_auth(simulator.credentials["api_key"], "")
        }

    async def call(self, method: str, path: str, **kwargs: Any) -> tuple[int, dict[str, Any]]:
        url = self.simulator.url + path
        async with self.http.request(method, url, headers=self.headers, **kwargs) as answer:
            return answer.status, await answer.json()

    async def rows(self, name: str, **params: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        more = True
        while more:
            status, body = await self.call("GET", f"/{name}", params=params)
            assert status == 200, body
            found += body["data"]
            more = body["hasNext"]
            if more:
                params["offset"] = body["next"]
        return found

    def path(self, application: Application, action: str = "") -> str:
        return f"/opportunities/{self.simulator.application_key(application)}{action}"


@pytest.fixture
async def client(start: Start, http: aiohttp.ClientSession) -> Client:
    return Client(await start("lever"), http)


@pytest.mark.parametrize("steps", [0, 120])
async def test_a_correct_walk_finds_the_truth_whatever_happened_before(
    client: Client, steps: int
) -> None:
    run_random_commands(client.simulator, steps=steps)

    found = await client.rows("opportunities", limit="7", expand="applications")
    stages = {s["id"]: s["text"] for s in await client.rows("stages")}
    reasons = {r["id"]: r for r in await client.rows("archive_reasons")}
    postings = {p["id"]: p["text"] for p in await client.rows("postings")}
    truth = client.simulator.truth()

    assert {row["id"] for row in found} == set(truth.applications)
    assert {row["contact"] for row in found} == set(truth.candidates)
    for row in found:
        expected = truth.applications[row["id"]]
        candidate = truth.candidates[row["contact"]]
        assert row["contact"] == expected["candidate_external_id"]
        names = (candidate["first_name"], candidate["last_name"])
        assert row["name"] == " ".join(name for name in names if name)
        assert row["emails"] == [email["value"] for email in candidate["emails"]]
        assert row["tags"] == candidate["tags"]
        assert postings[row["applications"][0]["posting"]] == expected["job"]["name"]
        assert {"external_id": row["stage"], "name": stages[row["stage"]]} == expected["stage"]
        if row["archived"] is None:
            assert expected["status"] not in {"hired", "rejected", "withdrawn"}
        elif reasons[row["archived"]["reason"]]["type"] == "hired":
            assert expected["status"] == "hired"
        else:
            assert expected["status"] in {"rejected", "withdrawn"}
            assert reasons[row["archived"]["reason"]]["text"] == expected["rejection_reason"]
    assert client.simulator.violations == []


async def test_opportunities_come_by_stage_and_not_by_updated_at(client: Client) -> None:
    names = {client.simulator.stage_key(s): s for s in client.simulator.world.stages.values()}
    found = await client.rows("opportunities", limit="9")
    ranks = [names[row["stage"]].order for row in found]

    assert ranks == sorted(ranks)
    assert [row["updatedAt"] for row in found] != sorted(row["updatedAt"] for row in found)


async def test_a_move_to_a_served_stage_during_the_walk_hides_an_opportunity(
    client: Client,
) -> None:
    simulator = client.simulator
    stages = list(simulator.world.stages.values())
    late = next(a for a in simulator.world.applications.values() if a.stage == stages[-1].number)
    key = simulator.application_key(late)
    simulator.on_page = lambda _, page: (
        simulator.actions.move(late, stages[0]) if page == 1 else None
    )
    before = simulator.clock.now_ms()

    walked = await client.rows("opportunities", limit="10")
    simulator.on_page = None
    window = await client.rows("opportunities", updated_at_start=str(before))

    assert key not in {row["id"] for row in walked}
    assert [row["id"] for row in window] == [key]


@pytest.mark.parametrize(
    ("params", "rule"),
    [
        ({"limit": "101"}, "limit_out_of_bounds"),
        ({"offset": "made-up"}, "offset_not_from_here"),
        ({"updated_after": "1"}, "unknown_parameter"),
        ({"updated_at_start": "1790812800"}, "time_not_epoch_ms"),
        ({"updated_at_start": "2026-01-01T00:00:00Z"}, "time_not_epoch_ms"),
        ({"expand": "everything"}, "unknown_expansion"),
    ],
)
async def test_a_malformed_listing_is_refused(client: Client, params: Any, rule: str) -> None:
    status, _ = await client.call("GET", "/opportunities", params=params)

    assert (status, rules(client)) == (400, [rule])


async def test_other_parameters_stay_the_same_through_a_walk(client: Client) -> None:
    _, first = await client.call("GET", "/opportunities", params={"limit": "5"})

    status, body = await client.call(
        "GET", "/opportunities", params={"offset": first["next"], "archived": "true"}
    )

    assert (status, body["message"]) == (400, "Invalid offset token")
    assert rules(client) == ["parameters_changed_during_walk"]


async def test_an_old_offset_is_refused_without_blame(client: Client) -> None:
    _, first = await client.call("GET", "/opportunities", params={"limit": "5"})
    client.simulator.clock.advance(3700)

    status, body = await client.call(
        "GET", "/opportunities", params={"limit": "5", "offset": first["next"]}
    )

    assert (status, rules(client)) == (400, [])
    assert "Invalid offset token" in body["message"]


async def test_the_updated_window_is_inclusive_and_skips_records_without_updated_at(
    client: Client,
) -> None:
    application = one(client)
    client.simulator.actions.set_updated_at(client.simulator.world.applications.values(), None)
    application.updated_ms = at = client.simulator.clock.now_ms()

    inside = await client.rows("opportunities", updated_at_start=str(at), updated_at_end=str(at))
    everything = await client.rows("opportunities")

    assert [row["id"] for row in inside] == [client.simulator.application_key(application)]
    assert len(everything) == len(client.simulator.world.applications)


async def test_a_key_without_basic_is_refused(client: Client, http: aiohttp.ClientSession) -> None:
    key = client.simulator.credentials["api_key"]

    for headers, params in (
        ({}, {}),
        ({"Authorization": f"Bearer {key}"}, {}),
        ({}, {"api_key": key}),
    ):
        url = f"{client.simulator.url}/stages"
        async with http.get(url, headers=headers, params=params) as answer:
            assert answer.status == 401
    assert "credentials_in_query" in rules(client)


async def test_a_move_is_repeatable_and_the_second_has_no_effect(client: Client) -> None:
    application = one(client)
    stages = client.simulator.world.stages_of(application.job)
    target = next(s for s in stages if s.number != application.stage)
    user = client.simulator.acting_user
    order = {"stage": client.simulator.stage_key(target)}

    for _ in range(2):
        status, body = await client.call(
            "PUT", client.path(application, "/stage"), params={"perform_as": user}, json=order
        )
        assert (status, body["data"]["stage"]) == (200, order["stage"])

    assert [write.effect for write in client.simulator.writes] == [True, False]
    assert body["data"]["stageChanges"][-1]["userId"] == user


async def test_archiving_keeps_the_stage_and_a_null_reason_opens_again(client: Client) -> None:
    application = one(client)
    stage = application.stage
    reasons = await client.rows("archive_reasons", type="non-hired")
    path = client.path(application, "/archived")

    _, archived = await client.call("PUT", path, json={"reason": reasons[0]["id"]})
    _, changed = await client.call("PUT", path, json={"reason": reasons[3]["id"]})
    status = client.simulator.world.status_of(application)
    _, opened = await client.call("PUT", path, json={"reason": None})

    assert archived["data"]["archived"]["reason"] == reasons[0]["id"]
    assert changed["data"]["archived"]["reason"] == reasons[3]["id"]
    assert status == "withdrawn"
    assert opened["data"]["archived"] is None
    assert (application.stage, application.state) == (stage, "active")


async def test_a_hired_reason_hires(client: Client) -> None:
    application = one(client)
    (hired,) = await client.rows("archive_reasons", type="hired")

    await client.call("PUT", client.path(application, "/archived"), json={"reason": hired["id"]})

    assert application.state == "hired"


async def test_a_move_of_an_archived_opportunity_leaves_it_archived(client: Client) -> None:
    application = one(client, "rejected")
    stages = client.simulator.world.stages_of(application.job)
    target = next(s for s in stages if s.number != application.stage)

    _, body = await client.call(
        "PUT",
        client.path(application, "/stage"),
        json={"stage": client.simulator.stage_key(target)},
    )

    assert body["data"]["stage"] == client.simulator.stage_key(target)
    assert body["data"]["archived"] is not None


async def test_the_archive_state_can_be_flat(start: Start, http: aiohttp.ClientSession) -> None:
    client = Client(await start("lever", archived_shape="flat"), http)

    _, body = await client.call("GET", client.path(one(client, "rejected")))

    assert "archived" not in body["data"]
    assert body["data"]["archivedAt"]
    assert body["data"]["archiveReason"]


async def test_an_unknown_actor_is_refused_and_a_required_one_can_be_missing(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("lever", perform_as_required=True), http)
    path = client.path(one(client), "/addTags")

    missing, _ = await client.call("POST", path, json={"tags": ["x"]})
    unknown, _ = await client.call(
        "POST", path, params={"perform_as": "nobody"}, json={"tags": ["x"]}
    )

    assert (missing, unknown) == (400, 400)
    assert rules(client) == ["perform_as_missing"]


async def test_tags_change_the_opportunity_and_notes_do_not(client: Client) -> None:
    application = one(client)
    before = application.updated_ms

    noted, _ = await client.call("POST", client.path(application, "/notes"), json={"value": "n"})
    after_note = application.updated_ms
    tagged, body = await client.call(
        "POST", client.path(application, "/addTags"), json={"tags": ["score-80"]}
    )

    assert (noted, tagged) == (201, 200)
    assert after_note == before != application.updated_ms
    assert "score-80" in body["data"]["tags"]


async def test_deletions_are_only_in_their_own_list(client: Client) -> None:
    simulator = client.simulator
    application = one(client)
    key = simulator.application_key(application)
    before = simulator.clock.now_ms()
    simulator.actions.delete_application(application)

    updated = await client.rows("opportunities", updated_at_start=str(before))
    deleted = await client.rows("opportunities/deleted", deleted_at_start=str(before))
    status, body = await client.call("GET", f"/opportunities/{key}")

    assert updated == []
    assert [row["id"] for row in deleted] == [key]
    assert (status, body["code"]) == (404, "ResourceNotFound")


async def test_an_anonymised_contact_has_empty_fields_rather_than_missing_ones(
    client: Client,
) -> None:
    application = one(client)
    person = client.simulator.world.people[application.person]
    client.simulator.actions.anonymise(person)

    _, body = await client.call("GET", client.path(application))

    assert body["data"]["isAnonymized"] is True
    assert (body["data"]["name"], body["data"]["emails"]) == ("", [])


async def test_the_bucket_empties_and_says_nothing_about_when_it_fills(
    start: Start, http: aiohttp.ClientSession
) -> None:
    simulator = await start("lever", unlimited=False, rate_per_s=0.5, burst=3)
    client = Client(simulator, http)
    statuses = []
    for _ in range(4):
        url = f"{simulator.url}/stages"
        async with http.get(url, headers=client.headers) as answer:
            statuses.append(answer.status)
            headers = {name.lower() for name in answer.headers}

    assert statuses == [200, 200, 200, 429]
    assert not {h for h in headers if "rate" in h or "retry" in h}
