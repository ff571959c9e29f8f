"""The Ashby simulator refuses what Ashby refuses and answers truly otherwise."""

from typing import Any

import aiohttp
import pytest

from connectors.simulator import Simulator
from connectors.simulator.commands import run_random_commands
from connectors.simulator.world import Application
from tests.support.simulators import Start, one, rules

ACCEPT = "application/json; version=1"


class Client:
    """A naive, correct walk of the API."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.http = http
        self.headers = {
            "Authorization": aiohttp.encode_basic_auth(simulator.credentials["api_key"], ""),
            "Accept": ACCEPT,
        }
        self.sync_token = ""

    async def call(self, method: str, **body: object) -> tuple[int, dict[str, Any]]:
        url = f"{self.simulator.url}/{method}"
        async with self.http.post(url, headers=self.headers, json=body) as answer:
            return answer.status, await answer.json()

    async def rows(self, method: str, **body: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        more = True
        while more:
            status, page = await self.call(method, **body)
            assert (status, page["success"]) == (200, True), page
            found += page["results"]
            more = page.get("moreDataAvailable", False)
            assert more == ("nextCursor" in page)
            if more:
                assert "syncToken" not in page
                body["cursor"] = page["nextCursor"]
        self.sync_token = page.get("syncToken", "")
        return found


@pytest.fixture
async def client(start: Start, http: aiohttp.ClientSession) -> Client:
    return Client(await start("ashby"), http)


def stage(client: Client, application: Application, kind: str) -> Any:
    stages = client.simulator.world.stages_of(application.job)
    return next((stage for stage in stages if stage.kind == kind), None)


async def change(
    client: Client, application: Application, kind: str, **more: object
) -> dict[str, Any]:
    simulator = client.simulator
    _, body = await client.call(
        "application.changeStage",
        applicationId=simulator.application_key(application),
        interviewStageId=simulator.stage_key(stage(client, application, kind)),
        **more,
    )
    return body


@pytest.mark.parametrize("steps", [0, 120])
async def test_a_correct_walk_finds_the_truth_whatever_happened_before(
    client: Client, steps: int
) -> None:
    run_random_commands(client.simulator, steps=steps)

    candidates = await client.rows("candidate.list", limit=7)
    applications = await client.rows("application.list", limit=11)
    jobs = {job["id"]: job["title"] for job in await client.rows("job.list")}
    truth = client.simulator.truth()

    assert {row["id"] for row in candidates} == set(truth.candidates)
    assert {row["id"] for row in applications} == set(truth.applications)
    for row in candidates:
        expected = truth.candidates[row["id"]]
        found = [{"value": e["value"], "type": e["type"]} for e in row["emailAddresses"]]
        assert found == expected["emails"]
        names = (expected["first_name"], expected["last_name"])
        assert row["name"] == " ".join(name for name in names if name)
        assert {f["title"]: f["value"] for f in row["customFields"]} == expected["custom_fields"]
    for row in applications:
        expected = truth.applications[row["id"]]
        here = row["currentInterviewStage"]
        assert row["candidate"]["id"] == expected["candidate_external_id"]
        assert {"external_id": here["id"], "name": here["title"]} == expected["stage"]
        assert jobs[row["job"]["id"]] == expected["job"]["name"]
        if row["status"] == "Archived":
            by_them = row["archiveReason"]["reasonType"] == "RejectedByCandidate"
            assert expected["status"] == ("withdrawn" if by_them else "rejected")
            assert here["type"] == "Archived"
        elif row["status"] == "Hired":
            assert (expected["status"], here["type"]) == ("hired", "Hired")
    assert client.simulator.violations == []


async def test_rows_come_by_creation_and_a_short_page_is_not_the_end(client: Client) -> None:
    sizes, created, cursor = [], [], None
    while cursor is not False:
        extra: dict[str, object] = {"cursor": cursor} if cursor else {}
        _, page = await client.call("candidate.list", limit=8, **extra)
        sizes.append(len(page["results"]))
        created += [row["createdAt"] for row in page["results"]]
        cursor = page.get("nextCursor", False)

    assert created == sorted(created)
    assert 6 in sizes[:-1]
    assert sum(sizes) == 60


async def test_a_sync_token_brings_exactly_what_changed(client: Client) -> None:
    actions, world = client.simulator.actions, client.simulator.world
    await client.rows("candidate.list")
    token = client.sync_token
    person = world.people[5]
    actions.edit_person(person, {"title": "Changed"})
    fresh = actions.new_applicant()
    actions.delete_person(world.people[9])

    found = await client.rows("candidate.list", syncToken=token)
    nothing = await client.rows("candidate.list", syncToken=client.sync_token)

    assert {row["id"] for row in found} == {
        client.simulator.person_key(person),
        client.simulator.PERSON_IDS.text(fresh.person),
    }
    assert nothing == []


async def test_a_change_during_a_walk_is_in_the_next_one(client: Client) -> None:
    simulator = client.simulator
    person = simulator.world.people[1]
    simulator.on_page = lambda _, page: (
        simulator.actions.edit_person(person, {"company": "New"}) if page == 2 else None
    )
    await client.rows("candidate.list", limit=10)
    simulator.on_page = None

    found = await client.rows("candidate.list", syncToken=client.sync_token)

    assert [row["id"] for row in found] == [simulator.person_key(person)]


async def test_a_sync_token_may_expire(start: Start, http: aiohttp.ClientSession) -> None:
    client = Client(await start("ashby", sync_token_ttl_s=60), http)
    await client.rows("application.list")
    client.simulator.clock.advance(61)

    status, body = await client.call("application.list", syncToken=client.sync_token)

    assert (status, body["success"]) == (200, False)
    assert body["errorInfo"]["code"] == "sync_token_expired"


async def test_a_cursor_belongs_to_its_parameters(client: Client) -> None:
    _, page = await client.call("application.list", limit=5, status="Active")

    _, body = await client.call("application.list", limit=5, cursor=page["nextCursor"])

    assert body["errorInfo"]["code"] == "cursor_invalid"
    assert rules(client) == ["parameters_changed_during_walk"]


@pytest.mark.parametrize(
    ("method", "body", "rule"),
    [
        ("candidate.list", {"limit": 101}, "limit_out_of_bounds"),
        ("candidate.list", {"page": 2}, "unknown_parameter"),
        ("candidate.list", {"cursor": "made-up"}, "cursor_not_from_here"),
        ("candidate.list", {"syncToken": "made-up"}, "sync_token_not_from_here"),
        ("candidate.list", {"createdAfter": "2026-01-01"}, "time_not_epoch_ms"),
        ("archiveReason.list", {"limit": 10}, "unknown_parameter"),
        ("interviewStage.list", {"interviewPlanId": "x", "limit": 10}, "unknown_parameter"),
        ("interviewStage.list", {}, "parameter_missing"),
    ],
)
async def test_a_malformed_call_fails_with_status_200(
    client: Client, method: str, body: Any, rule: str
) -> None:
    status, answer = await client.call(method, **body)

    assert (status, answer["success"]) == (200, False)
    assert answer["errorInfo"]["code"] in {"invalid_input", "cursor_invalid"}
    assert rules(client) == [rule]


@pytest.mark.parametrize(
    ("drop", "status", "rule"),
    [
        ("Authorization", 401, "basic_authorization_missing"),
        ("Accept", 406, "version_header_missing"),
    ],
)
async def test_every_header_is_needed(client: Client, drop: Any, status: int, rule: str) -> None:
    del client.headers[drop]

    found, body = await client.call("job.list")

    assert (found, body["success"], rules(client)) == (status, False, [rule])


async def test_only_post_is_answered(client: Client, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{client.simulator.url}/job.list", headers=client.headers) as answer:
        assert answer.status == 405
    assert rules(client) == ["unknown_endpoint"]


async def test_archiving_needs_a_reason_and_moves_to_the_plans_archived_stage(
    client: Client,
) -> None:
    application = one(client)
    reasons = await client.rows("archiveReason.list")
    withdrew = next(r for r in reasons if r["reasonType"] == "RejectedByCandidate")

    missing = await change(client, application, "Archived")
    done = await change(client, application, "Archived", archiveReasonId=withdrew["id"])

    assert missing["success"] is False
    assert done["results"]["status"] == "Archived"
    assert done["results"]["archiveReason"]["id"] == withdrew["id"]
    assert client.simulator.world.status_of(application) == "withdrawn"
    assert rules(client) == ["archive_without_reason"]


async def test_leaving_the_archived_stage_opens_the_application_again(client: Client) -> None:
    application = one(client, "rejected")

    body = await change(client, application, "Offer")

    assert (body["results"]["status"], application.state) == ("Active", "active")
    assert body["results"]["archiveReason"] is None


async def test_entering_the_hired_stage_hires(client: Client) -> None:
    application = one(client)

    body = await change(client, application, "Hired")

    assert (body["results"]["status"], application.state) == ("Hired", "hired")


async def test_an_archive_email_belongs_to_archiving_and_may_stop_it(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("ashby", archive_emails_fail=True), http)
    application = one(client)
    email = {"archiveEmail": {"communicationTemplateId": "t"}}
    reason = client.simulator.REASON_IDS.text(1)

    elsewhere = await change(client, application, "Offer", **email)
    failed = await change(client, application, "Archived", archiveReasonId=reason, **email)

    assert elsewhere["errorInfo"]["code"] == "communication_template_not_allowed"
    assert failed["success"] is False
    assert application.state == "active"
    assert client.simulator.writes == []


async def test_a_stage_of_another_plan_is_not_found(client: Client) -> None:
    application = one(client)
    world = client.simulator.world
    other = next(s for s in world.stages.values() if s.job != application.job)

    _, body = await client.call(
        "application.changeStage",
        applicationId=client.simulator.application_key(application),
        interviewStageId=client.simulator.stage_key(other),
    )

    assert body["errorInfo"]["code"] == "interview_stage_not_found"


async def test_the_same_stage_again_has_no_effect(client: Client) -> None:
    application = one(client)

    await change(client, application, "Offer")
    await change(client, application, "Offer")

    assert [write.effect for write in client.simulator.writes][-1] is False


async def test_a_custom_field_value_is_overwritten(client: Client) -> None:
    application = one(client)
    fields = await client.rows("customField.list")
    score = next(
        f for f in fields if (f["objectType"], f["title"]) == ("Application", "clearview_score")
    )
    order = {
        "objectId": client.simulator.application_key(application),
        "objectType": "Application",
        "fieldId": score["id"],
    }

    await client.call("customField.setValue", **order, fieldValue=70)
    await client.call("customField.setValue", **order, fieldValue=70)
    _, body = await client.call("application.info", applicationId=order["objectId"])

    assert body["results"]["customFields"][0]["value"] == 70
    assert [write.effect for write in client.simulator.writes] == [True, False]


async def test_history_has_every_stage(client: Client) -> None:
    application = one(client)
    await change(client, application, "Offer")

    history = await client.rows(
        "application.listHistory", applicationId=client.simulator.application_key(application)
    )

    assert history[-1]["leftStageAt"] is None
    assert all(row["leftStageAt"] for row in history[:-1])


async def test_errors_may_come_as_objects_without_error_info(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("ashby", bare_errors=True), http)

    _, body = await client.call("candidate.info", id="nobody")

    assert body["errorInfo"] is None
    assert set(body["errors"][0]) == {"message", "parameter"}


async def test_a_limited_account_says_which_limit_it_was(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("ashby", unlimited=False, rate_per_minute=2), http)

    for _ in range(2):
        await client.call("apiKey.info")
    status, body = await client.call("apiKey.info")

    assert (status, body["errorInfo"]["code"]) == (429, "rate_limit_exceeded")


async def test_notes_and_tags_reach_the_candidate(client: Client) -> None:
    simulator = client.simulator
    person = next(p for p in simulator.world.people.values() if not p.tags)
    key = simulator.person_key(person)
    tags = await client.rows("candidateTag.list")

    await client.call("candidate.createNote", candidateId=key, note={"value": "n"})
    _, added = await client.call("candidate.addTag", candidateId=key, tagId=tags[0]["id"])
    _, removed = await client.call("candidate.removeTag", candidateId=key, tagId=tags[0]["id"])
    _, made = await client.call("candidateTag.create", title="scored")
    notes = await client.rows("candidate.listNotes", candidateId=key)

    assert [note["content"] for note in notes] == ["n"]
    assert [tag["title"] for tag in added["results"]["tags"]] == [tags[0]["title"]]
    assert removed["results"]["tags"] == []
    assert made["results"] in await client.rows("candidateTag.list")


async def test_only_closed_candidates_are_anonymised(client: Client) -> None:
    simulator = client.simulator
    application = one(client)
    person = simulator.world.people[application.person]
    key = simulator.person_key(person)

    _, refused = await client.call("candidate.anonymize", candidateId=key)
    for number in person.applications:
        simulator.actions.reject(simulator.world.applications[number])
    _, done = await client.call("candidate.anonymize", candidateId=key)

    assert refused["success"] is False
    assert done["results"]["emailAddresses"] == []
    assert "primaryEmailAddress" not in done["results"]


async def test_filters_of_applications_hold(client: Client) -> None:
    truth = client.simulator.truth()
    hired = await client.rows("application.list", status="Hired", limit=3)
    job = (await client.rows("job.list"))[0]["id"]
    of_job = await client.rows("application.list", jobId=job)

    assert {row["id"] for row in hired} == {
        key for key, a in truth.applications.items() if a["status"] == "hired"
    }
    assert {row["id"] for row in of_job} == {
        key for key, a in truth.applications.items() if a["job"]["external_id"] == job
    }


async def test_people_are_found_by_email(client: Client) -> None:
    person = client.simulator.world.people[3]

    found = await client.rows("candidate.search", email=person.emails[0].value)

    assert [row["id"] for row in found] == [client.simulator.person_key(person)]


async def test_short_lists_are_paged_too_except_those_that_are_not(client: Client) -> None:
    sources = await client.rows("source.list", limit=2)
    reasons = await client.rows("archiveReason.list", includeArchived=True)
    plan = (await client.rows("interviewPlan.list"))[0]["id"]
    stages = await client.rows("interviewStage.list", interviewPlanId=plan)

    assert len(sources) == len(client.simulator.world.sources)
    assert len(reasons) == len(client.simulator.world.reasons)
    assert [stage["type"] for stage in stages][-2:] == ["Hired", "Archived"]
    assert client.simulator.recorder.requests["source.list"] > 2
    assert rules(client) == []
