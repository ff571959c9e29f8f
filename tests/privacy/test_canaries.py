"""Canaries in every personal field and every secret of a running daemon, and everything that might show them.

`pytest tests/privacy -s` prints the tables.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator import Fault
from connectors.simulator.commands import run_command
from models.ids import application_id, candidate_id
from tests.support.canary_daemon import EMAIL, ENVIRONMENT, CanaryWorld, canary_world
from tests.support.canary_hub import ATSS
from tests.support.canary_words import (
    CALLER,
    PERSON,
    RECRUITER,
    REFUSED,
    SECRETS,
    Surfaces,
    Words,
)
from tests.support.mongo_auth import GuardedMongo, guarded_mongo
from tests.support.waiting import until

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

IMPORTED = frozenset(PERSON) - {"file content"}
OF_APPLICATIONS = frozenset({"application's field"})
EDITED = frozenset({"company", "title"})
HOLDS: Mapping[str, frozenset[str]] = {
    "candidates": IMPORTED - OF_APPLICATIONS,
    "applications": OF_APPLICATIONS | {"stage", "status"},
    "attachments.chunks": frozenset({"file content", "file name"}),
    "candidate_snapshots": IMPORTED | {"reason"},
    "candidate_changes": EDITED | {"reason"},
    "status_outbox": frozenset({"reason", "stage"}),
}
"""By collection, what has to be there; no other canary may be, and none in any other collection."""
SHOWN: Mapping[str, frozenset[str]] = {
    "GET /api/v1/candidates/{id}/history": EDITED
    | {"first name", "last name", "reason", "stage", "status", "application's field"},
    "ats-sync history": EDITED | {"first name", "last name", "reason", "stage", "status"},
    "ats-sync plan greenhouse": frozenset(REFUSED),
    "ats-sync verify greenhouse": frozenset({"status"}),
    "ats-sync outbox list --json": frozenset({"reason", "stage"}),
    "ats-sync outbox show": frozenset({"stage"}),
    "ats-sync export-person --email": frozenset({*PERSON, *RECRUITER}),
}
"""What shows a person because an operator asks for that very person, or for every difference."""
SENT: Mapping[str, frozenset[str]] = {
    "notify": frozenset({"notification token", "notification path"}),
    "chat": frozenset({"chat path"}),
    "events": frozenset(),
    "service": frozenset({"service token"}),
    **dict.fromkeys(ATSS, frozenset({"ATS key"})),
}
"""Each service gets its own secret."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedMongo]:
    with guarded_mongo(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture
async def world(server: GuardedMongo, tmp_path: Path) -> AsyncIterator[CanaryWorld]:
    async with server.root() as root:  # to the log, every operation is a slow one
        await root.admin.command("profile", 0, slowms=-1)
    async with canary_world(server, tmp_path) as running:
        yield running


async def test_no_canary_is_where_it_must_not_be_and_none_is_left_after_an_erasure(
    server: GuardedMongo, world: CanaryWorld
) -> None:
    await import_everyone(world)
    await recruit(world)
    await receive_webhooks(world)
    held = Surfaces(Words({"access token": world.access_token}))
    held.add("answers to strangers and to mistakes", await mistakes(world))
    await add_answers(held, world)
    await add_commands(held, world)
    for service, own in SENT.items():
        held.add(f"requests to {service}", world.hub.sent_to(service), own)
    held.add("process list", world.command_lines())
    await held.add_database("ats_sync", world.bench.own, HOLDS)
    await held.add_database("clearview", world.bench.clearview, HOLDS)

    left = Surfaces(Words(identities(world)))
    await erase(world)
    await left.add_database("ats_sync", world.bench.own, {})
    await left.add_database("clearview", world.bench.clearview, {})
    assert await world.stop() == 0
    held.add("log of the daemon, debug", world.log)
    held.add_files("mongod.log", [server.member.dbpath / "mongod.log"])
    held.add_files("data folder", (world.bench.folder / "data").rglob("*"))
    async with server.root() as root:  # it remembers what was stored, and nothing that never was
        await held.add_oplog(root, frozenset(REFUSED).union(*HOLDS.values()))
    beneath = Surfaces(Words({"access token": world.access_token}, canaries={**SECRETS, **CALLER}))
    beneath.add_files("MongoDB's own files, as they are", server.member.dbpath.rglob("*"))

    print(f"\nWhile the people are there\n{held}\n\nAfter `erase` and a sweep\n{left}")
    print(f"\nSecrets in the files of the server\n{beneath}")
    assert held.wrong == {}
    assert left.wrong == {}
    assert beneath.wrong == {}


async def has_row(collection: Any, **query: Any) -> bool:
    return await collection.find_one(query) is not None


async def import_everyone(world: CanaryWorld) -> None:
    """One account that works, with files and an edit; accounts, services and receivers that fail."""
    own, clearview = world.bench.own, world.bench.clearview

    async def is_settled() -> bool:
        failed = set(
            await own["sync_runs"].distinct("integration", {"outcome": {"$ne": "success"}})
        )
        return (
            failed >= {"greenhouse", *ATSS}
            and await has_row(clearview["attachments.files"])
            and await has_row(own["failed_records"])
            and set(SENT) <= set(world.hub.answered)
        )

    await until(is_settled, within=60)
    changes = {name: f"now {PERSON[name]}" for name in EDITED}
    key = world.ats.person_key(world.person)
    run_command(world.ats, {"kind": "edit_person", "candidate": key, "changes": changes})
    await world.ask("POST", "/api/v1/integrations/greenhouse/poll")
    await until(lambda: has_row(own["candidate_changes"], path="title"), within=60)


async def recruit(world: CanaryWorld) -> None:
    """A recruiter writes names where they do not belong, and the ATS refuses one of the pushes."""
    applications, outbox = world.bench.clearview["applications"], world.bench.own["status_outbox"]
    world.ats.faults.add(Fault("error", operation="write", count=1))
    changes: tuple[dict[str, str], ...] = (
        {"status": "rejected", "rejection_reason": f"was rude to {RECRUITER['reason']}"},
        {"status": "interview", "stage.name": f"call {RECRUITER['stage']}"},
        {"status": f"{RECRUITER['status']}@example.org"},
    )
    for key, change in zip(world.applications, changes, strict=False):
        await applications.update_one({"external_id": key}, {"$set": change})

    async def all_ended() -> bool:
        return {"delivered", "skipped", "dead"} <= set(await outbox.distinct("state"))

    await until(all_ended, within=60)
    await world.ask("POST", "/api/v1/integrations/greenhouse/poll")  # reads the ATS's own reason
    reason = {"path": {"$regex": "rejection_reason$"}}
    await until(lambda: has_row(world.bench.own["candidate_changes"], **reason), within=60)


async def receive_webhooks(world: CanaryWorld) -> None:
    """Events of the ATS: forged, late and good."""
    sender = world.ats.send_webhooks(f"{world.url}/webhooks/greenhouse", SECRETS["webhook secret"])
    for event in ("forged", "late", "once"):
        move = {"kind": "move", "application": world.applications[-1], "event": event}
        run_command(world.ats, move)
    events = world.bench.own["webhook_events"]
    await until(lambda: has_row(events, state="applied"), within=60)
    assert 401 in sender.answers


STRANGER = {"Authorization": f"Bearer {CALLER['guessed token']}"}
ADDED = {"name": "added", "connector": "tiny", "endpoint": "http://127.0.0.1:9"}
BAD_KEY = SECRETS["key in a bad request"]
MISTAKES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("GET", "/api/v1/runs", {"headers": STRANGER}),
    ("GET", f"/api/v1/runs?cursor={CALLER['query']}", {}),
    ("GET", f"/api/v1/alerts?state={CALLER['query']}", {}),
    ("GET", f"/api/v1/outbox/{CALLER['path']}", {}),
    ("GET", f"/{CALLER['path']}", {"headers": {"X-Request-Id": CALLER["header"]}}),
    ("PUT", f"/api/v1/integrations/{CALLER['path']}", {}),
    ("GET", f"/api/v1/candidates/{CALLER['path']}/history", {}),
    ("POST", "/api/v1/erasures", {"json": {"email": f"{CALLER['body']}@example.org"}}),
    ("POST", "/api/v1/erasures", {"data": f'{{"email": "{CALLER["body"]}'}),
    ("POST", f"/webhooks/{CALLER['path']}", {"data": CALLER["body"]}),
    *(
        ("POST", "/webhooks/greenhouse", {"data": CALLER["body"], "headers": {"Signature": each}})
        for each in (CALLER["signature"], f"sha256 {CALLER['signature']}")
    ),
    (
        "POST",
        "/api/v1/integrations",
        {"json": ADDED | {"credentials": {"key": SECRETS["key added by API"]}}},
    ),
    ("POST", "/api/v1/integrations", {"json": ADDED | {"credentials": {"key": [BAD_KEY]}}}),
    ("POST", "/api/v1/integrations", {"json": ADDED | {"credentials": {"other": BAD_KEY}}}),
    ("PATCH", "/api/v1/integrations/added", {"json": {"credentials": {"key": {"key": BAD_KEY}}}}),
)


async def mistakes(world: CanaryWorld) -> str:
    """The answers to all of these; one of them is none and adds an integration."""
    answers = [await world.ask(method, path, **options) for method, path, options in MISTAKES]
    assert sum(answer.startswith("201") for answer in answers) == 1
    assert sum(answer.startswith("4") for answer in answers) == len(MISTAKES) - 1
    return "\n".join(answers)


async def add_answers(surfaces: Surfaces, world: CanaryWorld) -> None:
    """Every GET of the document that the daemon serves."""
    document = json.loads((await world.ask("GET", "/api/v1/openapi.json")).split("\n")[-1])
    dead = await world.bench.own["status_outbox"].find_one({"state": "dead"})
    assert dead is not None
    ids = {"outbox": dead["_id"], "candidates": world.ats.person_key(world.person)}
    for path in (path for path, methods in document["paths"].items() if "get" in methods):
        kind = path.split("/")[3] if path.startswith("/api/") else ""
        where = path.format(name="greenhouse", id=ids.get(kind))
        query = {"import-log": "integration=greenhouse", "status-log": "integration=greenhouse"}
        answer = await world.ask("GET", f"{where}?{query.get(kind, '')}")
        assert answer.startswith("200 "), answer[:200]
        surfaces.add(f"GET {path}", answer, SHOWN.get(f"GET {path}", ()))


async def add_commands(surfaces: Surfaces, world: CanaryWorld) -> None:
    """Every command that only looks."""
    push = await world.bench.own["status_outbox"].find_one({"state": "skipped"})
    assert push is not None
    person = world.ats.person_key(world.person)
    touch = {"kind": "edit_person", "candidate": world.refused, "changes": {"company": "new"}}
    run_command(world.ats, touch)  # the next poll reads this person again, so that the plan has it
    doctor = asyncio.create_task(
        world.bench.run("doctor", "--config", str(world.bench.config), **ENVIRONMENT)
    )
    for words in (
        *(("status",), ("status", "--json"), ("health",), ("validate",)),
        *(("plan", "greenhouse"), ("verify", "greenhouse"), ("history", person)),
        *(("outbox", "list"), ("outbox", "list", "--json"), ("alerts", "list")),
        ("outbox", "show", str(push["_id"])),
        *(("integrations", "list"), ("attachments", "list"), ("keys", "list"), ("retention",)),
        *(("explain", "greenhouse"), ("explain", "refusing"), ("legal-hold", "list")),
        *(("erase", "--email", EMAIL, "--dry-run"), ("export-person", "--email", EMAIL)),
        ("poll", "refusing"),
    ):
        answer = await world.command(*words)
        name = " ".join(each for each in words if each not in (person, EMAIL, str(push["_id"])))
        name = f"ats-sync {name}"
        shown = answer.out + answer.err
        surfaces.add(name, shown, SHOWN.get(name, ()))
    surfaces.add("ats-sync doctor", (await doctor)[1])


def identities(world: CanaryWorld) -> dict[str, str | bytes]:
    """The ids of the person, as texts and as MongoDB stores them."""
    integration, key = world.bench.id_of("greenhouse"), world.ats.person_key(world.person)
    uuids = [candidate_id(integration, key)]
    uuids += [application_id(integration, each) for each in world.applications]
    return {
        **{f"id {text}": text for text in (key, *world.applications)},
        **{f"{uuid}": str(uuid) for uuid in uuids},
        **{f"bytes of {uuid}": uuid.bytes for uuid in uuids},
    }


async def erase(world: CanaryWorld) -> None:
    """The person by address, the one whom ClearView refused by the id; then all is read again."""
    own = world.bench.own
    refused = await own["failed_records"].find_one({})
    assert refused is not None
    for words in (("--email", EMAIL.upper()), ("--candidate", refused["external_id"])):
        answer = await world.command("erase", *words)
        assert answer.code == 0, answer
    await world.ask("POST", "/api/v1/integrations/greenhouse/sweep")
    left_out = {"details.sweep": True, "details.records_of_erased_people": {"$gt": 0}}
    await until(lambda: has_row(own["sync_runs"], **left_out), within=60)
