"""The Teamtailor simulator refuses what the vendor refuses and answers truly otherwise."""

import json
from typing import Any

import aiohttp
import pytest

from connectors.simulator import Fault, Simulator
from connectors.simulator.clock import iso
from connectors.simulator.commands import run_random_commands
from connectors.simulator.faults import FaultKind
from connectors.simulator.world import Application
from tests.support.simulators import Start, one, rules

JSON_API = "application/vnd.api+json"
INCLUDE = "candidate,job,stage,reject-reason"
Included = dict[tuple[str, str], Any]
"""Rows by their type and id."""


class Client:
    """A naive, correct walk of the API."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.http = http
        key = simulator.credentials["api_key"]
        self.headers = {"Authorization": f"Token token={key}", "X-Api-Version": "20240904"}

    async def call(
        self, method: str, path: str, *, content_type: str = JSON_API, **kwargs: Any
    ) -> Any:
        url = path if path.startswith("http") else self.simulator.url + path
        headers = dict(self.headers)
        if "json" in kwargs:
            kwargs["data"] = json.dumps(kwargs.pop("json"))
            headers["Content-Type"] = content_type
        async with self.http.request(method, url, headers=headers, **kwargs) as answer:
            body = await answer.json(content_type=JSON_API) if await answer.read() else None
            return answer.status, body, {k.lower(): v for k, v in answer.headers.items()}

    async def rows(self, path: str, **params: str) -> tuple[list[dict[str, Any]], Included]:
        status, page, _ = await self.call("GET", path, params=params)
        rows: list[dict[str, Any]] = []
        included: Included = {}
        while True:
            assert status == 200, page
            rows += page["data"]
            included |= {(r["type"], r["id"]): r for r in page.get("included", [])}
            if "next" not in page["links"]:
                return rows, included
            status, page, _ = await self.call("GET", page["links"]["next"])

    async def change(
        self, application: Application, *, attributes: Any = None, **linked: tuple[str, object]
    ) -> Any:
        key = self.simulator.application_key(application)
        body: dict[str, Any] = {"id": key, "type": "job-applications"}
        if attributes is not None:
            body["attributes"] = attributes
        if linked:
            body["relationships"] = {
                name.replace("_", "-"): {"data": {"type": kind, "id": str(to)}}
                for name, (kind, to) in linked.items()
            }
        return await self.call("PATCH", f"/job-applications/{key}", json={"data": body})


@pytest.fixture
async def client(start: Start, http: aiohttp.ClientSession) -> Client:
    return Client(await start("teamtailor"), http)


def stage(client: Client, application: Application, name: str) -> tuple[str, str]:
    found = client.simulator.world.stage_named(application.job, name)
    assert found is not None
    return "stages", client.simulator.stage_key(found)


def reason(client: Client, number: int) -> tuple[str, str]:
    return "reject-reasons", client.simulator.REASON_IDS.text(number)


def contact(value: str | None) -> list[dict[str, Any]]:
    return [{"value": value, "type": None}] if value else []


def answered(included: Included, answer: dict[str, Any]) -> tuple[str, object]:
    asked = answer["relationships"]["question"]["data"]
    question, shown = included[asked["type"], asked["id"]]["attributes"], answer["attributes"]
    if shown["choices"] is None:
        return question["title"], shown[shown["question-type"]]
    titles = {each["id"]: each["title"] for each in question["alternatives"]}
    return question["title"], [titles[each] for each in shown["choices"]]


async def walk_and_compare(client: Client) -> None:
    candidates, values = await client.rows(
        "/candidates", include="custom-field-values.custom-field,answers.question"
    )
    applications, included = await client.rows("/job-applications", include=INCLUDE)
    truth = client.simulator.truth()

    assert {row["id"] for row in candidates} == set(truth.candidates)
    assert {row["id"] for row in applications} == set(truth.applications)
    for row in candidates:
        expected, found = truth.candidates[row["id"]], row["attributes"]
        assert (found["first-name"], found["last-name"]) == (
            expected["first_name"],
            expected["last_name"],
        )
        assert contact(found["email"]) == expected["emails"]
        assert found["tags"] == expected["tags"]
        assert found["referring-site"] == expected["source"]
        fields = {}
        for link in row["relationships"]["custom-field-values"]["data"]:
            value = values[link["type"], link["id"]]
            field = value["relationships"]["custom-field"]["data"]
            name = values[field["type"], field["id"]]["attributes"]["name"]
            fields[name] = value["attributes"]["value"]
        for link in row["relationships"]["answers"]["data"]:
            title, value = answered(values, values[link["type"], link["id"]])
            fields[title] = value
        assert fields == expected["custom_fields"]
    for row in applications:
        expected = truth.applications[row["id"]]
        linked = {
            name: included[link["data"]["type"], link["data"]["id"]]
            for name, link in row["relationships"].items()
            if link["data"]
        }
        here, why = linked["stage"], linked.get("reject-reason")
        assert linked["candidate"]["id"] == expected["candidate_external_id"]
        assert linked["job"]["attributes"]["title"] == expected["job"]["name"]
        assert expected["stage"] == {"external_id": here["id"], "name": here["attributes"]["name"]}
        assert (why and why["attributes"]["reason"]) == expected["rejection_reason"]
        if row["attributes"]["rejected-at"]:
            by_us = why is None or why["attributes"]["rejected-by-company"]
            assert expected["status"] == ("rejected" if by_us else "withdrawn")
        else:
            hired = here["attributes"]["stage-type"] == "Hired"
            assert hired == (expected["status"] == "hired")


@pytest.mark.parametrize(("steps", "seed"), [(0, 1), (120, 1), (120, 2), (120, 3)])
async def test_a_correct_walk_finds_the_truth_whatever_happened_before(
    client: Client, steps: int, seed: int
) -> None:
    assert len(run_random_commands(client.simulator, steps=steps, seed=seed)) == steps

    await walk_and_compare(client)

    assert client.simulator.violations == []


async def test_relationships_have_linkage_only_for_what_is_included(client: Client) -> None:
    _, plain, _ = await client.call("GET", "/job-applications")
    _, with_job, _ = await client.call("GET", "/job-applications", params={"include": "job"})

    assert "included" not in plain
    assert "data" not in plain["data"][0]["relationships"]["job"]
    assert "data" in with_job["data"][0]["relationships"]["job"]
    assert "data" not in with_job["data"][0]["relationships"]["stage"]
    assert {row["type"] for row in with_job["included"]} == {"jobs"}


async def test_ten_rows_are_the_default_and_thirty_the_most(client: Client) -> None:
    _, usual, _ = await client.call("GET", "/candidates")
    _, most, _ = await client.call("GET", "/candidates", params={"page[size]": "30"})
    status, _, _ = await client.call("GET", "/candidates", params={"page[size]": "31"})

    assert (len(usual["data"]), len(most["data"])) == (10, 30)
    assert usual["meta"] == {"record-count": 60, "page-count": 6}
    assert (set(usual["links"]), status) == ({"first", "last", "next"}, 400)
    assert rules(client) == ["page_size_out_of_bounds"]


async def test_links_carry_every_parameter_on(client: Client) -> None:
    params = {"include": "job", "sort": "-updated-at", "filter[stage-type]": "in process"}
    _, page, _ = await client.call("GET", "/job-applications", params=params)

    _, second, _ = await client.call("GET", page["links"]["next"])

    assert "included" in second
    assert second["meta"] == page["meta"]
    assert set(second["links"]) >= {"first", "last", "prev"}


async def test_rows_that_move_shift_the_pages(client: Client) -> None:
    simulator = client.simulator
    actions, world = simulator.actions, simulator.world
    ordered = sorted(world.people.values(), key=lambda p: p.updated_ms or 0)
    simulator.on_page = lambda _, page: (
        actions.edit_person(ordered[0], {"title": "Moved"}) if page == 1 else None
    )

    rows, _ = await client.rows("/candidates", sort="updated-at")

    keys = [row["id"] for row in rows]
    assert simulator.person_key(ordered[10]) not in keys
    assert keys.count(simulator.person_key(ordered[0])) == 2


@pytest.mark.parametrize(
    ("sort", "is_whole"),
    [("created-at", False), ("created-at,id", True), ("-created-at,-id", True)],
)
async def test_equal_times_come_in_any_order_unless_the_id_decides(
    client: Client, sort: str, is_whole: bool
) -> None:
    people = client.simulator.world.people.values()
    for person in people:
        person.created_ms = 1_790_000_000_000

    rows, _ = await client.rows("/candidates", sort=sort)

    shown = [row["id"] for row in rows]
    assert (set(shown) == {client.simulator.person_key(person) for person in people}) is is_whole
    assert len(shown) == len(people)


async def test_deleting_a_row_shifts_the_pages_too(client: Client) -> None:
    simulator = client.simulator
    world = simulator.world
    missed = simulator.person_key(world.people[11])
    simulator.on_page = lambda _, page: (
        simulator.actions.delete_person(world.people[2]) if page == 1 else None
    )

    rows, _ = await client.rows("/candidates")

    assert missed not in {row["id"] for row in rows}


async def test_a_move_leaves_the_candidate_untouched(client: Client) -> None:
    application = one(client)
    since = {"filter[updated-at][from]": iso(client.simulator.clock.now_ms())}

    await client.change(application, stage=stage(client, application, "Offer"))
    _, candidates, _ = await client.call("GET", "/candidates", params=since)
    _, applications, _ = await client.call("GET", "/job-applications", params=since)
    moved = {"filter[changed-stage-at][from]": since["filter[updated-at][from]"]}
    _, by_move, _ = await client.call("GET", "/job-applications", params=moved)

    key = client.simulator.application_key(application)
    assert candidates["data"] == []
    assert [row["id"] for row in applications["data"]] == [key]
    assert [row["id"] for row in by_move["data"]] == [key]


async def test_windows_include_both_ends_and_skip_rows_without_a_time(client: Client) -> None:
    simulator = client.simulator
    person = simulator.world.people[3]
    simulator.actions.set_updated_at(simulator.world.people.values(), None)
    simulator.actions.set_updated_at([person], at := simulator.clock.now_ms())
    window = {f"filter[updated-at][{end}]": iso(at) for end in ("from", "to")}

    _, found, _ = await client.call("GET", "/candidates", params=window)

    assert [row["id"] for row in found["data"]] == [simulator.person_key(person)]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/candidates?page[number]=0", "page_number_out_of_bounds"),
        ("/candidates?page[after]=x", "unknown_parameter"),
        ("/candidates?limit=10", "unknown_parameter"),
        ("/job-applications?filter[job]=1", "filter_not_allowed"),
        ("/job-applications?include=interviews", "include_not_allowed"),
        ("/candidates?sort=pitch", "sort_not_allowed"),
        ("/candidates?filter[updated-at][from]=yesterday", "time_not_iso_8601"),
        ("/jobs?filter[status]=open", "unknown_job_status"),
        ("/activities", "unknown_endpoint"),
    ],
)
async def test_a_malformed_listing_is_refused(client: Client, path: str, rule: str) -> None:
    status, body, headers = await client.call("GET", path)

    assert status in {400, 404}
    assert set(body["errors"][0]) == {"title", "detail", "code", "status"}
    assert body["errors"][0]["status"] == str(status)
    assert headers["content-type"].startswith(JSON_API)
    assert rules(client) == [rule]


@pytest.mark.parametrize("version", [None, "v1", "2024-09-04", "20161107", "20241399"])
async def test_a_dated_version_is_needed(client: Client, version: str) -> None:
    del client.headers["X-Api-Version"]
    if version is not None:
        client.headers["X-Api-Version"] = version

    status, _, _ = await client.call("GET", "/jobs")

    assert (status, rules(client)) == (406, ["version_header_missing"])


async def test_an_answer_repeats_the_version(client: Client) -> None:
    _, _, headers = await client.call("GET", "/jobs")

    assert headers["x-api-version"] == client.headers["X-Api-Version"]


async def test_the_key_is_a_token(client: Client) -> None:
    key = client.simulator.credentials["api_key"]

    for value in (f"Bearer {key}", f"Token {key}", "Token token=wrong"):
        client.headers["Authorization"] = value
        status, _, _ = await client.call("GET", "/jobs")
        assert status == 401
    assert rules(client) == ["token_authorization_missing"] * 2


async def test_only_published_jobs_are_shown_unless_all_are_asked_for(client: Client) -> None:
    client.simulator.world.jobs[2].is_open = False

    usual, _ = await client.rows("/jobs")
    everything, _ = await client.rows("/jobs?filter[status]=all")
    archived, _ = await client.rows("/jobs?filter[status]=archived")
    unfiltered, _ = await client.rows("/jobs?filter[status]=")

    assert len(usual) == len(everything) - 1
    assert unfiltered == usual
    assert [row["id"] for row in archived] == [client.simulator.JOB_IDS.text(2)]


async def test_stages_belong_to_jobs_and_count_their_applications(client: Client) -> None:
    key = client.simulator.JOB_IDS.text(1)
    stages, _ = await client.rows(f"/jobs/{key}/stages")
    every, included = await client.rows("/stages", include="job")
    applications = len(client.simulator.world.applications)

    assert [row["attributes"]["stage-type"] for row in stages][::6] == ["Inbox", "Hired"]
    assert {row["attributes"]["stage-type"] for row in stages[1:-1]} == {"In process"}
    assert len(every) == 7 * len(included)
    counted = [
        row["attributes"][f"{kind}-job-applications-count"]
        for row in every
        for kind in ("active", "rejected")
    ]
    assert sum(counted) == applications


async def test_the_window_says_seconds_left(start: Start, http: aiohttp.ClientSession) -> None:
    client = Client(await start("teamtailor", unlimited=False, rate_limit=2), http)

    for _ in range(2):
        _, _, headers = await client.call("GET", "/jobs")
    status, body, late = await client.call("GET", "/jobs")

    assert (headers["x-rate-limit-limit"], headers["x-rate-limit-remaining"]) == ("2", "0")
    assert 0 < int(late["x-rate-limit-reset"]) <= 10
    assert (status, body["errors"][0]["status"]) == (429, "429")
    assert "retry-after" not in late


async def test_a_move_answers_with_the_resource_and_the_second_has_no_effect(
    client: Client,
) -> None:
    application = one(client)
    target = stage(client, application, "Offer")

    for _ in range(2):
        status, body, _ = await client.change(application, stage=target)
        assert (status, body["data"]["type"]) == (200, "job-applications")

    assert client.simulator.world.status_of(application) == "offer"
    assert [write.effect for write in client.simulator.writes] == [True, False]


async def test_a_stage_of_another_job_is_refused(client: Client) -> None:
    application = one(client)
    world = client.simulator.world
    other = next(s for s in world.stages.values() if s.job != application.job)

    status, _, _ = await client.change(
        application, stage=("stages", client.simulator.stage_key(other))
    )

    assert (status, client.simulator.writes) == (422, [])


async def test_a_rejection_stands_beside_the_stage_and_goes_away_with_null(client: Client) -> None:
    application = one(client)
    before = application.stage
    at = "2026-11-20T10:00:00.000Z"

    _, body, _ = await client.change(
        application, attributes={"rejected-at": at}, reject_reason=reason(client, 4)
    )
    status_then = client.simulator.world.status_of(application)
    await client.change(application, attributes={"rejected-at": None})

    assert body["data"]["attributes"]["rejected-at"] == at
    assert status_then == "withdrawn"
    assert (application.stage, application.state) == (before, "active")


async def test_a_rejection_needs_no_reason_and_a_reason_needs_a_rejection(client: Client) -> None:
    application = one(client)

    alone, _, _ = await client.change(application, reject_reason=reason(client, 1))
    at = {"rejected-at": "2026-11-20T10:00:00Z"}
    first, _, _ = await client.change(application, attributes=at)
    again, _, _ = await client.change(application, attributes=at)
    key = client.simulator.application_key(application)

    assert (alone, first, again) == (422, 200, 200)
    assert client.simulator.truth().applications[key]["rejection_reason"] is None
    assert [write.effect for write in client.simulator.writes] == [True, False]
    assert rules(client) == ["reason_without_rejection"]


async def test_hiring_is_entering_the_stage_of_that_type(client: Client) -> None:
    application, rejected = one(client), one(client, "rejected")

    await client.change(application, stage=stage(client, application, "Hired"))
    refused, _, _ = await client.change(rejected, stage=stage(client, rejected, "Hired"))
    hired = application.state
    await client.change(application, stage=stage(client, application, "Interview"))

    assert (hired, refused) == ("hired", 422)
    assert client.simulator.world.status_of(application) == "interview"


async def test_a_rejected_application_can_be_opened_and_moved_in_one_document(
    client: Client,
) -> None:
    application = one(client, "rejected")

    await client.change(
        application,
        attributes={"rejected-at": None},
        stage=stage(client, application, "Interview"),
    )

    assert client.simulator.world.status_of(application) == "interview"


async def test_stricter_accounts_refuse_repetition_and_reopening(
    start: Start, http: aiohttp.ClientSession
) -> None:
    options = {"same_stage_refused": True, "unreject_refused": True}
    client = Client(await start("teamtailor", **options), http)
    application, rejected = one(client), one(client, "rejected")
    here = client.simulator.world.stages[application.stage].name

    same, _, _ = await client.change(application, stage=stage(client, application, here))
    reopened, _, _ = await client.change(rejected, attributes={"rejected-at": None})

    assert (same, reopened) == (422, 422)
    assert client.simulator.writes == []


@pytest.mark.parametrize(
    ("body", "content_type", "rule"),
    [
        ({"data": {"type": "candidates"}}, "application/json", "content_type_wrong"),
        ({"type": "candidates"}, JSON_API, "document_shape"),
        ({"data": {"type": "candidates", "id": "1"}}, JSON_API, "resource_identity"),
        ({"data": {"type": "people", "id": None}}, JSON_API, "resource_identity"),
    ],
)
async def test_a_document_is_json_api(
    client: Client, body: Any, content_type: str, rule: str
) -> None:
    key = client.simulator.person_key(client.simulator.world.people[1])
    path = f"/candidates/{key}"

    status, _, _ = await client.call("PATCH", path, json=body, content_type=content_type)

    assert status in {400, 415}
    assert rules(client) == [rule]


async def test_tags_are_replaced_as_a_whole(client: Client) -> None:
    person = client.simulator.world.people[1]
    person.tags = ["old"]
    key = client.simulator.person_key(person)
    document = {"id": key, "type": "candidates", "attributes": {"tags": ["new"]}}

    status, body, _ = await client.call("PATCH", f"/candidates/{key}", json={"data": document})

    assert (status, body["data"]["attributes"]["tags"], person.tags) == (200, ["new"], ["new"])


async def test_a_note_needs_a_user(client: Client) -> None:
    candidate = {"type": "candidates", "id": client.simulator.PERSON_IDS.text(1)}
    user = {"type": "users", "id": client.simulator.acting_user}
    linked = {"candidate": {"data": candidate}}
    document = {"type": "notes", "attributes": {"note": "seen"}, "relationships": linked}

    without, _, _ = await client.call("POST", "/notes", json={"data": document})
    linked["user"] = {"data": user}
    written, body, _ = await client.call("POST", "/notes", json={"data": document})

    assert (without, written) == (422, 201)
    assert body["data"]["attributes"]["note"] == "seen"
    assert rules(client) == ["note_without_user"]


async def test_a_custom_field_value_is_created_then_changed(
    start: Start, http: aiohttp.ClientSession
) -> None:
    client = Client(await start("teamtailor", second_value_refused=True), http)
    fields, _ = await client.rows("/custom-fields")
    field = next(r["id"] for r in fields if r["attributes"]["name"] == "clearview_score")
    document = {
        "type": "custom-field-values",
        "attributes": {"value": 70},
        "relationships": {
            "custom-field": {"data": {"type": "custom-fields", "id": field}},
            "owner": {"data": {"type": "candidates", "id": client.simulator.PERSON_IDS.text(1)}},
        },
    }

    first, body, _ = await client.call("POST", "/custom-field-values", json={"data": document})
    second, _, _ = await client.call("POST", "/custom-field-values", json={"data": document})
    key = body["data"]["id"]
    change = {"type": "custom-field-values", "id": key, "attributes": {"value": 80}}
    third, _, _ = await client.call("PATCH", f"/custom-field-values/{key}", json={"data": change})

    assert (first, second, third) == (201, 422, 200)
    assert client.simulator.world.people[1].custom_fields["clearview_score"] == 80


async def test_a_resume_is_there_for_thirty_seconds_and_wants_no_credentials(
    client: Client, http: aiohttp.ClientSession
) -> None:
    rows, _ = await client.rows("/candidates")
    url = next(r["attributes"]["resume"] for r in rows if r["attributes"]["resume"])

    async with http.get(url) as answer:
        good = answer.status
    async with http.get(url, headers=client.headers):
        client.simulator.clock.advance(31)
    async with http.get(url) as answer:
        late = answer.status

    assert (good, late) == (200, 403)
    assert rules(client) == ["credentials_sent_to_file_store"]


async def test_a_candidate_has_its_own_applications(client: Client) -> None:
    person = next(p for p in client.simulator.world.people.values() if len(p.applications) == 2)
    key = client.simulator.person_key(person)

    own, _ = await client.rows(f"/candidates/{key}/job-applications")
    _, single, _ = await client.call(
        "GET", f"/candidates/{key}", params={"include": "job-applications"}
    )

    linked = single["data"]["relationships"]["job-applications"]["data"]
    assert [row["id"] for row in own] == [link["id"] for link in linked]
    assert len(own) == 2


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ({"attributes": {"stage": "Offer"}}, "unknown_body_field"),
        ({"relationships": {"stage": {"data": {"type": "jobs", "id": "1"}}}}, "relationship_type"),
        ({"relationships": {"stage": {"type": "stages", "id": "1"}}}, "document_shape"),
        ({"attributes": {"rejected-at": "today"}}, "time_not_iso_8601"),
    ],
)
async def test_a_malformed_change_changes_nothing(
    client: Client, part: dict[str, Any], rule: str
) -> None:
    key = client.simulator.application_key(one(client))
    document = {"id": key, "type": "job-applications", **part}

    status, _, _ = await client.call("PATCH", f"/job-applications/{key}", json={"data": document})

    assert status in {400, 422}
    assert (rules(client), client.simulator.writes) == ([rule], [])


async def test_a_custom_field_value_cannot_be_empty(client: Client) -> None:
    person = client.simulator.world.people[1]
    rows, _ = await client.rows("/custom-field-values")
    key = rows[0]["id"]
    document = {"type": "custom-field-values", "id": key, "attributes": {"value": None}}

    status, _, _ = await client.call(
        "PATCH", f"/custom-field-values/{key}", json={"data": document}
    )

    assert (status, rules(client)) == (422, ["parameter_missing"])
    assert person.custom_fields["notice_period"]


@pytest.mark.parametrize(("kind", "host"), [("endless_next", None), ("foreign_next", "other")])
async def test_a_next_link_may_lead_nowhere_new_or_elsewhere(
    client: Client, kind: FaultKind, host: str | None
) -> None:
    client.simulator.faults.add(Fault(kind, operation="list", to="http://other.invalid"))

    _, page, _ = await client.call("GET", "/candidates")
    link = page["links"]["next"]

    assert link.startswith("http://other.invalid/" if host else client.simulator.url)
    if host is None:
        _, again, _ = await client.call("GET", link)
        assert [row["id"] for row in again["data"]] == [row["id"] for row in page["data"]]
