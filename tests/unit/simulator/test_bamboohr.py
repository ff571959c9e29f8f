"""The BambooHR simulator refuses what the vendor refuses and answers truly otherwise."""

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from connectors.simulator import Fault, Simulator
from connectors.simulator.commands import run_random_commands
from connectors.simulator.faults import FaultKind
from connectors.simulator.world import Application
from tests.support.simulators import Start, one, rules

ATS = "/applicant_tracking"
STAMP = "%Y-%m-%d %H:%M:%S"


class Client:
    """A naive, correct walk of the API."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.http = http
        key = simulator.credentials["api_key"]
        self.headers = {
            "Authorization": aiohttp.encode_basic_auth(key, "x"),
            "Accept": "application/json",
        }

    async def call(self, method: str, path: str, **kwargs: Any) -> tuple[int, Any, dict[str, Any]]:
        url = path if path.startswith("http") else f"{self.simulator.url}{ATS}{path}"
        async with self.http.request(method, url, headers=self.headers, **kwargs) as answer:
            body = await answer.json() if await answer.read() else None
            return answer.status, body, {k.lower(): v for k, v in answer.headers.items()}

    async def rows(self, **params: str) -> list[dict[str, Any]]:
        status, page, _ = await self.call("GET", "/applications", params=params)
        found: list[dict[str, Any]] = []
        while True:
            assert status == 200, page
            found += page["applications"]
            assert page["paginationComplete"] == (page["nextPageUrl"] is None)
            if page["paginationComplete"]:
                return found
            status, page, _ = await self.call("GET", page["nextPageUrl"])

    async def post(
        self, application: Application, name: str, body: dict[str, Any]
    ) -> tuple[int, Any, dict[str, Any]]:
        key = self.simulator.application_key(application)
        return await self.call("POST", f"/applications/{key}/{name}", json=body)

    def status(self, application: Application) -> int:
        key = self.simulator.application_key(application)
        return int(self.simulator.truth().applications[key]["stage"]["external_id"])


@pytest.fixture
async def client(start: Start, http: aiohttp.ClientSession) -> Client:
    return Client(await start("bamboohr", page_size=7), http)


async def status_named(client: Client, name: str) -> int:
    _, found, _ = await client.call("GET", "/statuses")
    return int(next(row["id"] for row in found if row["name"] == name))


def contact(value: str | None) -> list[dict[str, Any]]:
    return [{"value": value, "type": None}] if value else []


async def walk_and_compare(client: Client) -> None:
    rows = await client.rows(sortBy="created_date", sortOrder="ASC")
    closed = {r["id"] for r in await client.rows(applicationStatus="INACTIVE")}
    hired = {r["id"] for r in await client.rows(applicationStatus="HIRED")}
    truth = client.simulator.truth()

    assert {str(row["id"]) for row in rows} == set(truth.applications)
    assert len(rows) == len(truth.applications)
    assert {str(row["applicant"]["id"]) for row in rows} == set(truth.candidates)
    for row in rows:
        application = truth.applications[str(row["id"])]
        person = truth.candidates[str(row["applicant"]["id"])]
        _, found, _ = await client.call("GET", f"/applications/{row['id']}")
        applicant = found["applicant"]
        assert application["candidate_external_id"] == person["external_id"]
        assert applicant["firstName"] == person["first_name"]
        assert contact(applicant["phoneNumber"]) == person["phones"]
        assert contact(applicant["email"]) == person["emails"]
        assert application["stage"] == {
            "external_id": str(row["status"]["id"]),
            "name": row["status"]["label"],
        }
        assert row["job"]["title"]["label"] == application["job"]["name"]
        assert datetime.fromisoformat(row["appliedDate"]) == application["applied_at"]
        assert (row["id"] in hired) == (application["status"] == "hired")
        assert (row["id"] in closed) == (application["status"] in {"rejected", "withdrawn"})


@pytest.mark.parametrize(("steps", "seed"), [(0, 1), (120, 1), (120, 2), (120, 3)])
async def test_a_correct_walk_finds_the_truth_whatever_happened_before(
    client: Client, steps: int, seed: int
) -> None:
    assert len(run_random_commands(client.simulator, steps=steps, seed=seed)) == steps

    await walk_and_compare(client)

    assert client.simulator.violations == []


async def test_the_list_has_no_time_of_change_and_no_phone(client: Client) -> None:
    rows = await client.rows()
    _, found, _ = await client.call("GET", f"/applications/{rows[0]['id']}")

    assert set(rows[0]) == {"id", "appliedDate", "status", "rating", "applicant", "job"}
    assert {"dateChanged", "changedByUser"} <= set(found["status"])
    assert set(rows[0]["status"]) == {"id", "label"}
    assert "phoneNumber" not in rows[0]["applicant"]
    assert "phoneNumber" in found["applicant"]


async def test_an_applicant_is_numbered_apart_from_the_application(client: Client) -> None:
    rows = await client.rows()

    applications = {row["id"] for row in rows}
    applicants = {row["applicant"]["id"] for row in rows}
    assert all(row["id"] != row["applicant"]["id"] for row in rows)
    assert applications & applicants


async def test_a_page_behind_the_last_is_empty_and_complete(client: Client) -> None:
    _, page, _ = await client.call("GET", "/applications", params={"page": "99"})

    assert page == {"applications": [], "paginationComplete": True, "nextPageUrl": None}


async def test_next_links_carry_the_other_parameters_on(client: Client) -> None:
    _, page, _ = await client.call(
        "GET", "/applications", params={"applicationStatus": "ALL_ACTIVE", "sortBy": "status"}
    )
    _, second, _ = await client.call("GET", page["nextPageUrl"])

    link = page["nextPageUrl"]
    assert "applicationStatus=ALL_ACTIVE" in link
    assert "page=2" in link
    ids = [row["status"]["id"] for row in page["applications"] + second["applications"]]
    assert ids == sorted(ids)


async def test_per_page_changes_nothing(client: Client) -> None:
    _, page, _ = await client.call("GET", "/applications", params={"per_page": "2"})

    assert len(page["applications"]) == 7
    assert rules(client) == ["per_page_is_ignored"]


async def test_a_new_applicant_shifts_the_pages_of_the_usual_order(client: Client) -> None:
    simulator = client.simulator
    simulator.on_page = lambda _, page: simulator.actions.new_applicant() if page == 1 else None

    rows = await client.rows()

    keys = [row["id"] for row in rows]
    assert len(keys) - len(set(keys)) == 1


async def test_new_since_finds_submissions_and_no_changes(client: Client) -> None:
    simulator = client.simulator
    minute_ago = datetime.fromtimestamp(simulator.clock.now_ms() / 1000 - 60, tz=UTC)
    await client.post(one(client), "status", {"status": await status_named(client, "Hired")})
    fresh = simulator.actions.new_applicant()

    found = await client.rows(newSince=minute_ago.strftime(STAMP))

    assert [str(row["id"]) for row in found] == [simulator.application_key(fresh)]


async def test_the_latest_change_can_come_first(client: Client) -> None:
    application = one(client)
    simulator = client.simulator
    simulator.clock.advance(5)
    simulator.actions.edit_person(simulator.world.people[application.person], {"source": "New"})

    rows = await client.rows(sortBy="last_updated", sortOrder="DESC")

    assert str(rows[0]["applicant"]["id"]) == simulator.person_key(
        simulator.world.people[application.person]
    )


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/applications?page=0", "page_out_of_bounds"),
        ("/applications?limit=5", "unknown_parameter"),
        ("/applications?updatedSince=2026-01-01", "unknown_parameter"),
        ("/applications?newSince=2026-01-01T00:00:00Z", "time_not_with_space"),
        ("/applications?applicationStatus=REJECTED", "unknown_group"),
        ("/applications?sortBy=updated_at", "sort_not_allowed"),
        ("/candidates", "unknown_endpoint"),
    ],
)
async def test_a_refusal_has_no_body_and_its_message_in_a_header(
    client: Client, path: str, rule: str
) -> None:
    status, body, headers = await client.call("GET", path)

    assert status in {400, 404}
    assert body is None
    assert headers["x-bamboohr-error-message"]
    assert rules(client) == [rule]


async def test_the_key_is_the_user_and_the_password_does_not_matter(client: Client) -> None:
    key = client.simulator.credentials["api_key"]
    statuses = []

    for user, password in ((key, "anything"), ("wrong", "x")):
        client.headers["Authorization"] = aiohttp.encode_basic_auth(user, password)
        statuses.append((await client.call("GET", "/statuses"))[0])
    client.headers["Authorization"] = f"Bearer {key}"
    statuses.append((await client.call("GET", "/statuses"))[0])

    assert statuses == [200, 401, 401]
    assert rules(client) == ["basic_authorization_missing"]


async def test_who_does_not_ask_for_json_gets_xml(
    client: Client, http: aiohttp.ClientSession
) -> None:
    del client.headers["Accept"]
    url = f"{client.simulator.url}{ATS}/statuses"

    async with http.get(url, headers=client.headers) as answer:
        text = await answer.text()

    assert (answer.status, answer.content_type) == (200, "text/xml")
    assert text.startswith("<?xml")
    assert rules(client) == ["accept_json_missing"]


async def test_a_key_without_ats_access_is_forbidden(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("bamboohr", ats_access=False), http)

    status, body, _ = await client.call("GET", "/statuses")

    assert (status, body, rules(client)) == (403, None, [])


async def test_statuses_are_the_companys_and_have_text_ids(client: Client) -> None:
    _, statuses, _ = await client.call("GET", "/statuses")
    rows = await client.rows()

    assert all(isinstance(row["id"], str) for row in statuses)
    assert all(isinstance(row["status"]["id"], int) for row in rows)
    assert {str(row["status"]["id"]) for row in rows} <= {row["id"] for row in statuses}


async def test_jobs_are_a_plain_array(client: Client) -> None:
    client.simulator.world.jobs[2].is_open = False

    _, jobs, _ = await client.call("GET", "/jobs")
    _, filled, _ = await client.call("GET", "/jobs", params={"statusGroups": "Filled"})

    assert len(jobs) == len(client.simulator.world.jobs)
    assert [str(job["id"]) for job in filled] == [client.simulator.JOB_IDS.text(2)]
    assert sum(job["totalApplicantsCount"] for job in jobs) == len(await client.rows())


async def test_a_status_is_written_as_a_number_and_the_second_has_no_effect(client: Client) -> None:
    application = one(client)
    offer = await status_named(client, "Made an Offer")

    as_text, _, _ = await client.post(application, "status", {"status": str(offer)})
    first, body, _ = await client.post(application, "status", {"status": offer})
    await client.post(application, "status", {"status": offer})

    assert (as_text, first, body["type"]) == (400, 200, "positionApplicantStatus")
    assert client.simulator.world.status_of(application) == "offer"
    assert [write.effect for write in client.simulator.writes] == [True, False]
    assert rules(client) == ["status_not_an_integer"]


@pytest.mark.parametrize(
    ("name", "status"),
    [("Not a fit", "rejected"), ("Withdrew", "withdrawn"), ("Hired", "hired")],
)
async def test_ends_are_statuses_and_can_be_left_again(
    client: Client, name: str, status: str
) -> None:
    application = one(client)

    await client.post(application, "status", {"status": await status_named(client, name)})
    ended = client.simulator.world.status_of(application), client.status(application)
    target = await status_named(client, "Schedule Interview")
    await client.post(application, "status", {"status": target})

    assert ended == (status, await status_named(client, name))
    assert client.simulator.world.status_of(application) == "interview"


async def test_an_unknown_status_is_refused_without_blame(client: Client) -> None:
    status, body, headers = await client.post(one(client), "status", {"status": 999})

    assert (status, body, rules(client)) == (400, None, [])
    assert headers["x-bamboohr-error-message"]


async def test_the_same_status_can_be_refused(start: Start, http: aiohttp.ClientSession) -> None:
    client = Client(await start("bamboohr", same_status_refused=True), http)
    application = one(client)

    status, _, _ = await client.post(application, "status", {"status": client.status(application)})

    assert (status, client.simulator.writes) == (400, [])


async def test_comments_are_the_only_remarks(client: Client) -> None:
    application = one(client)

    wrong, _, _ = await client.post(application, "comments", {"type": "comment"})
    right, body, _ = await client.post(application, "comments", {"comment": "seen"})
    key = client.simulator.application_key(application)
    _, found, _ = await client.call("GET", f"/applications/{key}")

    assert (wrong, right, body["type"], found["commentCount"]) == (400, 200, "comment", 1)
    assert rules(client) == ["comment_shape"]


async def test_what_creating_calls_a_candidate_is_an_application(client: Client) -> None:
    order = {"firstName": "Ada", "lastName": "Test", "jobId": int(client.simulator.JOB_IDS.text(1))}

    status, body, _ = await client.call("POST", "/application", json=order)
    _, found, _ = await client.call("GET", f"/applications/{body['candidateId']}")
    missing, _, _ = await client.call("POST", "/application", json={"firstName": "Ada"})

    assert (status, missing) == (200, 422)
    assert found["applicant"]["firstName"] == "Ada"
    assert found["applicant"]["id"] != body["candidateId"]


async def test_a_limited_account_may_say_when_to_come_back(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("bamboohr", unlimited=False, rate_per_minute=1), http)

    await client.call("GET", "/statuses")
    status, body, headers = await client.call("GET", "/statuses")

    assert (status, body) == (429, None)
    assert 0 < int(headers["retry-after"]) <= 60


async def test_an_applicant_without_applications_is_not_seen(client: Client) -> None:
    simulator = client.simulator
    application = one(client)
    person = simulator.world.people[application.person]
    for mine in list(simulator.world.applications_of(person)):
        simulator.actions.delete_application(mine)

    rows = await client.rows()

    assert {str(row["applicant"]["id"]) for row in rows} == set(simulator.truth().candidates)
    assert simulator.person_key(person) not in simulator.truth().candidates


@pytest.mark.parametrize(
    ("path", "body", "status", "rule"),
    [
        ("/applications/{}/status", {"data": {"status": "1"}}, 400, "content_type_wrong"),
        ("/applications/{}/status", {"json": {"statusId": 1}}, 400, "unknown_body_field"),
        ("/application", {"json": {"firstName": "Ada"}}, 422, "parameter_missing"),
    ],
)
async def test_a_malformed_write_changes_nothing(
    client: Client, path: str, body: Any, status: int, rule: str
) -> None:
    key = client.simulator.application_key(one(client))

    found, answer, _ = await client.call("POST", path.format(key), **body)

    assert (found, answer, rules(client)) == (status, None, [rule])
    assert client.simulator.writes == []


@pytest.mark.parametrize(("kind", "host"), [("endless_next", None), ("foreign_next", "other")])
async def test_a_next_link_may_lead_nowhere_new_or_elsewhere(
    client: Client, kind: FaultKind, host: str | None
) -> None:
    client.simulator.faults.add(Fault(kind, operation="list", to="http://other.invalid"))

    _, page, _ = await client.call("GET", "/applications")
    link = page["nextPageUrl"]

    assert link.startswith("http://other.invalid/" if host else client.simulator.url)
    if host is None:
        _, again, _ = await client.call("GET", link)
        assert again["applications"] == page["applications"]
