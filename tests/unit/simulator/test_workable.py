"""The Workable simulator refuses what the SPI refuses and answers truly otherwise."""

from typing import Any

import aiohttp
import pytest

from connectors.simulator import Fault, Simulator
from connectors.simulator.clock import iso
from connectors.simulator.commands import run_random_commands
from connectors.simulator.faults import FaultKind
from tests.support.simulators import Start, rules


class Client:
    """A naive, correct walk of the API."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.http = http
        self.headers = {"Authorization": f"Bearer {simulator.credentials['token']}"}

    async def call(self, method: str, path: str, **kwargs: Any) -> tuple[int, Any, dict[str, Any]]:
        url = path if path.startswith("http") else self.simulator.url + path
        async with self.http.request(method, url, headers=self.headers, **kwargs) as answer:
            body = await answer.json() if await answer.read() else None
            return answer.status, body, {k.lower(): v for k, v in answer.headers.items()}

    async def rows(self, path: str, **params: str) -> list[dict[str, Any]]:
        key = path.rpartition("/")[2]
        status, found, _ = await self.call("GET", path, params=params)
        assert status == 200, found
        rows = found[key]
        while "next" in found["paging"]:
            status, found, _ = await self.call("GET", found["paging"]["next"])
            assert status == 200, found
            rows += found[key]
        return rows

    async def write(self, candidate: Any, name: str, **body: object) -> tuple[int, Any]:
        given = {"member_id": self.simulator.acting_user, **body}
        path = f"/candidates/{self.key(candidate)}/{name}"
        status, found, _ = await self.call("POST", path, json=given)
        return status, found

    def key(self, candidate: Any) -> str:
        return self.simulator.application_key(candidate)


@pytest.fixture
async def client(start: Start, http: aiohttp.ClientSession) -> Client:
    return Client(await start("workable"), http)


def one(client: Client, state: str = "active", *, stage: str | None = None) -> Any:
    world = client.simulator.world
    return next(
        a
        for a in world.applications.values()
        if a.state == state and stage in {None, world.stages[a.stage].kind}
    )


def reason(client: Client, kind: str) -> str:
    reasons = client.simulator.world.reasons.values()
    return client.simulator.REASON_IDS.text(next(r.number for r in reasons if r.kind == kind))


def contact(value: str | None) -> list[dict[str, Any]]:
    return [{"value": value, "type": None}] if value else []


async def walk_and_compare(client: Client) -> None:
    rows = await client.rows("/candidates", limit="7")
    _, reasons, _ = await client.call("GET", "/disqualification_reasons")
    own = {r["description"] for r in reasons if r["candidate_withdrew"]}
    truth = client.simulator.truth()

    assert [row["id"] for row in rows] == sorted(truth.candidates)
    assert set(truth.candidates) == set(truth.applications)
    for row in rows:
        person, application = truth.candidates[row["id"]], truth.applications[row["id"]]
        assert (row["firstname"], row["lastname"]) == (person["first_name"], person["last_name"])
        assert contact(row["email"]) == person["emails"]
        assert (row["headline"], row["common_source"]) == (person["title"], person["source"])
        assert row["job"]["shortcode"] == application["job"]["external_id"]
        assert row["stage"] == application["stage"]["name"]
        if row["disqualified"]:
            withdrew = row["disqualification_reason"] in own
            assert application["status"] == ("withdrawn" if withdrew else "rejected")
            assert application["rejection_reason"] == row["disqualification_reason"]
        else:
            assert (row["hired_at"] is not None) == (application["status"] == "hired")
        moments = person["external_updated_at"], application["external_updated_at"]
        assert moments[0] == moments[1]


@pytest.mark.parametrize(("steps", "seed"), [(0, 1), (120, 1), (120, 2), (120, 3)])
async def test_a_correct_walk_finds_the_truth_whatever_happened_before(
    client: Client, steps: int, seed: int
) -> None:
    assert len(run_random_commands(client.simulator, steps=steps, seed=seed)) == steps

    await walk_and_compare(client)

    assert client.simulator.violations == []


async def test_tags_and_withdrew_are_shown_by_the_candidate_itself_only(client: Client) -> None:
    simulator = client.simulator
    application = one(client)
    simulator.actions.withdraw(application)
    key = client.key(application)
    (row,) = [r for r in await client.rows("/candidates") if r["id"] == key]

    _, body, _ = await client.call("GET", f"/candidates/{key}")

    assert "tags" not in row
    assert "withdrew" not in row
    assert body["candidate"]["withdrew"] is True
    assert body["candidate"]["tags"] == simulator.truth().candidates[key]["tags"]


async def test_the_next_link_begins_with_the_record_it_names(client: Client) -> None:
    _, first, _ = await client.call("GET", "/candidates", params={"limit": "5"})
    _, second, _ = await client.call("GET", first["paging"]["next"])
    named = first["paging"]["next"].partition("since_id=")[2]

    assert second["candidates"][0]["id"] == named
    assert named not in {row["id"] for row in first["candidates"]}


async def test_both_id_bounds_are_inclusive(client: Client) -> None:
    rows = await client.rows("/candidates")
    low, high = rows[3]["id"], rows[6]["id"]

    found = await client.rows("/candidates", since_id=low, max_id=high)

    assert [row["id"] for row in found] == [row["id"] for row in rows[3:7]]


async def test_the_default_page_holds_fifty(start: Start, http: aiohttp.ClientSession) -> None:
    client = Client(await start("workable", candidates=60), http)

    _, page, _ = await client.call("GET", "/candidates")

    assert len(page["candidates"]) == 50


async def test_what_changed_later_is_found_and_the_very_moment_is_not(client: Client) -> None:
    simulator = client.simulator
    application = one(client)
    simulator.clock.freeze()
    at = simulator.clock.now_ms()
    simulator.actions.edit_person(simulator.world.people[application.person], {"title": "New"})

    later = await client.rows("/candidates", updated_after=iso(at - 1))
    same = await client.rows("/candidates", updated_after=iso(at))

    assert [row["id"] for row in later] == [client.key(application)]
    assert same == []


async def test_records_without_updated_at_are_in_no_window(client: Client) -> None:
    simulator = client.simulator
    simulator.actions.set_updated_at(simulator.world.applications.values(), None)

    assert await client.rows("/candidates", updated_after="2020-01-01T00:00:00Z") == []
    assert len(await client.rows("/candidates")) == 60


@pytest.mark.parametrize(("keeps", "dropped"), [(False, True), (True, False)])
async def test_next_links_of_one_job_may_forget_the_time_filter(
    start: Start, http: aiohttp.ClientSession, keeps: Any, dropped: Any
) -> None:
    client = Client(await start("workable", next_keeps_updated_after=keeps), http)
    shortcode = client.simulator.JOB_IDS.text(1)
    params = {"shortcode": shortcode, "updated_after": "2020-01-01T00:00:00Z", "limit": "2"}

    _, page, _ = await client.call("GET", "/candidates", params=params)
    next_link = page["paging"]["next"]

    assert f"/jobs/{shortcode}/candidates" in next_link
    assert ("updated_after" not in next_link) == dropped


async def test_next_links_of_all_candidates_keep_every_filter(client: Client) -> None:
    params = {"updated_after": "2020-01-01T00:00:00+00:00", "limit": "2"}

    _, page, _ = await client.call("GET", "/candidates", params=params)

    assert "updated_after=2020-01-01T00%3A00%3A00%2B00%3A00" in page["paging"]["next"]


async def test_pages_are_counted_along_next_links(client: Client) -> None:
    seen = []
    client.simulator.on_page = lambda name, page: seen.append((name, page))

    await client.rows("/candidates", limit="20")

    assert seen == [("candidates", 1), ("candidates", 2), ("candidates", 3)]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/candidates?limit=101", "limit_out_of_bounds"),
        ("/candidates?since_id=not-hex", "id_not_from_here"),
        ("/candidates?page=2", "unknown_parameter"),
        ("/candidates?updated_after=1790812800", "time_not_iso_8601"),
        ("/candidates?updated_after=2026-01-01T00:00:00", "time_not_iso_8601"),
        ("/candidates?limit=5&limit=5", "parameter_repeated"),
        ("/nowhere", "unknown_endpoint"),
    ],
)
async def test_a_malformed_listing_is_refused(client: Client, path: str, rule: str) -> None:
    status, body, _ = await client.call("GET", path)

    assert status in {404, 422}
    assert set(body) == {"error"}
    assert rules(client) == [rule]


async def test_a_token_must_be_a_bearer_token(client: Client) -> None:
    token = client.simulator.credentials["token"]
    statuses = []
    for value in (f"Basic {token}", f"Token {token}", "Bearer wrong"):
        client.headers["Authorization"] = value
        status, _, _ = await client.call("GET", "/stages")
        statuses.append(status)

    assert statuses == [401, 401, 401]
    assert rules(client) == ["bearer_token_missing", "bearer_token_missing"]


async def test_the_window_is_in_answers_to_reads_and_not_to_writes(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("workable", unlimited=False, rate_limit=2), http)
    application = one(client)

    _, _, read = await client.call("GET", "/stages")
    path = f"/candidates/{client.key(application)}/revert"
    _, _, write = await client.call("POST", path, json={"member_id": client.simulator.acting_user})
    status, body, late = await client.call("GET", "/stages")

    assert (read["x-rate-limit-limit"], read["x-rate-limit-remaining"]) == ("2", "1")
    assert int(read["x-rate-limit-reset"]) > client.simulator.clock.now_ms() // 1000
    assert not [name for name in write if "rate" in name]
    assert (status, set(body)) == (429, {"error"})
    assert "retry-after" not in late
    assert late["x-rate-limit-remaining"] == "0"


async def test_stages_belong_to_jobs_and_have_slugs(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("workable", unknown_stages=2), http)
    shortcode = client.simulator.JOB_IDS.text(2)

    _, account, _ = await client.call("GET", "/stages")
    _, job, _ = await client.call("GET", f"/jobs/{shortcode}/stages")

    slugs = [stage["slug"] for stage in job["stages"]]
    assert len(set(slugs)) == len(slugs) == 9
    assert slugs == [stage["slug"] for stage in account["stages"]]
    assert all(stage["slug"] and stage["id"] for stage in job["stages"])


async def test_a_move_takes_a_slug_and_answers_with_nothing(client: Client) -> None:
    application = one(client, stage="applied")

    by_name, _ = await client.write(application, "move", target_stage="Phone Screen")
    status, body = await client.write(application, "move", target_stage="phone-screen")
    again, _ = await client.write(application, "move", target_stage="phone-screen")

    assert (by_name, status, again, body) == (422, 200, 200, None)
    assert client.simulator.world.status_of(application) == "screening"
    assert [write.effect for write in client.simulator.writes] == [True, False]
    assert rules(client) == ["target_stage_not_a_slug"]


@pytest.mark.parametrize("name", ["move", "disqualify", "revert", "comments", "ratings", "copy"])
async def test_writes_are_made_by_a_member(client: Client, name: str) -> None:
    application = one(client)
    path = f"/candidates/{client.key(application)}/{name}"

    missing, _, _ = await client.call("POST", path, json={})
    unknown, _, _ = await client.call("POST", path, json={"member_id": "7fffff"})

    assert (missing, unknown) == (422, 422)
    assert rules(client) == ["member_id_missing"]
    assert client.simulator.writes == []


async def test_a_disqualified_candidate_keeps_the_stage_and_can_be_reverted(client: Client) -> None:
    application = one(client, stage="interview")

    status, body = await client.write(
        application, "disqualify", disqualify_reason_id=reason(client, "rejected")
    )
    _, shown, _ = await client.call("GET", f"/candidates/{client.key(application)}")
    reverted, _ = await client.write(application, "revert")

    assert (status, body, reverted) == (200, None, 200)
    assert (shown["candidate"]["disqualified"], shown["candidate"]["stage"]) == (True, "Interview")
    assert shown["candidate"]["withdrew"] is False
    assert client.simulator.world.status_of(application) == "interview"


async def test_a_withdrawal_agrees_with_its_reason(client: Client) -> None:
    application = one(client)

    wrong, _ = await client.write(
        application, "disqualify", disqualify_reason_id=reason(client, "rejected"), withdrew=True
    )
    right, _ = await client.write(application, "disqualify", withdrew=True)
    again, _ = await client.write(application, "disqualify", withdrew=True)

    assert (wrong, right, again) == (422, 200, 200)
    assert client.simulator.world.status_of(application) == "withdrawn"
    assert [write.effect for write in client.simulator.writes] == [True, False]
    assert rules(client) == ["reason_contradicts_withdrew"]


async def test_a_disqualification_may_have_no_reason(client: Client) -> None:
    application = one(client)

    await client.write(application, "disqualify")
    again, _ = await client.write(application, "disqualify")
    truth = client.simulator.truth().applications[client.key(application)]

    assert again == 200
    assert (truth["status"], truth["rejection_reason"]) == ("rejected", None)
    assert [write.effect for write in client.simulator.writes] == [True, False]


async def test_a_long_note_is_refused(client: Client) -> None:
    status, _ = await client.write(one(client), "disqualify", disqualify_note="x" * 257)

    assert (status, rules(client)) == (422, ["disqualify_note_too_long"])


async def test_entering_the_hired_stage_hires_and_may_need_a_requisition(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("workable", requisition_required=True), http)
    application = one(client)

    refused, _ = await client.write(application, "move", target_stage="hired")
    hired, _ = await client.write(
        application, "move", target_stage="hired", fill_reserved_requisition=True
    )
    state = application.state
    await client.write(application, "move", target_stage="offer")

    assert (refused, hired, state) == (422, 200, "hired")
    assert client.simulator.world.status_of(application) == "offer"


async def test_repeated_orders_can_be_refused(start: Start, http: aiohttp.ClientSession) -> None:
    options = {"same_stage_refused": True, "second_disqualify_refused": True}
    client = Client(await start("workable", **options), http)
    moved, rejected = one(client, stage="offer"), one(client, "rejected")

    same, _ = await client.write(moved, "move", target_stage="offer")
    twice, _ = await client.write(rejected, "disqualify")

    assert (same, twice) == (422, 422)
    assert client.simulator.writes == []


async def test_tags_are_replaced_as_a_whole(client: Client) -> None:
    application = one(client)
    path = f"/candidates/{client.key(application)}/tags"

    _, _, _ = await client.call("PUT", path, json={"tags": ["a", "b"]})
    status, body, _ = await client.call("PUT", path, json={"tags": ["c"]})

    assert (status, body) == (200, {"tags": ["c"]})
    assert client.simulator.world.people[application.person].tags == ["c"]


async def test_an_unknown_custom_attribute_is_not_found(client: Client) -> None:
    path = f"/candidates/{client.key(one(client))}/update_custom_attribute_value"
    known = {"custom_attribute_key": "clearview_score", "value": 80}

    missing, body, _ = await client.call("PATCH", path, json={**known, "custom_attribute_key": "?"})
    first, nothing, _ = await client.call("PATCH", path, json=known)
    await client.call("PATCH", path, json=known)

    assert (missing, body) == (404, {"error": "Not found"})
    assert (first, nothing) == (200, None)
    assert [write.effect for write in client.simulator.writes] == [True, False]


async def test_relocating_gives_a_new_record_and_ends_the_old_one(client: Client) -> None:
    application = one(client, stage="applied")
    world = client.simulator.world
    job = next(number for number in world.jobs if number != application.job)
    target = {
        "target_job_shortcode": client.simulator.JOB_IDS.text(job),
        "target_stage": "applied",
    }

    _, body = await client.write(application, "relocate", **target)
    gone, _, _ = await client.call("GET", f"/candidates/{client.key(application)}")
    _, copy, _ = await client.call("GET", f"/candidates/{body['candidate']['id']}")

    assert gone == 404
    assert copy["candidate"]["originating_candidate_id"] == client.key(application)
    assert copy["candidate"]["job"]["shortcode"] == target["target_job_shortcode"]
    assert set(client.simulator.truth().candidates) == {
        row["id"] for row in await client.rows("/candidates")
    }


async def test_a_further_application_is_a_record_of_its_own(client: Client) -> None:
    simulator = client.simulator
    person = simulator.world.people[1]
    job = next(j for j in simulator.world.jobs.values() if j.number != 1)
    copy = simulator.actions.apply(person, job)

    simulator.actions.edit_person(person, {"title": "Only here"})
    titles = {r["id"]: r["headline"] for r in await client.rows("/candidates")}

    assert titles[simulator.person_key(person)] == "Only here"
    assert titles[client.key(copy)] != "Only here"


async def test_merged_and_deleted_records_leave_nothing_behind(client: Client) -> None:
    simulator = client.simulator
    people = simulator.world.people
    simulator.actions.merge(people[1], people[2])
    simulator.actions.delete_person(people[3])
    simulator.actions.delete_application(simulator.world.applications[4])

    found = {row["id"] for row in await client.rows("/candidates")}

    truth = simulator.truth()
    assert len(found) == 57
    assert found == set(truth.candidates) == set(truth.applications)


async def test_activities_name_moves_by_their_target(client: Client) -> None:
    application = one(client, stage="applied")
    await client.write(application, "move", target_stage="interview")
    await client.write(application, "comments", comment={"body": "seen"})
    await client.write(application, "disqualify")

    _, body, _ = await client.call("GET", f"/candidates/{client.key(application)}/activities")

    actions = [row["action"] for row in body["activities"]]
    assert actions[0] == "uploaded"
    assert {"interview", "comment", "disqualified"} <= set(actions)
    assert body["activities"][0]["target_stage"] is None


async def test_file_links_end_and_want_no_credentials(
    client: Client, http: aiohttp.ClientSession
) -> None:
    person = next(p for p in client.simulator.world.people.values() if p.files)
    path = f"/candidates/{client.simulator.person_key(person)}/files"
    _, body, _ = await client.call("GET", path)
    url = body["files"][0]["preview_url"]

    async with http.get(url) as answer:
        good = answer.status
    async with http.get(url, headers=client.headers):
        client.simulator.clock.advance(60_001)
    async with http.get(url) as answer:
        late = answer.status

    assert (good, late) == (200, 403)
    assert rules(client) == ["credentials_sent_to_file_store"]


@pytest.mark.parametrize(
    ("method", "name", "body", "rule"),
    [
        ("POST", "move", {"target_stage": "offer", "stage": "offer"}, "unknown_body_field"),
        ("POST", "move", {}, "parameter_missing"),
        ("POST", "comments", {"comment": "seen"}, "comment_shape"),
        ("POST", "ratings", {"scale": "thumbs", "grade": 5}, "grade_out_of_bounds"),
        ("PUT", "tags", {"tags": "one"}, "tags_not_a_list"),
        (
            "PATCH",
            "update_custom_attribute_value",
            {"custom_attribute_key": "clearview_score", "value": 1, "date": "2026-01-01"},
            "value_kind_unclear",
        ),
    ],
)
async def test_a_malformed_write_changes_nothing(
    client: Client, method: str, name: str, body: Any, rule: str
) -> None:
    given = {"member_id": client.simulator.acting_user, **body}
    path = f"/candidates/{client.key(one(client))}/{name}"

    status, answer, _ = await client.call(method, path, json=given)

    assert (status, set(answer)) == (422, {"error"})
    assert (rules(client), client.simulator.writes) == ([rule], [])


async def test_a_form_is_no_body(client: Client) -> None:
    path = f"/candidates/{client.key(one(client))}/revert"

    status, _, _ = await client.call("POST", path, data={"member_id": "1"})

    assert (status, rules(client)) == (422, ["content_type_wrong"])


async def test_a_rating_and_an_edit_are_accepted(client: Client) -> None:
    application = one(client)
    path = f"/candidates/{client.key(application)}"

    rated, _ = await client.write(application, "ratings", scale="stars", grade=4)
    edited, body, _ = await client.call(
        "PATCH", path, json={"candidate": {"headline": "Baker", "email": "new@example.com"}}
    )

    assert (rated, edited) == (200, 200)
    assert (body["candidate"]["headline"], body["candidate"]["email"]) == (
        "Baker",
        "new@example.com",
    )
    assert [write.kind for write in client.simulator.writes] == ["ratings", "edit"]


@pytest.mark.parametrize(("kind", "host"), [("endless_next", None), ("foreign_next", "other")])
async def test_a_next_link_may_lead_nowhere_new_or_elsewhere(
    client: Client, kind: FaultKind, host: str | None
) -> None:
    client.simulator.faults.add(Fault(kind, operation="list", to="http://other.invalid"))

    _, page, _ = await client.call("GET", "/candidates?limit=5")
    link = page["paging"]["next"]

    assert link.startswith("http://other.invalid/" if host else client.simulator.url)
    if host is None:
        _, again, _ = await client.call("GET", link)
        assert again["candidates"] == page["candidates"]
