"""The SmartRecruiters simulator refuses what the vendor refuses and answers truly otherwise."""

import asyncio
from typing import Any

import aiohttp
import pytest

from connectors.simulator import Fault, Simulator
from connectors.simulator.actions import ActionRefused
from connectors.simulator.clock import iso
from connectors.simulator.commands import run_random_commands
from connectors.simulator.smartrecruiters import SmartRecruiters
from connectors.simulator.smartrecruiters_rows import process_of
from connectors.simulator.world import Application
from tests.support.simulators import Start, one, rules


class Client:
    """A naive, correct walk of the API."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        assert isinstance(simulator, SmartRecruiters)
        self.simulator = simulator
        self.http = http
        self.headers = {"X-SmartToken": simulator.credentials["api_key"]}

    async def call(self, method: str, path: str, **kwargs: Any) -> tuple[int, Any, dict[str, Any]]:
        url = self.simulator.url + path
        async with self.http.request(method, url, headers=self.headers, **kwargs) as answer:
            body = await answer.json() if await answer.read() else None
            headers = {k.lower(): v for k, v in answer.headers.items()}
            return answer.status, body, headers | {"links": answer.links}

    async def rows(self, path: str, **params: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            status, page, _ = await self.call("GET", path, params=params)
            assert status == 200, page
            found += page["content"]
            if "nextPageId" not in page:
                return found
            params["pageId"] = page["nextPageId"]

    async def put(self, application: Application, part: str, body: object) -> tuple[int, Any]:
        status, found, _ = await self.call("PUT", self.path(application, part), json=body)
        return status, found

    def path(self, application: Application, part: str = "") -> str:
        candidate, _, job = self.simulator.application_key(application).partition(":")
        return f"/candidates/{candidate}/jobs/{job}" + (f"/{part}" if part else "")


@pytest.fixture
async def client(start: Start, http: aiohttp.ClientSession) -> Client:
    return Client(await start("smartrecruiters"), http)


def with_two(client: Client) -> Any:
    return next(p for p in client.simulator.world.people.values() if len(p.applications) == 2)


def stage_of(row: dict[str, Any]) -> str:
    return row["subStatus"] or row["status"]


def contact(value: str | None) -> list[dict[str, Any]]:
    return [{"value": value, "type": None}] if value else []


async def walk_and_compare(client: Client) -> None:
    listed = await client.rows("/candidates", limit="7")
    truth = client.simulator.truth()
    applications = {}
    for row in listed:
        _, found, _ = await client.call("GET", f"/candidates/{row['id']}")
        expected = truth.candidates[row["id"]]
        assert (found["firstName"], found["lastName"]) == (
            expected["first_name"],
            expected["last_name"],
        )
        assert contact(found["email"]) == expected["emails"]
        assert contact(found["phoneNumber"]) == expected["phones"]
        assert found["tags"] == expected["tags"]
        job = next(iter(found["experience"]), {"company": None, "title": None})
        assert (job["company"], job["title"]) == (expected["company"], expected["title"])
        for assignment in filter(
            None, [found["primaryAssignment"], *found["secondaryAssignments"]]
        ):
            applications[f"{row['id']}:{assignment['job']['id']}"] = assignment

    assert {row["id"] for row in listed} == set(truth.candidates)
    assert set(applications) == set(truth.applications)
    for key, found in applications.items():
        expected = truth.applications[key]
        assert expected["stage"] == {"external_id": stage_of(found), "name": stage_of(found)}
        assert found["source"] == expected["source"]
        reason = found["reasonOfRejection"] or found["reasonOfWithdrawal"] or {"label": None}
        assert reason["label"] == expected["rejection_reason"]
        closed = {
            "HIRED": "hired",
            "REJECTED": "rejected",
            "WITHDRAWN": "withdrawn",
            "TRANSFERRED": "withdrawn",
        }
        if found["status"] in closed:
            assert closed[found["status"]] == expected["status"]


@pytest.mark.parametrize(("steps", "seed"), [(0, 1), (120, 1), (120, 2), (120, 3)])
async def test_a_correct_walk_finds_the_truth_whatever_happened_before(
    client: Client, steps: int, seed: int
) -> None:
    assert len(run_random_commands(client.simulator, steps=steps, seed=seed)) == steps

    await walk_and_compare(client)

    assert client.simulator.violations == []


async def test_the_list_has_nothing_about_a_second_assignment_but_its_job(client: Client) -> None:
    person = with_two(client)
    key = client.simulator.person_key(person)
    row = next(r for r in await client.rows("/candidates", limit="100") if r["id"] == key)

    _, found, _ = await client.call("GET", f"/candidates/{key}")

    assert set(row["primaryAssignment"]) == {"job", "status", "subStatus"}
    assert [set(a) for a in row["secondaryAssignments"]] == [{"job"}]
    assert found["secondaryAssignments"][0]["status"]


async def test_the_next_page_is_named_in_body_and_header_and_the_total_stays(
    client: Client,
) -> None:
    _, first, headers = await client.call("GET", "/candidates", params={"limit": "25"})
    _, second, _ = await client.call("GET", str(headers["links"]["next"]["url"].relative()))
    _, third, last = await client.call(
        "GET", "/candidates", params={"limit": "25", "pageId": second["nextPageId"]}
    )

    assert str(headers["links"]["next"]["url"]).endswith(first["nextPageId"])
    assert [len(page["content"]) for page in (first, second, third)] == [25, 25, 10]
    assert {page["totalFound"] for page in (first, second, third)} == {60}
    assert "nextPageId" not in third
    assert "next" not in last["links"]


async def test_a_page_id_remembers_the_filters(client: Client) -> None:
    params = {"status": "REJECTED", "limit": "1"}
    _, first, _ = await client.call("GET", "/candidates", params=params)
    page_id = first["nextPageId"]

    _, second, _ = await client.call("GET", "/candidates", params={"limit": "1", "pageId": page_id})
    changed, _, _ = await client.call(
        "GET", "/candidates", params={"pageId": page_id, "status": "NEW"}
    )

    assert second["content"][0]["primaryAssignment"]["status"] == "REJECTED"
    assert changed == 400
    assert rules(client) == ["parameters_changed_during_walk"]


async def test_filters_repeat_their_key(client: Client) -> None:
    params = [("status", "NEW"), ("status", "LEAD"), ("limit", "100")]
    _, page, _ = await client.call("GET", "/candidates", params=params)

    statuses = {row["primaryAssignment"]["status"] for row in page["content"]}
    assert statuses == {"NEW", "LEAD"}


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/candidates?limit=101", "limit_out_of_bounds"),
        ("/candidates?offset=10", "unknown_parameter"),
        ("/candidates?pageId=made-up", "page_id_not_from_here"),
        ("/candidates?subStatus=Assessment", "substatus_without_status"),
        ("/candidates?status=INTERVIEWING", "unknown_status"),
        ("/candidates?updatedAfter=1790812800000", "time_not_iso_8601"),
        ("/applications", "unknown_endpoint"),
    ],
)
async def test_a_malformed_listing_is_refused(client: Client, path: str, rule: str) -> None:
    status, body, _ = await client.call("GET", path)

    assert status in {400, 404}
    assert set(body) == {"message", "errors"}
    assert set(body["errors"][0]) == {"code", "message"}
    assert rules(client) == [rule]


async def test_offsets_for_jobs_work_and_are_deprecated(client: Client) -> None:
    jobs = await client.rows("/jobs")

    _, page, _ = await client.call("GET", "/jobs", params={"offset": "2"})

    assert [row["id"] for row in page["content"]] == [row["id"] for row in jobs[2:]]
    assert rules(client) == ["offset_is_deprecated"]


async def test_the_key_has_a_header_of_its_own(client: Client) -> None:
    key = client.headers.pop("X-SmartToken")

    for headers in ({}, {"Authorization": f"Bearer {key}"}, {"X-SmartToken": "wrong"}):
        client.headers = headers
        status, _, _ = await client.call("GET", "/jobs")
        assert status == 401
    assert rules(client) == ["smart_token_missing"] * 2


async def test_one_list_of_candidates_at_a_time(start: Start, http: aiohttp.ClientSession) -> None:
    client = Client(await start("smartrecruiters", latency_s=0.2), http)
    lists = [client.call("GET", "/candidates") for _ in range(2)]

    statuses = sorted([status for status, _, _ in await asyncio.gather(*lists)])

    assert statuses == [200, 429]
    assert rules(client) == ["too_many_parallel"]


async def test_eight_other_calls_at_a_time(start: Start, http: aiohttp.ClientSession) -> None:
    client = Client(await start("smartrecruiters", latency_s=0.2), http)
    key = client.simulator.person_key(client.simulator.world.people[1])
    calls = [client.call("GET", f"/candidates/{key}") for _ in range(9)]

    statuses = sorted([status for status, _, _ in await asyncio.gather(*calls)])

    assert statuses == [200] * 8 + [429]


async def test_both_budgets_are_in_the_answer_and_no_time_to_wait(
    start: Start, http: aiohttp.ClientSession
) -> None:
    simulator = await start("smartrecruiters", unlimited=False, rate_per_s=2, time_scale=30.0)
    client = Client(simulator, http)

    _, _, first = await client.call("GET", "/jobs")
    await client.call("GET", "/jobs")
    status, body, late = await client.call("GET", "/jobs")

    assert (first["x-ratelimit-limit"], first["x-ratelimit-remaining"]) == ("2", "1")
    concurrent = "x-ratelimit-concurrent-limit", "x-ratelimit-concurrent-remaining"
    assert [first[name] for name in concurrent] == ["8", "7"]
    assert (status, body["errors"][0]["code"]) == (429, "TOO_MANY_REQUESTS")
    assert "retry-after" not in late
    assert "x-ratelimit-reset" not in late


async def test_the_updated_window_is_exclusive_and_skips_candidates_without_a_time(
    client: Client,
) -> None:
    simulator = client.simulator
    simulator.clock.freeze()
    at = simulator.clock.now_ms()
    person = simulator.world.people[7]
    simulator.actions.set_updated_at(simulator.world.people.values(), None)
    simulator.actions.edit_person(person, {"title": "New"})

    later = await client.rows("/candidates", updatedAfter=iso(at - 1))
    same = await client.rows("/candidates", updatedAfter=iso(at))

    assert [row["id"] for row in later] == [simulator.person_key(person)]
    assert same == []


@pytest.mark.parametrize(("bumps", "seen"), [(False, 0), (True, 1)])
async def test_a_second_assignment_may_change_without_a_trace(
    start: Start, http: aiohttp.ClientSession, bumps: bool, seen: int
) -> None:
    client = Client(await start("smartrecruiters", secondary_bumps_updated=bumps), http)
    simulator = client.simulator
    second = simulator.world.applications[with_two(client).applications[1]]
    before = iso(simulator.clock.now_ms() - 1)

    simulator.actions.edit_application(second, {"clearview_score": 1})

    assert len(await client.rows("/candidates", updatedAfter=before)) == seen


async def test_a_status_change_answers_204_and_the_second_has_no_effect(client: Client) -> None:
    application = one(client)

    for _ in range(2):
        answer = await client.put(application, "status", {"status": "OFFERED"})
        assert answer == (204, None)

    assert client.simulator.world.status_of(application) == "offer"
    assert [write.effect for write in client.simulator.writes] == [True, False]


def in_process(client: Client, number: int) -> Any:
    """An open application to a job of that hiring process."""
    world = client.simulator.world
    return next(
        a
        for a in world.applications.values()
        if a.state == "active" and process_of(world, a.job, 2) == number
    )


async def test_a_sub_status_belongs_to_its_status(client: Client) -> None:
    application = in_process(client, 0)
    label = "Phone screen"

    wrong, _ = await client.put(application, "status", {"status": "OFFERED", "subStatus": label})
    right, _ = await client.put(application, "status", {"status": "IN_REVIEW", "subStatus": label})
    _, found, _ = await client.call("GET", client.path(application))

    assert (wrong, right) == (400, 204)
    assert (found["status"], found["subStatus"]) == ("IN_REVIEW", label)
    assert client.simulator.world.status_of(application) == "screening"
    assert rules(client) == ["substatus_not_of_status"]


async def test_a_sub_status_of_another_job_s_hiring_process_is_refused(client: Client) -> None:
    processes = await client.rows("/configuration/hiring-processes")
    label = "Phone screen"
    body = {"status": "IN_REVIEW", "subStatus": label}

    own, _ = await client.put(in_process(client, 0), "status", body)
    others, _ = await client.put(in_process(client, 1), "status", body)

    assert [label in each["subStatuses"]["IN_REVIEW"] for each in processes] == [True, False]
    assert (own, others) == (204, 422)
    assert rules(client) == ["substatus_of_another_process"]


async def test_a_transfer_ends_one_application_and_begins_another(client: Client) -> None:
    world = client.simulator.world
    application = one(client)
    person = world.people[application.person]
    taken = {a.job for a in world.applications_of(person)}
    job = next(job for job in world.jobs.values() if job.number not in taken)

    moved = client.simulator.actions.transfer(application, job)
    _, old, _ = await client.call("GET", client.path(application))
    _, new, _ = await client.call("GET", client.path(moved))

    assert (old["status"], old["subStatus"], new["status"]) == ("TRANSFERRED", None, "LEAD")
    assert old["reasonOfRejection"] is None


@pytest.mark.parametrize("given", ["IN_REVIEW", "IN-REVIEW"])
async def test_both_spellings_of_a_status_are_understood(client: Client, given: str) -> None:
    application = one(client)

    status, _ = await client.put(application, "status", {"status": given})

    assert status == 204
    assert client.simulator.world.status_of(application) == "reviewing"


async def test_statuses_can_be_written_in_the_other_spelling(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("smartrecruiters", spelling="posting"), http)

    _, found, _ = await client.call("GET", client.path(one(client, "hired")))

    assert found["status"] == "HIRE"


async def test_reasons_are_of_the_kind_of_the_status(client: Client) -> None:
    application = one(client)
    rejection = (await client.rows("/configuration/rejection-reasons"))[0]
    withdrawal = (await client.rows("/configuration/withdrawal-reasons"))[0]

    wrong, _ = await client.put(
        application, "status", {"status": "REJECTED", "reason": withdrawal["id"]}
    )
    with_move, _ = await client.put(
        application, "status", {"status": "OFFERED", "reason": rejection["id"]}
    )
    right, _ = await client.put(
        application, "status", {"status": "WITHDRAWN", "reason": withdrawal["id"]}
    )
    _, found, _ = await client.call("GET", client.path(application))

    assert (wrong, with_move, right) == (400, 400, 204)
    assert found["reasonOfWithdrawal"] == withdrawal
    assert found["reasonOfRejection"] is None
    assert rules(client) == ["reason_of_the_other_kind", "reason_without_rejection"]


async def test_a_rejection_replaces_the_status_and_can_be_undone(client: Client) -> None:
    application = one(client)

    await client.put(application, "status", {"status": "REJECTED"})
    _, rejected, _ = await client.call("GET", client.path(application))
    await client.put(application, "status", {"status": "INTERVIEW"})
    _, history, _ = await client.call("GET", client.path(application, "status/history"))

    assert (rejected["status"], rejected["subStatus"]) == ("REJECTED", None)
    assert client.simulator.world.status_of(application) == "interview"
    assert history["content"][-1]["status"] == "INTERVIEW"
    assert history["totalFound"] == len(history["content"])


async def test_a_hire_may_say_when_it_starts(client: Client) -> None:
    application = one(client)

    wrong, _ = await client.put(
        application, "status", {"status": "HIRED", "startsOn": "next month"}
    )
    right, _ = await client.put(
        application, "status", {"status": "HIRED", "startsOn": "2026-12-01T00:00:00.000Z"}
    )

    assert (wrong, right, application.state) == (400, 204, "hired")


async def test_stricter_accounts_refuse_repetition_and_missing_reasons(
    start: Start, http: aiohttp.ClientSession
) -> None:
    options = {"same_status_refused": True, "reason_required": True}
    client = Client(await start("smartrecruiters", **options), http)
    application, hired = one(client), one(client, "hired")

    without, _ = await client.put(application, "status", {"status": "REJECTED"})
    again, _ = await client.put(hired, "status", {"status": "HIRED"})

    assert (without, again) == (400, 400)
    assert client.simulator.writes == []


async def test_the_status_of_the_primary_assignment_is_better_left_alone(client: Client) -> None:
    application = one(client)
    key = client.simulator.person_key(client.simulator.world.people[application.person])

    status, _, _ = await client.call("PUT", f"/candidates/{key}/status", json={"status": "OFFERED"})

    assert status == 204
    assert rules(client) == ["primary_status_discouraged"]


async def test_properties_are_an_array_of_typed_values(client: Client) -> None:
    application = one(client)
    listed = await client.rows("/configuration/candidate-properties")
    score = next(row for row in listed if row["label"] == "clearview_score")["id"]

    no_array, _ = await client.put(application, "properties", {"id": score, "value": 80})
    no_number, _ = await client.put(application, "properties", [{"id": score, "value": "80"}])
    right, _ = await client.put(application, "properties", [{"id": score, "value": 80}])
    await client.put(application, "properties", [{"id": score, "value": 80}])
    _, found, _ = await client.call("GET", client.path(application, "properties"))
    values = {row["label"]: row["value"] for row in found["content"]}

    assert (no_array, no_number, right) == (400, 400, 200)
    assert (values["clearview_score"], values["desired_salary"]) == (80, {})
    assert [write.effect for write in client.simulator.writes] == [True, False]
    assert rules(client) == ["properties_not_an_array", "property_type_wrong"]


async def test_a_property_without_a_value_is_reset(client: Client) -> None:
    application = one(client)
    before = dict(application.custom_fields)
    client.simulator.actions.edit_application(application, {"clearview_score": 5})
    listed = await client.rows("/configuration/candidate-properties")
    score = next(row for row in listed if row["label"] == "clearview_score")["id"]

    await client.put(application, "properties", [{"id": score}])

    assert application.custom_fields == before


async def test_tags_are_added_replaced_or_all_removed(client: Client) -> None:
    person = client.simulator.world.people[1]
    path = f"/candidates/{client.simulator.person_key(person)}/tags"
    person.tags = ["old"]
    seen = []

    for method, body in (("POST", {"tags": ["new"]}), ("PUT", {"tags": ["x"]}), ("DELETE", None)):
        await client.call(method, path, json=body)
        seen.append(list(person.tags))

    assert seen == [["old", "new"], ["x"], []]


async def test_a_note_names_its_candidate_and_mentions_send_mail(client: Client) -> None:
    key = client.simulator.person_key(client.simulator.world.people[1])

    lost, _, _ = await client.call("POST", "/messages/shares", json={"content": "hello"})
    kept, _, _ = await client.call(
        "POST", "/messages/shares", json={"content": f"#[CANDIDATE:{key}] @[USER:u1] seen"}
    )

    assert (lost, kept) == (400, 201)
    assert client.simulator.recorder.emails_sent == 1
    assert rules(client) == ["note_without_candidate"]


async def test_a_deleted_candidate_is_gone_with_every_assignment(client: Client) -> None:
    person = with_two(client)
    key = client.simulator.person_key(person)

    status, _, _ = await client.call("DELETE", f"/candidates/{key}")
    gone, _, _ = await client.call("GET", f"/candidates/{key}")

    assert (status, gone) == (204, 404)
    assert not [k for k in client.simulator.truth().applications if k.startswith(key)]


async def test_a_candidate_applies_once_to_a_job_also_after_a_merge(client: Client) -> None:
    world, actions = client.simulator.world, client.simulator.actions
    person = with_two(client)
    jobs = [a.job for a in world.applications_of(person)]
    with pytest.raises(ActionRefused):
        actions.apply(person, world.jobs[jobs[0]])
    duplicate = world.people[actions.new_applicant(job=world.jobs[jobs[0]]).person]

    actions.merge(person, duplicate)
    keys = [client.simulator.application_key(a) for a in world.applications_of(person)]

    assert len(keys) == len(set(keys)) == 2
    assert set(client.simulator.truth().candidates) == {
        row["id"] for row in await client.rows("/candidates", limit="100")
    }


async def test_odd_sub_statuses_belong_to_a_review(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("smartrecruiters", unknown_stages=2), http)

    processes = await client.rows("/configuration/hiring-processes")

    labels = [label for each in processes for label in each["subStatuses"]["IN_REVIEW"]]
    assert len(set(labels)) == len(labels) == 4
    with pytest.raises(ActionRefused):
        client.simulator.actions.rename_stage(client.simulator.world.stages[1], "Other")


@pytest.mark.parametrize(
    ("path", "body", "status", "rule"),
    [
        ("tags", {"json": {"tags": "one"}}, 400, "tags_not_a_list"),
        ("tags", {"json": {"labels": ["one"]}}, 400, "unknown_body_field"),
        ("tags", {"data": {"tags": "one"}}, 415, "content_type_wrong"),
    ],
)
async def test_a_malformed_write_changes_nothing(
    client: Client, path: str, body: Any, status: int, rule: str
) -> None:
    person = client.simulator.world.people[1]
    before = list(person.tags)
    key = client.simulator.person_key(person)

    found, _, _ = await client.call("PUT", f"/candidates/{key}/{path}", **body)

    assert (found, rules(client)) == (status, [rule])
    assert (person.tags, client.simulator.writes) == (before, [])


async def test_page_ids_end_when_they_are_made_to(client: Client) -> None:
    _, first, _ = await client.call("GET", "/candidates?limit=5")
    client.simulator.expire_tokens()

    status, _, _ = await client.call("GET", f"/candidates?pageId={first['nextPageId']}")

    assert (status, rules(client)) == (400, [])


async def test_the_next_page_may_be_this_one_or_on_another_host(client: Client) -> None:
    faults = client.simulator.faults
    faults.add(Fault("endless_next", operation="list"))
    faults.add(Fault("foreign_next", operation="list", to="http://other.invalid"))

    _, first, _ = await client.call("GET", "/candidates?limit=5")
    path = f"/candidates?limit=5&pageId={first['nextPageId']}"
    _, again, headers = await client.call("GET", path)

    assert again["content"] == first["content"]
    assert headers["links"]["next"]["url"].host == "other.invalid"
