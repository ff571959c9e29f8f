"""What scripts read from the API, and what they may ask for."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from daemon.erasing.requests import PersonRequest
from daemon.store.connection import Mongo
from models.documents import (
    CandidateSnapshot,
    ClearViewApplication,
    ClearViewCandidate,
    IntegrationSettings,
    StatusOutboxEntry,
    StatusUpdateLog,
    SyncRun,
)
from models.ids import candidate_id, integration_id
from tests.support.erasing import erasing
from tests.support.http_port import Serve
from tests.support.moving_clock import MovingClock
from tests.support.sample_rows import (
    NOW,
    a_candidate,
    a_dead_push,
    a_log_row,
    a_push,
    a_run,
    an_alert,
    an_application,
    an_import,
    an_integration,
)

pytestmark = pytest.mark.mongo
V1 = "/api/v1"


async def test_an_integration_is_shown_with_its_last_runs_and_counts(
    serve: Serve, opened: Mongo
) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    await opened.own.sync_runs.insert_many(
        [
            a_run("acme", minutes_ago=9, outcome="failed"),
            a_run("acme", minutes_ago=1, created=3),
            a_run("acme", minutes_ago=2, job="analytics_export"),
        ]
    )
    ada = a_candidate("acme", "c1")
    await opened.clearview.candidates.insert_one(ada)
    await opened.clearview.applications.insert_one(an_application("acme", "a1", ada["_id"]))
    await opened.own.status_outbox.insert_many(
        [a_push("acme", "a1"), a_dead_push("acme", "a2"), a_dead_push("acme", "a3")]
    )
    await opened.own.checkpoints.insert_one(
        {"_id": "poll:acme", "value": {"swept_at": NOW - timedelta(hours=3)}, "updated_at": NOW}
    )
    client = await serve()

    async with client.get(f"{V1}/integrations") as answer:
        (row,) = (await answer.json())["integrations"]
    assert row["name"] == "acme"
    assert row["state"] == "active"
    assert row["runs"]["import_poll"]["created"] == 3
    assert row["runs"]["import_poll"]["started_at"] == "2026-11-23T07:59:00.000Z"
    assert row["runs"]["analytics_export"]["outcome"] == "success"
    assert row["runs"]["status_push"] is None
    assert row["candidates"] == 1
    assert row["applications"] == {"interview": 1}
    assert row["outbox"] == {"pending": 1, "dead": 2}
    assert row["oldest_open_push_at"] == "2026-11-23T08:00:00.000Z"
    assert row["swept_at"] == "2026-11-23T05:00:00.000Z"
    assert row["id"] == str(integration_id("acme"))


async def test_no_answer_shows_credentials_or_references_to_them(
    serve: Serve, opened: Mongo
) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    client = await serve()

    for path in ("/", f"{V1}/integrations", f"{V1}/integrations/acme"):
        async with client.get(path) as answer:
            text = await answer.text()
        assert answer.status == 200
        assert "acme" in text
        assert "ACME_KEY" not in text


async def test_integrations_are_filtered_by_state_and_connector(
    serve: Serve, opened: Mongo
) -> None:
    await opened.own.ats_integration_settings.insert_many(
        [an_integration("acme"), an_integration("beta", state="paused", connector="ashby")]
    )
    client = await serve()

    for query in ("state=paused", "connector=ashby"):
        async with client.get(f"{V1}/integrations?{query}") as answer:
            names = [row["name"] for row in (await answer.json())["integrations"]]
        assert names == ["beta"]


async def test_runs_come_latest_first_and_go_on_before_a_moment(
    serve: Serve, opened: Mongo
) -> None:
    await opened.own.sync_runs.insert_many([a_run("acme", minutes_ago=n) for n in (3, 1, 2)])
    client = await serve()

    async with client.get(f"{V1}/runs", params={"limit": "2"}) as answer:
        first = (await answer.json())["runs"]
    async with client.get(f"{V1}/runs", params={"before": first[-1]["started_at"]}) as answer:
        second = (await answer.json())["runs"]
    started = [run["started_at"] for run in (*first, *second)]
    assert len(first) == 2
    assert len(started) == 3
    assert started == sorted(started, reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_that_follow_their_cursors_show_each_row_once(
    serve: Serve, opened: Mongo, limit: int
) -> None:
    """Also rows of the same moment."""
    runs = [a_run("acme", minutes_ago=n) for n in (1, 2, 2, 2, 2, 3, 3)]
    await opened.own.sync_runs.insert_many(runs)
    client = await serve()
    shown, params = [], {"limit": str(limit)}

    while True:
        async with client.get(f"{V1}/runs", params=params) as answer:
            page = await answer.json()
        shown += [row["_id"] for row in page["runs"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]

    assert len(shown) == len(runs)
    assert set(shown) == {str(run["_id"]) for run in runs}


async def test_the_outbox_and_the_alerts_have_cursors_too(serve: Serve, opened: Mongo) -> None:
    await opened.own.status_outbox.insert_many([a_push("acme", "a1", n) for n in (1, 2, 3)])
    await opened.own.alerts.insert_many([an_alert("acme", key=f"k:{n}") for n in range(3)])
    client = await serve()

    for what in ("outbox", "alerts"):
        async with client.get(f"{V1}/{what}", params={"limit": "2"}) as answer:
            first = await answer.json()
        params = {"limit": "2", "cursor": first["next"]}
        async with client.get(f"{V1}/{what}", params=params) as answer:
            second = await answer.json()
        ids = [row["_id"] for row in (*first[what], *second[what])]
        assert len(ids) == len(set(ids)) == 3
        assert second["next"] is None


async def test_the_logs_of_imports_and_status_changes_have_cursors_too(
    serve: Serve, opened: Mongo
) -> None:
    rows = [a_log_row(a_dead_push("acme", "a1", n)) for n in (1, 2, 3)]
    await opened.own.application_status_update_log.insert_many(rows)
    imports = [an_import("acme", f"c{n}") for n in range(3)]
    await opened.own.candidates_import_log.insert_many(imports)
    client = await serve()

    for path, name in (("import-log", "imports"), ("status-log", "status_updates")):
        params = {"integration": "acme", "limit": "2"}
        async with client.get(f"{V1}/{path}", params=params) as answer:
            first = await answer.json()
        async with client.get(f"{V1}/{path}", params=params | {"cursor": first["next"]}) as answer:
            second = await answer.json()
        ids = [row["_id"] for row in (*first[name], *second[name])]
        assert len(ids) == len(set(ids)) == 3
        assert second["next"] is None


async def test_the_logs_of_imports_and_status_changes_are_read_by_integration(
    serve: Serve, opened: Mongo
) -> None:
    dead = a_dead_push("acme", "a1")
    await opened.own.application_status_update_log.insert_many(
        [a_log_row(dead), a_log_row(a_dead_push("beta", "a1"))]
    )
    failed = an_import("acme", "c1") | {"status": "Failed", "error_message": "MappingFailed"}
    rows = [failed, an_import("acme", "c2"), an_import("beta", "c1")]
    await opened.own.candidates_import_log.insert_many(rows)
    client = await serve()

    async with client.get(
        f"{V1}/import-log", params={"integration": "acme", "status": "Failed"}
    ) as answer:
        imports = (await answer.json())["imports"]
    async with client.get(f"{V1}/status-log", params={"integration": "acme"}) as answer:
        updates = (await answer.json())["status_updates"]
    assert [row["_id"] for row in imports] == [str(failed["_id"])]
    assert [row["_id"] for row in updates] == [str(dead["_id"])]


async def test_the_history_of_a_candidate_is_found_by_either_id(
    serve: Serve, opened: Mongo
) -> None:
    for name in ("acme", "beta"):
        await opened.own.ats_integration_settings.insert_one(an_integration(name))
        await opened.clearview.candidates.insert_one(a_candidate(name, "c1"))
        await opened.own.candidates_import_log.insert_one(an_import(name, "c1"))
    ours = str(candidate_id(integration_id("acme"), "c1"))
    client = await serve()
    answers = {}

    for path in (ours, "c1", "c1?integration=acme", "nobody"):
        async with client.get(
            f"{V1}/candidates/{path.partition('?')[0]}/history?{path.partition('?')[2]}"
        ) as answer:
            answers[path] = (answer.status, await answer.json(content_type=None))
    assert {path: status for path, (status, _) in answers.items()} == {
        ours: 200,
        "c1": 409,
        "c1?integration=acme": 200,
        "nobody": 404,
    }
    assert answers[ours][1] == answers["c1?integration=acme"][1]
    assert answers[ours][1]["candidate"]["integration"] == "acme"
    assert [event["kind"] for event in answers[ours][1]["events"]] == ["import"]


async def test_runs_are_filtered(serve: Serve, opened: Mongo) -> None:
    wanted = a_run("acme", outcome="failed", error_message="Unavailable: 503")
    others = [a_run("acme"), a_run("beta", outcome="failed"), a_run("acme", job="reconcile")]
    await opened.own.sync_runs.insert_many([wanted, *others])
    client = await serve()
    params = {"integration": "acme", "outcome": "failed", "job": "import_poll"}

    async with client.get(f"{V1}/runs", params=params) as answer:
        runs = (await answer.json())["runs"]
    assert [run["_id"] for run in runs] == [str(wanted["_id"])]


async def test_alerts_are_the_open_ones_unless_others_are_asked_for(
    serve: Serve, opened: Mongo
) -> None:
    gone = an_alert("beta", resolved_at=NOW)
    await opened.own.alerts.insert_many([an_alert("acme"), gone])
    client = await serve()
    seen = {}

    for state in ("open", "resolved", "all"):
        async with client.get(f"{V1}/alerts", params={"state": state}) as answer:
            seen[state] = {row["integration"] for row in (await answer.json())["alerts"]}
    async with client.get(f"{V1}/alerts") as answer:
        by_default = {row["integration"] for row in (await answer.json())["alerts"]}
    assert seen == {"open": {"acme"}, "resolved": {"beta"}, "all": {"acme", "beta"}}
    assert by_default == {"acme"}


async def test_the_outbox_is_filtered_by_state_integration_and_application(
    serve: Serve, opened: Mongo
) -> None:
    dead = a_dead_push("acme", "a1", 2)
    rows = [a_push("acme", "a1"), dead, a_dead_push("beta", "a1"), a_dead_push("acme", "a9")]
    await opened.own.status_outbox.insert_many(rows)
    client = await serve()
    params = {"state": "dead", "integration": "acme", "application": str(dead["application_id"])}

    async with client.get(f"{V1}/outbox", params=params) as answer:
        found = (await answer.json())["outbox"]
    assert [row["_id"] for row in found] == [str(dead["_id"])]


async def test_one_push_is_shown_with_the_log_of_its_event(serve: Serve, opened: Mongo) -> None:
    dead = a_dead_push("acme", "a1")
    await opened.own.status_outbox.insert_one(dead)
    await opened.own.application_status_update_log.insert_one(a_log_row(dead))
    client = await serve()

    async with client.get(f"{V1}/outbox/{dead['_id']}") as answer:
        found = await answer.json()
    assert found["push"]["last_error"] == "Rejected: 422"
    assert [row["outcome"] for row in found["log"]] == ["Failed"]


WRONG_QUESTIONS = {
    "runs?job=polls": "job must be one of",
    "runs?outcom=failed": 'unknown parameter "outcom"',
    "runs?limit=0": "limit must be",
    "runs?limit=1001": "limit must be",
    "runs?limit=ten": "limit must be",
    "runs?limit=-1": "limit must be",
    "runs?before=yesterday": "before must be a moment",
    "runs?before=9999-12-31T23:59:59-12:00": "before must be a moment",
    "runs?before=2026-11-23T08:00:00": "before must be a moment",
    "runs?limit=1&limit=2": "more than once",
    "runs?cursor=abc": "cursor must be `next`",
    "runs?cursor=WyJhIiwxXQ==": "cursor must be `next`",
    "outbox?cursor=W10=": "cursor must be `next`",
    "import-log": "the parameter integration is missing",
    "status-log?integration=acme&outcome=ok": "outcome must be one of: Failed, Skipped, Success",
    "outbox?state=gone": "state must be one of",
    "outbox?application=7": "application must be a UUID",
    "outbox/7": "the id must be a UUID",
    "alerts?state=closed": "state must be one of",
    "integrations?state=broken": "state must be one of",
}


async def test_a_wrong_question_is_refused_with_the_reason(serve: Serve) -> None:
    client = await serve()
    answers = {}

    for path in WRONG_QUESTIONS:
        async with client.get(f"{V1}/{path}") as answer:
            problem = await answer.json(content_type="application/problem+json")
            answers[path] = (answer.status, problem["title"])
    for path, title in WRONG_QUESTIONS.items():
        assert answers[path][0] == 400, path
        assert title in answers[path][1], path


async def test_an_unknown_integration_is_a_problem_with_a_hint(serve: Serve, opened: Mongo) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme-lever"))
    client = await serve()

    for what in ("", "/poll", "/sweep", "/pause", "/resume"):
        method = "POST" if what else "GET"
        async with client.request(method, f"{V1}/integrations/acme-levr{what}") as answer:
            problem = await answer.json(content_type="application/problem+json")

        assert answer.status == 404
        assert problem["detail"] == 'did you mean "acme-lever"?'


async def test_counts_need_none_of_our_indexes_on_collections_that_clearview_made(
    serve: Serve, opened: Mongo, unrestricted: Mongo
) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    await opened.clearview.candidates.insert_one(a_candidate("acme", "c1"))
    await unrestricted.clearview.candidates.drop_indexes()
    client = await serve()

    async with client.get(f"{V1}/integrations/acme") as answer:
        assert (await answer.json())["candidates"] == 1


@pytest.mark.parametrize(
    ("what", "body", "expected"),
    [
        ("poll", None, {"sweep": False, "accept_deletions": False}),
        ("sweep", None, {"sweep": True, "accept_deletions": False}),
        ("sweep", {"accept_deletions": True}, {"sweep": True, "accept_deletions": True}),
    ],
)
async def test_a_poll_is_asked_of_the_daemon_that_works_on_the_integration(
    serve: Serve, opened: Mongo, what: str, body: object, expected: dict[str, bool]
) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    client = await serve()

    async with client.post(f"{V1}/integrations/acme/{what}", json=body) as answer:
        accepted = await answer.json() if body is None or answer.ok else {}
    row = await opened.own.ats_integration_settings.find_one({"name": "acme"})
    assert answer.status == 202
    assert row is not None
    assert {name: row["request"][name] for name in expected} == expected
    assert accepted["request"] == str(row["request"]["id"])


async def test_pause_and_resume_change_the_state(serve: Serve, opened: Mongo) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    client = await serve()

    async with client.post(
        f"{V1}/integrations/acme/pause", json={"reason": "vendor maintenance"}
    ) as answer:
        paused = await answer.json()
    row = await opened.own.ats_integration_settings.find_one({"name": "acme"})
    async with client.post(f"{V1}/integrations/acme/resume") as answer:
        resumed = await answer.json()
    after = await opened.own.ats_integration_settings.find_one({"name": "acme"})
    assert paused == {"integration": "acme", "state": "paused"}
    assert row is not None
    assert (row["state"], row["state_reason"]) == ("paused", "vendor maintenance")
    assert resumed == {"integration": "acme", "state": "active"}
    assert after is not None
    assert (after["state"], after["state_reason"]) == ("active", None)


async def test_nothing_is_asked_of_a_disabled_integration(serve: Serve, opened: Mongo) -> None:
    row = an_integration("acme", state="disabled", enabled=False)
    await opened.own.ats_integration_settings.insert_one(row)
    client = await serve()

    for what in ("poll", "sweep", "pause", "resume"):
        async with client.post(f"{V1}/integrations/acme/{what}") as answer:
            assert answer.status == 409
    after = await opened.own.ats_integration_settings.find_one({"name": "acme"})
    assert after is not None
    assert (after["state"], after["request"]) == ("disabled", None)


WRONG_BODIES = [
    ("poll", b"not json"),
    ("poll", b"[1]"),
    ("poll", b"\xff\xfe"),
    ("poll", b"[" * 60_000),
    ("poll", b'{"sweep": true}'),
    ("sweep", b'{"accept_deletions": "yes"}'),
    ("pause", b'{"reason": 7}'),
    ("pause", b'{"reason": ""}'),
]


async def test_a_wrong_body_changes_nothing(serve: Serve, opened: Mongo) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    client = await serve()
    statuses = []

    for what, body in WRONG_BODIES:
        async with client.post(f"{V1}/integrations/acme/{what}", data=body) as answer:
            statuses.append(answer.status)
    row = await opened.own.ats_integration_settings.find_one({"name": "acme"})
    assert statuses == [400] * len(WRONG_BODIES)
    assert row is not None
    assert (row["state"], row["request"]) == ("active", None)


async def test_a_replayed_dead_letter_is_due_and_the_ats_is_read_first(
    serve: Serve, opened: Mongo
) -> None:
    dead = a_dead_push("acme", "a1")
    await opened.own.status_outbox.insert_one(dead)
    await opened.own.application_status_update_log.insert_one(a_log_row(dead))
    client = await serve()

    async with client.post(f"{V1}/outbox/{dead['_id']}/replay") as answer:
        assert answer.status == 202
    row = await opened.own.status_outbox.find_one({"event_id": dead["event_id"]})
    logged = await opened.own.application_status_update_log.find().to_list()
    assert row is not None
    assert (row["state"], row["attempts"], row["reason"]) == ("retrying", 0, None)
    assert row["next_attempt_at"] == NOW
    assert row["sent_at"] is not None
    assert row["finished_at"] is None
    assert [log["outcome"] for log in logged] == ["Failed"]
    assert logged[0]["_id"] != dead["_id"]


async def test_only_a_dead_letter_that_nothing_overtook_is_replayed(
    serve: Serve, opened: Mongo
) -> None:
    overtaken, later = a_dead_push("acme", "a1", 1), a_push("acme", "a1", 2, state="delivered")
    nowhere = a_dead_push("acme", "a2", ats_integration_id=None)
    await opened.own.status_outbox.insert_many([overtaken, later, nowhere])
    client = await serve()
    answers = {}

    for entry in (overtaken["_id"], later["_id"], nowhere["_id"], uuid4()):
        async with client.post(f"{V1}/outbox/{entry}/replay") as answer:
            answers[entry] = answer.status
    states = {row["state"] for row in await opened.own.status_outbox.find().to_list()}
    assert list(answers.values()) == [409, 409, 409, 404]
    assert states == {"dead", "delivered"}


async def test_the_alert_about_dead_letters_ends_with_the_last_of_them(
    serve: Serve, opened: Mongo
) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    dead = [a_dead_push("acme", "a1"), a_dead_push("acme", "a2")]
    await opened.own.status_outbox.insert_many(dead)
    await opened.own.alerts.insert_one(
        an_alert("acme", kind="dead_letters", key="dead_letters:acme")
    )
    client = await serve()
    still_open = []

    for row in dead:
        async with client.post(f"{V1}/outbox/{row['_id']}/replay") as answer:
            assert answer.status == 202
        still_open.append(await opened.own.alerts.count_documents({"resolved_at": None}))
    assert still_open == [1, 0]


def test_the_sample_documents_are_what_the_collections_hold() -> None:
    """A test on documents that MongoDB would refuse proves nothing."""
    ada = a_candidate("acme", "c1")

    IntegrationSettings.model_validate(an_integration("acme"))
    SyncRun.model_validate(a_run("acme"))
    StatusOutboxEntry.model_validate(a_dead_push("acme", "a1"))
    StatusUpdateLog.model_validate(a_log_row(a_dead_push("acme", "a1")))
    ClearViewCandidate.model_validate(ada)
    ClearViewApplication.model_validate(an_application("acme", "a1", ada["_id"]))
    assert CandidateSnapshot.get_settings is not None


@pytest.mark.parametrize(
    ("body", "until"),
    [
        ({"for": "2h"}, "2026-11-23T10:00:00.000Z"),
        ({"until": "2026-11-24T01:00:00+01:00"}, "2026-11-24T00:00:00.000Z"),
    ],
)
async def test_an_alert_is_muted_and_unmuted_under_its_key(
    serve: Serve, opened: Mongo, body: dict[str, str], until: str
) -> None:
    alert = an_alert("acme")
    await opened.own.alerts.insert_one(alert)
    client = await serve()
    path = f"{V1}/alerts/{alert['_id']}"

    async with client.post(f"{path}/mute", json=body) as answer:
        muted = await answer.json()
    async with client.get(f"{V1}/alerts") as answer:
        (shown,) = (await answer.json())["alerts"]
    async with client.get("/") as answer:
        page = await answer.text()
    async with client.post(f"{path}/unmute") as answer:
        unmuted = await answer.json()
    row = await opened.own.alerts.find_one({"_id": alert["_id"]})
    assert muted == {"key": "auth_refused:acme", "muted_until": until}
    assert shown["muted_until"] == until
    assert f"muted until {until[:10]} {until[11:16]} UTC" in page
    assert unmuted == {"key": "auth_refused:acme", "muted_until": None}
    assert row is not None
    assert row["muted_until"] is None


async def test_an_alert_is_not_muted_without_a_good_end_or_a_known_id(
    serve: Serve, opened: Mongo
) -> None:
    alert = an_alert("acme")
    await opened.own.alerts.insert_one(alert)
    client = await serve()
    wrong: list[object] = [{}, {"for": "2"}, {"for": 2}, {"until": "2026-11-23T07:00:00Z"}]
    statuses = []

    for body in (*wrong, {"for": "2h", "until": "2027-01-01T00:00:00Z"}, {"fro": "2h"}):
        async with client.post(f"{V1}/alerts/{alert['_id']}/mute", json=body) as answer:
            statuses.append(answer.status)
    async with client.post(f"{V1}/alerts/{uuid4()}/mute", json={"for": "2h"}) as answer:
        statuses.append(answer.status)
    async with client.post(f"{V1}/alerts/7/unmute") as answer:
        statuses.append(answer.status)
    assert statuses == [400] * 6 + [404, 400]
    assert await opened.own.alert_mutes.find_one() is None


async def test_what_a_recruiter_or_an_ats_wrote_is_in_no_answer(
    serve: Serve, opened: Mongo
) -> None:
    stage = {"external_id": "CANARY-1", "name": "CANARY, Ada"}
    push = a_dead_push("acme", "a1", target_stage=stage, expected_stage=stage)
    push |= {"rejection_reason": "CANARY said so"}
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    await opened.own.status_outbox.insert_one(push)
    await opened.own.sync_runs.insert_one(
        a_run("acme", unmapped=1, details={"unmapped_stages": ["CANARY"], "sweep": True})
    )
    ada = a_candidate("acme", "c1")
    await opened.clearview.applications.insert_many(
        [
            an_application("acme", name, ada["_id"]) | {"status": status}
            for name, status in (("a1", "CANARY@x.example"), ("a2", "canary"), ("a3", "offer"))
        ]
    )
    client = await serve()
    answers = {}

    paths = ("integrations", "integrations/acme", "runs", "outbox", f"outbox/{push['_id']}")
    for path in paths:
        async with client.get(f"{V1}/{path}") as answer:
            answers[path] = await answer.text()
    async with client.get("/") as answer:
        page = await answer.text()
    async with client.get(f"{V1}/integrations/acme") as answer:
        counted = (await answer.json())["applications"]
    assert [path for path in answers if "canary" in answers[path].lower()] == []
    assert "canary" not in page.lower()
    assert counted == {"other": 2, "offer": 1}
    assert '"sweep":true' in answers["runs"]


@pytest.mark.parametrize(
    "body", ['{"reason": "\\ud800"}', '{"\\ud800": 1}', '{"reason": "\ud800"}']
)
async def test_half_a_character_in_a_body_is_the_clients_fault_and_is_not_logged(
    serve: Serve, opened: Mongo, body: str
) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    client = await serve()

    with capture_logs() as events:
        sent = body.encode("utf-8", "surrogatepass")
        async with client.post(f"{V1}/integrations/acme/pause", data=sent) as answer:
            problem = await answer.json()
    assert (answer.status, problem["title"]) == (400, "the body must be JSON")
    assert events == []


async def test_what_an_operator_does_is_in_the_audit_log(serve: Serve, opened: Mongo) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    dead = a_dead_push("acme", "a1")
    await opened.own.status_outbox.insert_one(dead)
    client = await serve()

    for path in (
        *("integrations/acme/pause", "integrations/acme/resume", "integrations/acme/sweep"),
        *(f"outbox/{dead['_id']}/replay", "integrations/nothing/pause"),
    ):
        async with client.post(f"{V1}/{path}", json={}):
            pass
    found = await opened.own.audit_log.find().sort("$natural", 1).to_list()

    assert [(row["action"], row["subject"]) for row in found] == [
        ("integration.pause", "acme"),
        ("integration.resume", "acme"),
        ("integration.sweep", "acme"),
        ("outbox.replay", str(dead["_id"])),
    ]
    assert {(row["actor"], row["via"]) for row in found} == {("admin token", "api")}


async def test_a_person_is_erased_by_the_api(serve: Serve, opened: Mongo) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    ada = a_candidate("acme", "c1", emails=[{"value": "ada@example.org", "type": None}])
    await opened.clearview.candidates.insert_one(ada)
    client = await serve()
    path = f"{V1}/erasures"

    async def post(**body: object) -> tuple[int, dict[str, Any]]:
        async with client.post(path, json=body) as answer:
            return answer.status, await answer.json()

    planned = await post(email="ADA@example.org", dry_run=True)
    there = await opened.clearview.candidates.count_documents({})
    erased = await post(email="ADA@example.org")
    again = await post(candidate="c1", integration="acme")
    unknown = await post(email="unknown@example.org")
    wrong = [await post(), await post(candidate="c1", email="a@b"), await post(email="ada")]

    assert (planned[0], planned[1]["receipt"], there) == (200, None, 1)
    assert erased[0] == 200
    assert erased[1]["counts"] == planned[1]["counts"] == {"candidates": 1}
    assert again == erased
    assert unknown[0] == 404
    assert [status for status, _ in wrong] == [400, 400, 400]
    assert await opened.clearview.candidates.count_documents({}) == 0


async def test_the_block_of_an_erased_person_is_lifted_by_the_api(
    serve: Serve, opened: Mongo
) -> None:
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    ada = a_candidate("acme", "c1", emails=[{"value": "ada@example.org", "type": None}])
    await opened.clearview.candidates.insert_one(ada)
    client = await serve()

    async def post(path: str, **body: object) -> tuple[int, dict[str, Any]]:
        async with client.post(f"{V1}/{path}", json=body) as answer:
            return answer.status, await answer.json()

    _, erased = await post("erasures", email="ada@example.org")
    lifted = [await post("erasures/lift", email="Ada@example.org") for _ in range(2)]
    wrong = [
        await post("erasures/lift", **body)
        for body in ({}, {"candidate": "c1", "email": "a@b"}, {"candidate": "c1", "dry_run": True})
    ]

    assert lifted == [(200, {"lifted": 1}), (200, {"lifted": 0})]
    assert [status for status, _ in wrong] == [400, 400, 400]
    [row] = await opened.own.audit_log.find({"action": "erasure.lift"}).to_list()
    assert row["subject"] == erased["receipt"]


async def test_a_person_under_a_legal_hold_is_not_erased(serve: Serve, opened: Mongo) -> None:
    await opened.clearview.candidates.insert_one(a_candidate("acme", "c1"))
    await opened.own.ats_integration_settings.insert_one(an_integration("acme"))
    requests = erasing(opened, MovingClock(NOW)).requests()
    await requests.hold(PersonRequest(candidate="c1"), "file 12")
    client = await serve()

    async with client.post(f"{V1}/erasures", json={"candidate": "c1"}) as answer:
        assert answer.status == 409
    assert await opened.clearview.candidates.count_documents({}) == 1
