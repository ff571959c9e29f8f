"""The Greenhouse simulator refuses what Harvest v3 refuses and answers truly otherwise."""

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from connectors.simulator import Simulator
from connectors.simulator.commands import run_random_commands
from connectors.simulator.greenhouse import Greenhouse
from connectors.simulator.world import Application
from tests.support.simulators import Start, rules


class Client:
    """A naive, correct walk of the API: what the vendor's documents describe, nothing clever."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        assert isinstance(simulator, Greenhouse)
        self.simulator = simulator
        self.http = http
        self.token = ""

    async def login(self, **form: str) -> dict[str, Any]:
        credentials = self.simulator.credentials
        basic = aiohttp.encode_basic_auth(credentials["client_id"], credentials["client_secret"])
        body = {"grant_type": "client_credentials", **form}
        url = self.simulator.options["token_url"]
        async with self.http.post(url, data=body, headers={"Authorization": basic}) as answer:
            found = await answer.json()
        self.token = found.get("access_token", "")
        return found

    async def call(self, method: str, path: str, **kwargs: Any) -> tuple[int, Any, dict[str, Any]]:
        url = path if path.startswith("http") else self.simulator.url + path
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(method, url, headers=headers, **kwargs) as answer:
            body = await answer.json() if await answer.read() else None
            return answer.status, body, dict(answer.headers) | {"links": answer.links}

    async def rows(self, name: str, **params: str) -> list[dict[str, Any]]:
        status, found, headers = await self.call("GET", f"/{name}", params=params)
        assert status == 200, found
        while "next" in headers["links"]:
            status, page, headers = await self.call("GET", str(headers["links"]["next"]["url"]))
            assert status == 200, page
            found += page
        return found


@pytest.fixture
async def client(start: Start, http: aiohttp.ClientSession) -> Client:
    client = Client(await start("greenhouse"), http)
    await client.login()
    return client


def stage_ids(client: Client, application: Application) -> list[int]:
    stages = client.simulator.world.stages_of(application.job)
    return [int(client.simulator.stage_key(stage)) for stage in stages]


def one(client: Client, state: str = "active", openings: int = 1) -> Any:
    """An application in that state, not in its last stage."""
    world = client.simulator.world
    return next(
        a
        for a in world.applications.values()
        if a.state == state
        and len(world.jobs[a.job].openings) == openings
        and a.stage != world.jobs[a.job].stages[-1]
    )


def parsed(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@pytest.mark.parametrize("steps", [0, 120])
async def test_a_correct_walk_finds_the_truth_whatever_happened_before(
    client: Client, steps: int
) -> None:
    run_random_commands(client.simulator, steps=steps)

    candidates = await client.rows("candidates", per_page="7")
    applications = await client.rows("applications", per_page="13")
    entries = {e["id"]: e for e in await client.rows("application_stages", per_page="500")}
    names = {s["id"]: s["name"] for s in await client.rows("job_interview_stages")}
    jobs = {j["id"]: j["name"] for j in await client.rows("jobs")}
    reasons = {r["id"]: r for r in await client.rows("rejection_reasons", include_defaults="true")}
    details = {d["application_id"]: d for d in await client.rows("rejection_details")}
    truth = client.simulator.truth()

    assert {str(c["id"]) for c in candidates} == set(truth.candidates)
    assert {str(a["id"]) for a in applications} == set(truth.applications)
    for row in candidates:
        expected = truth.candidates[str(row["id"])]
        assert (row["first_name"], row["company"]) == (
            expected["first_name"],
            expected["company"],
        )
        assert row["email_addresses"] == expected["emails"]
        assert row["phone_numbers"] == expected["phones"]
        assert {k: v["value"] for k, v in row["custom_fields"].items()} == expected["custom_fields"]
        assert parsed(row["updated_at"]) == expected["external_updated_at"]
    for row in applications:
        expected = truth.applications[str(row["id"])]
        assert str(row["candidate_id"]) == expected["candidate_external_id"]
        assert jobs[row["job_id"]] == expected["job"]["name"]
        assert row["stage_name"] == expected["stage"]["name"]
        assert parsed(row["rejected_at"]) == expected["rejected_at"]
        if row["status"] == "in_process":
            stage = entries[row["stage_id"]]["job_interview_stage_id"]
            assert str(stage) == expected["stage"]["external_id"]
            assert names[stage] == row["stage_name"]
        elif row["status"] == "rejected":
            reason = reasons[details[row["id"]]["rejection_reason_id"]]
            assert reason["name"] == expected["rejection_reason"]
            by_them = reason["type"]["key"] == "THEY_REJECTED_US"
            assert expected["status"] == ("withdrawn" if by_them else "rejected")
        else:
            assert expected["status"] == "hired"
    assert client.simulator.violations == []


async def test_rows_come_newest_id_first(client: Client) -> None:
    found = [row["id"] for row in await client.rows("candidates", per_page="9")]

    assert found == sorted(found, reverse=True)


async def test_a_parameter_beside_the_cursor_is_refused(client: Client) -> None:
    _, _, headers = await client.call("GET", "/candidates", params={"per_page": "5"})
    following = str(headers["links"]["next"]["url"])

    status, body, _ = await client.call("GET", f"{following}&per_page=5")

    assert status == 422
    assert "cursor" in body["errors"][0]
    assert rules(client) == ["parameter_beside_cursor"]


async def test_greenhouse_s_own_reasons_are_shown_only_to_those_who_ask_for_them(
    client: Client,
) -> None:
    own = await client.rows("rejection_reasons", per_page="1")
    both = await client.rows("rejection_reasons", per_page="1", include_defaults="true")
    refused, _, _ = await client.call(
        "GET", "/rejection_reasons", params={"include_defaults": "yes"}
    )

    assert {r["name"] for r in both} - {r["name"] for r in own} == {"Position filled", "Other"}
    assert (refused, rules(client)) == (422, ["flag_malformed"])


@pytest.mark.parametrize(
    ("params", "rule"),
    [
        ({"per_page": "501"}, "per_page_out_of_bounds"),
        ({"per_page": "0"}, "per_page_out_of_bounds"),
        ({"page": "2"}, "unknown_parameter"),
        ({"updated_after": "2026-01-01T00:00:00Z"}, "unknown_parameter"),
        ({"updated_at": "2026-01-01T00:00:00Z"}, "malformed_time_filter"),
        ({"updated_at": "gte|2026-01-01"}, "malformed_time_filter"),
        ({"ids": ",".join(str(n) for n in range(51))}, "too_many_ids"),
        ({"cursor": "made-up"}, "invalid_cursor"),
    ],
)
async def test_a_malformed_listing_is_refused(client: Client, params: Any, rule: str) -> None:
    status, _, _ = await client.call("GET", "/candidates", params=params)

    assert (status, rules(client)) == (422, [rule])


async def test_the_status_filter_speaks_other_words_than_the_answer(client: Client) -> None:
    found = await client.rows("applications", status="active")
    misled = await client.rows("applications", status="in_process")

    assert {row["status"] for row in found} == {"in_process"}
    assert misled == []
    assert rules(client) == ["unknown_status_filter"]


async def test_the_updated_filter_is_inclusive(client: Client) -> None:
    person = next(iter(client.simulator.world.people.values()))
    key = client.simulator.person_key(person)
    at = client.simulator.truth().candidates[key]["external_updated_at"].isoformat()

    inclusive = await client.rows("candidates", updated_at=f"gte|{at}|lte|{at}")
    exclusive = await client.rows("candidates", updated_at=f"gt|{at}|lte|{at}")

    assert [str(row["id"]) for row in inclusive] == [key]
    assert exclusive == []


async def test_an_edit_between_two_pages_is_seen_by_the_next_window(client: Client) -> None:
    simulator = client.simulator
    person = list(simulator.world.people.values())[-1]
    before = datetime.now().astimezone().isoformat()
    simulator.on_page = lambda name, page: (
        simulator.actions.edit_person(person, {"title": "Changed"}) if page == 2 else None
    )

    stale = await client.rows("candidates", per_page="10")
    simulator.on_page = None
    fresh = await client.rows("candidates", updated_at=f"gte|{before}")

    assert [row["title"] for row in stale if str(row["id"]) == simulator.person_key(person)] != [
        "Changed"
    ]
    assert [row["title"] for row in fresh] == ["Changed"]


async def test_a_new_token_revokes_the_previous_one(client: Client) -> None:
    first = client.token
    await client.login()
    second, client.token = client.token, first

    status, _, _ = await client.call("GET", "/jobs")

    assert (status, client.simulator.violations) == (401, [])
    client.token = second
    assert (await client.call("GET", "/jobs"))[0] == 200


async def test_a_token_ends_with_its_time(client: Client) -> None:
    answer = await client.login()
    client.simulator.clock.advance(3601)

    status, _, _ = await client.call("GET", "/jobs")

    assert set(answer) == {"token_type", "access_token", "expires_at"}
    assert status == 401


async def test_a_token_of_a_user_who_is_no_site_admin_cannot_list(client: Client) -> None:
    await client.login(sub=client.simulator.USER_IDS.text(5))

    status, _, _ = await client.call("GET", "/candidates")

    assert (status, rules(client)) == (403, ["not_site_admin"])


async def test_credentials_in_the_form_body_give_no_token(
    start: Start, http: aiohttp.ClientSession
) -> None:
    simulator = await start("greenhouse")
    body = {"grant_type": "client_credentials", **simulator.credentials}

    async with http.post(simulator.options["token_url"], data=body) as answer:
        assert answer.status == 401
    assert [v.rule for v in simulator.violations] == ["client_credentials_not_basic"]


async def test_a_move_needs_the_present_stage_as_its_guard(client: Client) -> None:
    application = one(client)
    stages = stage_ids(client, application)
    here = stages[client.simulator.world.jobs[application.job].stages.index(application.stage)]
    there = stages[stages.index(here) + 1]
    path = f"/applications/{client.simulator.application_key(application)}/move"
    order = {"from_stage_id": here, "to_stage_id": there}

    moved = await client.call("POST", path, json=order)
    again = await client.call("POST", path, json=order)
    unguarded = await client.call("POST", path, json={"to_stage_id": here})

    assert [answer[0] for answer in (moved, again, unguarded)] == [204, 422, 422]
    assert moved[1] is None
    assert client.simulator.stage_key(client.simulator.world.stages[application.stage]) == str(
        there
    )
    assert [write.kind for write in client.simulator.writes] == ["move"]
    assert client.simulator.recorder.emails_sent == 1
    assert rules(client) == ["move_without_guard"]


async def test_the_guard_may_live_in_the_other_id_space(
    start: Start, http: aiohttp.ClientSession
) -> None:
    simulator = await start("greenhouse", from_stage_space="row")
    client = Client(simulator, http)
    await client.login()
    application = one(client)
    key = simulator.application_key(application)
    (row,) = await client.rows("applications", ids=key)
    target = stage_ids(client, application)[-1]
    path = f"/applications/{key}/move"

    by_stage = await client.call(
        "POST",
        path,
        json={
            "from_stage_id": int(simulator.stage_key(simulator.world.stages[application.stage])),
            "to_stage_id": target,
        },
    )
    by_row = await client.call(
        "POST", path, json={"from_stage_id": row["stage_id"], "to_stage_id": target}
    )

    assert (by_stage[0], by_row[0]) == (422, 204)


async def test_reject_and_unreject_mind_the_state(client: Client) -> None:
    application = one(client)
    path = f"/applications/{client.simulator.application_key(application)}"
    stage = application.stage
    reason = int(client.simulator.REASON_IDS.text(4))

    missing = await client.call("POST", f"{path}/reject", json={})
    rejected = await client.call("POST", f"{path}/reject", json={"rejection_reason_id": reason})
    twice = await client.call("POST", f"{path}/reject", json={"rejection_reason_id": reason})
    status = client.simulator.world.status_of(application)
    reopened = await client.call("POST", f"{path}/unreject", json={})
    again = await client.call("POST", f"{path}/unreject", json={})

    assert [a[0] for a in (missing, rejected, twice, reopened, again)] == [422, 204, 422, 204, 422]
    assert status == "withdrawn"
    assert (application.state, application.stage) == ("active", stage)


async def test_a_hire_names_the_opening_where_there_are_several(client: Client) -> None:
    application = one(client, openings=2)
    path = f"/applications/{client.simulator.application_key(application)}/hire"
    openings = await client.rows("openings")
    mine = [
        o["id"]
        for o in openings
        if str(o["job_id"]) == client.simulator.JOB_IDS.text(application.job)
    ]

    vague = await client.call("POST", path, json={})
    hired = await client.call("POST", path, json={"opening_id": mine[0]})

    assert (vague[0], hired[0], application.state) == (422, 204, "hired")


async def test_a_score_is_written_once_and_overwritten_without_effect(client: Client) -> None:
    application = one(client)
    path = f"/applications/{client.simulator.application_key(application)}"
    order = {"custom_fields": [{"name_key": "clearview_score", "value": 71}]}

    first = await client.call("PATCH", path, json=order)
    await client.call("PATCH", path, json=order)
    unknown = await client.call(
        "PATCH", path, json={"custom_fields": [{"name_key": "no_such", "value": 1}]}
    )

    assert first[1]["custom_fields"]["clearview_score"]["value"] == 71
    assert [write.effect for write in client.simulator.writes] == [True, False]
    assert unknown[0] == 422


async def test_file_addresses_are_signed_again_and_need_no_credentials(
    client: Client, http: aiohttp.ClientSession
) -> None:
    first = await client.rows("attachments")
    second = await client.rows("attachments")

    async with http.get(first[0]["url"]) as answer:
        fetched = answer.status
    client.simulator.clock.advance(8 * 86_400)
    async with http.get(first[0]["url"]) as answer:
        expired = answer.status
    async with http.get(second[0]["url"], headers={"Authorization": "Bearer x"}):
        pass

    assert first[0]["id"] == second[0]["id"]
    assert first[0]["url"] != second[0]["url"]
    assert (fetched, expired) == (200, 403)
    assert rules(client) == ["credentials_sent_to_file_store"]


async def test_the_window_closes_and_says_when_it_opens_again(
    start: Start, http: aiohttp.ClientSession
) -> None:
    simulator = await start("greenhouse", unlimited=False, rate_limit=3, window_s=5.0)
    client = Client(simulator, http)
    await client.login()

    answers = [await client.call("GET", "/jobs") for _ in range(4)]

    assert [a[0] for a in answers] == [200, 200, 200, 429]
    assert [a[2]["X-RateLimit-Remaining"] for a in answers] == ["2", "1", "0", "0"]
    assert 1 <= int(answers[-1][2]["Retry-After"]) <= 5


async def test_what_is_gone_vanishes_from_the_listings(client: Client) -> None:
    simulator = client.simulator
    people = list(simulator.world.people.values())
    gone, primary, duplicate = people[3], people[4], people[5]
    simulator.actions.delete_person(gone)
    moved = list(duplicate.applications)
    simulator.actions.merge(primary, duplicate)

    found = {str(row["id"]) for row in await client.rows("candidates")}
    owners = {row["id"]: row["candidate_id"] for row in await client.rows("applications")}

    assert found == set(simulator.truth().candidates)
    assert simulator.person_key(gone) not in found
    for number in moved:
        assert owners[simulator.APPLICATION_IDS.of(number)] == simulator.PERSON_IDS.of(
            primary.number
        )


async def test_a_record_deleted_between_two_pages_is_skipped_and_the_rest_is_whole(
    client: Client,
) -> None:
    simulator = client.simulator
    gone = simulator.world.people[1]
    simulator.schedule.add(
        "candidates",
        2,
        {"kind": "delete_candidate", "candidate": simulator.person_key(gone)},
    )

    found = [str(row["id"]) for row in await client.rows("candidates", per_page="10")]

    assert len(found) == len(set(found))
    assert set(found) == set(simulator.truth().candidates)
    assert simulator.person_key(gone) not in found


async def test_a_window_over_equal_timestamps_returns_all_of_them(client: Client) -> None:
    simulator = client.simulator
    at = simulator.clock.now_ms()
    people = list(simulator.world.people.values())
    simulator.actions.set_updated_at(people[:25], at)
    simulator.actions.set_updated_at(people[25:30], None)
    bound = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")

    window = await client.rows("candidates", updated_at=f"gte|{bound}", per_page="4")
    everything = await client.rows("candidates")

    assert {str(row["id"]) for row in window} == {simulator.person_key(p) for p in people[:25]}
    assert sum(row["updated_at"] is None for row in everything) == 5


async def test_an_id_of_another_space_finds_nothing(client: Client) -> None:
    application = one(client)
    entry = client.simulator.entry_owner
    row_id = next(n for n, owner in entry.items() if owner == application.number)

    found = await client.rows("applications", ids=str(50_000_000 + row_id))

    assert found == []


async def test_notes_and_tags_are_written_for_a_known_person(client: Client) -> None:
    simulator = client.simulator
    person = next(p for p in simulator.world.people.values() if not p.tags)
    key = int(simulator.person_key(person))
    tag = (await client.rows("candidate_tags"))[0]
    note = {"candidate_id": key, "body": "n", "visibility": "public", "note_type": "NOTE"}

    anonymous = await client.call("POST", "/notes", json=note)
    noted = await client.call(
        "POST", "/notes", json={**note, "user_id": int(simulator.acting_user)}
    )
    tagged = await client.call(
        "POST", "/applied_candidate_tags", json={"candidate_id": key, "candidate_tag_id": tag["id"]}
    )
    applied = await client.rows("applied_candidate_tags", candidate_ids=str(key))

    assert (anonymous[0], noted[0], tagged[0]) == (422, 201, 201)
    assert noted[1]["visibility"] == "publicly_visible"
    assert [row["candidate_tag_id"] for row in applied] == [tag["id"]]
    assert person.tags == [tag["name"]]


async def test_people_are_anonymised_merged_and_deleted_by_the_api(client: Client) -> None:
    simulator = client.simulator
    first, second, third = list(simulator.world.people.values())[:3]
    keys = [simulator.person_key(person) for person in (first, second, third)]

    blanked = await client.call("PATCH", f"/candidates/{keys[0]}/anonymize")
    merged = await client.call(
        "POST", f"/candidates/{keys[0]}/merge", json={"duplicate_candidate_id": int(keys[1])}
    )
    deleted = await client.call("DELETE", f"/candidates/{keys[2]}")
    again = await client.call("DELETE", f"/candidates/{keys[2]}")
    (row,) = await client.rows("candidates", ids=",".join(keys))

    assert [a[0] for a in (blanked, merged, deleted, again)] == [204, 204, 204, 404]
    assert (row["first_name"], row["phone_numbers"]) == ("Anonymized", [])
