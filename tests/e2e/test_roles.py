"""MongoDB with access control: the printed roles are enough, and what is missing is named."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from connectors.simulator import Simulator, create_simulator
from tests.support.ats_sync import Workbench
from tests.support.command_line import Answer, ats_sync
from tests.support.mongo import TestMongo
from tests.support.mongo_auth import PASSWORD, GuardedMongo, guarded_mongo

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.timeout(300)]
READ_WRITE = ({"role": "readWrite", "db": "ats_sync"}, {"role": "readWrite", "db": "clearview"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedMongo]:
    with guarded_mongo(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture
async def lever() -> AsyncIterator[Simulator]:
    simulator = create_simulator("lever", candidates=20, unlimited=True)
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def bench(server: GuardedMongo, lever: Simulator, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with server.root() as root:
        bench = Workbench(
            TestMongo("unused", "ats_sync", "clearview", root), tmp_path, {"lever": lever}
        )
        bench.extra["lever"] = {"attachments": {"policy": "download"}}
        bench.write_config()
        yield bench
        for name in ("ats_sync", "clearview"):
            await root.drop_database(name)


async def command(bench: Workbench, uri: str, *words: str) -> Answer:
    """A command in this process, as the user of the URI."""
    environment = {
        "ATS_SYNC_MONGODB_URI": uri,
        "ATS_SYNC_CONFIG": str(bench.config),
        "ATS_SYNC_DATA_DIR": str(bench.folder / "data"),
    }
    answer = await asyncio.to_thread(ats_sync, *words, environment=environment)
    assert PASSWORD not in answer.out + answer.err
    assert "canary" not in answer.out + answer.err
    return answer


async def run_once(bench: Workbench, uri: str) -> tuple[int, str]:
    """The real daemon, once."""
    code, printed = await bench.run(
        *("run", "--once", "--config", str(bench.config)), ATS_SYNC_MONGODB_URI=uri
    )
    assert "Traceback" not in printed, printed[-2000:]
    assert "canary" not in printed
    return code, printed


async def with_printed_role(server: GuardedMongo, bench: Workbench, role: str) -> str:
    """A user who has nothing but what `roles print` says."""
    printed = (await command(bench, "", "roles", "print", "--role", role, "--json")).json
    [entry] = printed[role]
    async with server.root() as root:
        created = await root.admin.command("rolesInfo", f"ats_sync_{role}")
        if not created["roles"]:
            server.add_role(entry["command"])
            server.add_user(role, f"ats_sync_{role}")
    return server.uri(role)


async def test_the_printed_roles_are_enough_for_each_kind_of_user(
    server: GuardedMongo, bench: Workbench
) -> None:
    daemon = await with_printed_role(server, bench, "daemon")
    reader = await with_printed_role(server, bench, "reader")
    operator = await with_printed_role(server, bench, "operator")

    code, printed = await run_once(bench, daemon)
    assert code == 0, printed[-2000:]
    row = await bench.clearview["applications"].find_one(
        {"status": {"$in": ["new", "reviewing", "screening"]}}
    )
    assert row is not None
    assert await bench.own["attachments_queue"].distinct("state") == ["fetched"]
    assert await bench.clearview["attachments.files"].count_documents({}) > 3
    await bench.clearview["applications"].update_one(
        {"_id": row["_id"]}, {"$set": {"status": "interview"}}
    )
    code, printed = await run_once(bench, daemon)
    assert code == 0, printed[-2000:]
    assert '"state":"delivered"' in printed

    for uri in (daemon, reader, operator):
        doctor = await command(bench, uri, "doctor", "--json")
        looked_at = {one["subject"]: one["verdict"] for one in doctor.json}
        assert [looked_at[s] for s in ("MongoDB", "ats_sync", "clearview", "oplog")] == ["ok"] * 4
    person = str(row["candidate_id"])
    for words in (
        *(("status",), ("history", person), ("outbox", "list"), ("alerts", "list")),
        *(("integrations", "list"), ("plan", "lever"), ("verify", "lever")),
        ("attachments", "list"),
    ):
        answer = await command(bench, reader, *words)
        assert answer.code == 0, (words, answer)
    for change in (
        *(("integrations", "pause", "lever"), ("integrations", "resume", "lever")),
        *(("alerts", "mute", "lever", "--for", "1h"), ("alerts", "unmute", "lever")),
        ("attachments", "retry", "--dead"),
    ):
        answer = await command(bench, operator, *change)
        assert answer.code == 0, (change, answer)

    refused = await command(bench, reader, "integrations", "pause", "lever")
    assert refused.code == 1
    assert "MongoDB refuses what this command does (code 13)" in refused.err
    assert "ats-sync roles print" in refused.err
    for uri in (reader, operator):
        await assert_sealed_tokens_are_not_read(uri)
    for uri in (daemon, operator):
        await assert_the_audit_log_only_grows(uri)
    may_not = await command(bench, reader, "erase", "--candidate", person)
    erased = await command(bench, daemon, "erase", "--candidate", person)
    assert (may_not.code, erased.code) == (1, 0), (may_not, erased)
    assert "retention_not_set" not in printed


async def assert_sealed_tokens_are_not_read(uri: str) -> None:
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        with pytest.raises(OperationFailure, match="not authorized"):
            await client["ats_sync"]["oauth_tokens"].find_one()


async def assert_the_audit_log_only_grows(uri: str) -> None:
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        log = client["ats_sync"]["audit_log"]
        assert await log.count_documents({"action": "integration.pause"}) == 1
        with pytest.raises(OperationFailure, match="not authorized"):
            await log.update_many({}, {"$set": {"actor": "someone else"}})
        with pytest.raises(OperationFailure, match="not authorized"):
            await log.delete_many({})


async def test_read_write_on_both_databases_is_enough_where_the_collections_exist(
    server: GuardedMongo, bench: Workbench
) -> None:
    daemon = await with_printed_role(server, bench, "daemon")
    await run_once(bench, daemon)
    plain = server.add_user("plain", *READ_WRITE)

    code, printed = await run_once(bench, plain)
    doctor = await command(bench, plain, "doctor", "--json")

    assert code == 0, printed[-2000:]
    [oplog] = [one for one in doctor.json if one["subject"] == "oplog"]
    assert (oplog["verdict"], "it may not be read" in oplog["words"]) == ("note", True)


@pytest.mark.parametrize(
    ("user", "roles", "named"),
    [
        ("nothing", (), "MongoDB refuses find on ats_sync.migrations: "),
        ("looks", ({"role": "read", "db": "ats_sync"},), "createCollection on ats_sync."),
        ("half", (READ_WRITE[0],), "MongoDB refuses listCollections on clearview: "),
        (
            "reads",
            (READ_WRITE[0], {"role": "read", "db": "clearview"}),
            "MongoDB refuses createCollection on clearview.candidates: ",
        ),
    ],
)
async def test_a_missing_privilege_is_named_with_the_remedy(
    server: GuardedMongo, bench: Workbench, user: str, roles: tuple[Any, ...], named: str
) -> None:
    uri = server.add_user(user, *roles)

    doctor = await command(bench, uri, "poll", "lever")

    assert doctor.code == 1
    assert named in doctor.err
    assert "the user of ATS_SYNC_MONGODB_URI lacks the privilege" in doctor.err
    assert "`ats-sync roles print` shows all that the daemon needs" in doctor.err


async def test_an_index_that_may_not_be_made_is_named(
    server: GuardedMongo, bench: Workbench
) -> None:
    uri = server.add_user("indexless", READ_WRITE[0], {"role": "read", "db": "clearview"})
    for name in ("candidates", "applications"):
        await bench.clearview.create_collection(name)

    answer = await command(bench, uri, "poll", "lever")

    assert answer.code == 1
    assert "MongoDB refuses createIndex on clearview.candidates: the user of" in answer.err


async def test_a_wrong_password_is_a_sentence_in_the_real_daemon(
    server: GuardedMongo, bench: Workbench
) -> None:
    uri = server.uri("nobody")

    code, printed = await run_once(bench, uri)

    assert code == 1
    assert "MongoDB refused the login (code 18)" in printed
    assert "check user, password and authSource in ATS_SYNC_MONGODB_URI" in printed
