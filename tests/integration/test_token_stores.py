"""Refresh tokens in MongoDB and in a file: durable, unreadable, and spent by one process at a time."""

import asyncio
import base64
import fcntl
import os
import stat
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from config.encryption_key import encryption_keys
from connectors.errors import TokenUnavailable
from connectors.http.token_store import Grant, StoredTokens, TokenStore
from connectors.registry import SharedLimits
from daemon.runtime.clock import SystemClock
from daemon.store.connection import Mongo
from daemon.store.opening import open_mongo
from daemon.store.secret_encryption import Keyring
from daemon.store.token_file import FileTokenStore
from daemon.store.token_store import ClaimTimes, MongoTokenStore
from models.times import utc_now
from tests.support.ats import SteppedClock
from tests.support.mongo import TestMongo
from tests.support.rotating_tokens import CREDENTIALS, RotatingVendor, rotating_auth
from tests.support.tiny_ats import TinyAts, definition_text, ids_of, tiny_ats, tiny_connector
from tests.support.waiting import until

pytestmark = pytest.mark.mongo
KEYS = [base64.b64encode(bytes([number] * 32)).decode() for number in range(3)]
ACME, OTHER = Grant("a" * 64, "acme"), Grant("b" * 64, "other")
SOON = ClaimTimes(ttl=timedelta(seconds=1), patience=timedelta(seconds=0.4))


def tokens(name: str) -> StoredTokens:
    return StoredTokens(f"refresh-{name}", f"access-{name}", "client", utc_now(), None)


def in_mongo(opened: Mongo, key: str = KEYS[0], times: ClaimTimes | None = None) -> MongoTokenStore:
    return MongoTokenStore(opened, Keyring(encryption_keys(key)), SystemClock(), times=times)


Make = Callable[[], TokenStore]


class ObservedClock(SystemClock):
    """Notes which tasks have waited."""

    def __init__(self) -> None:
        self.waited: set[object] = set()

    async def sleep(self, duration: timedelta) -> None:
        self.waited.add(asyncio.current_task())
        await super().sleep(duration)


@pytest.fixture
def clock() -> ObservedClock:
    return ObservedClock()


@pytest.fixture(params=["MongoDB", "a file"])
def make(
    request: pytest.FixtureRequest, opened: Mongo, tmp_path: Path, clock: ObservedClock
) -> Make:
    """Makes a store as another process would have it, on the same tokens."""
    if request.param == "MongoDB":
        return lambda: MongoTokenStore(opened, Keyring(encryption_keys(KEYS[0])), clock)
    return lambda: FileTokenStore(tmp_path / "tokens.json", clock)


async def test_what_one_process_stored_another_one_reads(make: Make) -> None:
    async with make().claim(ACME) as claim:
        before = claim.tokens
        kept = await claim.keep(tokens("1"))
    async with make().claim(ACME) as claim:
        after = claim.tokens
    async with make().claim(OTHER) as claim:
        of_another = claim.tokens

    assert (before, kept, of_another) == (None, True, None)
    assert after is not None
    assert (after.refresh, after.access) == ("refresh-1", "access-1")


async def test_a_grant_is_claimed_by_one_at_a_time(make: Make, clock: ObservedClock) -> None:
    order: list[str] = []

    async def exchange(name: str) -> None:
        async with make().claim(ACME) as claim:
            order.append(f"{name} begins")
            others = {"a", "b", "c"} - {line[0] for line in order}
            clock.waited.clear()
            await until(lambda: len(clock.waited) == len(others))
            await claim.keep(tokens(name))
            order.append(f"{name} ends")

    await asyncio.gather(*(exchange(name) for name in "abc"))

    assert [line.split()[1] for line in order] == ["begins", "ends"] * 3


@pytest.mark.parametrize("processes", [2, 5])
async def test_processes_that_share_a_place_spend_each_refresh_token_once(
    make: Make, processes: int
) -> None:
    vendor, clock = RotatingVendor(expires_in=100), SteppedClock()

    async with tiny_ats(vendor) as ats, AsyncExitStack() as stack:
        several = [connector_with(ats, make(), clock) for _ in range(processes)]
        for connector in several:
            stack.push_async_callback(connector.close)
        for _ in range(4):
            await asyncio.gather(*(ids_of(connector) for connector in several))
            clock.ahead += timedelta(seconds=50)

    assert len(vendor.spent) == len(set(vendor.spent)) >= 2
    assert vendor.refused == []


def connector_with(ats: TinyAts, store: TokenStore, clock: SteppedClock | None = None) -> Any:
    text = definition_text(auth=rotating_auth(ats.url), credentials=CREDENTIALS)
    return tiny_connector(ats, text, clock=clock, shared_limits=SharedLimits(token_store=store))


async def test_a_restart_spends_the_token_that_was_given_last(make: Make) -> None:
    vendor, clock = RotatingVendor(expires_in=100), SteppedClock()

    async with tiny_ats(vendor) as ats:
        for _ in range(3):
            connector = connector_with(ats, make(), clock)
            await ids_of(connector)
            await connector.close()
            clock.ahead += timedelta(seconds=101)

    assert vendor.spent == ["secret-refresh", "refresh-1", "refresh-2"]


# MongoDB


async def test_no_document_shows_a_token(opened: Mongo, mongo: TestMongo) -> None:
    async with in_mongo(opened).claim(ACME) as claim:
        await claim.keep(tokens("CANARY"))

    [row] = await mongo.db["oauth_tokens"].find().to_list()
    assert "CANARY" not in repr(row)
    assert b"CANARY" not in bytes(row["sealed"])
    assert (row["integration"], row["version"], row["owner"]) == ("acme", 1, None)


async def test_a_new_key_reads_what_an_old_one_encrypted_and_encrypts_it_itself(
    opened: Mongo, mongo: TestMongo
) -> None:
    async with in_mongo(opened, KEYS[0]).claim(ACME) as claim:
        await claim.keep(tokens("1"))
    async with in_mongo(opened, f"{KEYS[1]}, {KEYS[0]}\n").claim(ACME) as claim:
        assert claim.tokens is not None
        await claim.keep(tokens("2"))
    async with in_mongo(opened, KEYS[1]).claim(ACME) as claim:
        found = claim.tokens

    assert found is not None
    assert found.refresh == "refresh-2"


async def test_a_key_that_is_missing_is_named_by_its_id_and_blocks_no_one(opened: Mongo) -> None:
    async with in_mongo(opened, KEYS[0]).claim(ACME) as claim:
        await claim.keep(tokens("1"))
    former = Keyring(encryption_keys(KEYS[0])).key_id

    with pytest.raises(TokenUnavailable, match=f"key {former}, which ATS_SYNC_ENCRYPTION_KEY"):
        async with in_mongo(opened, KEYS[1]).claim(ACME):
            pass
    async with in_mongo(opened, KEYS[0], SOON).claim(ACME) as claim:
        assert claim.tokens is not None


@pytest.mark.parametrize("harm", ["moved", "changed", "cut"])
async def test_bytes_that_are_not_what_was_stored_are_refused(
    opened: Mongo, mongo: TestMongo, harm: str
) -> None:
    collection = mongo.db["oauth_tokens"]
    for grant in (ACME, OTHER):
        async with in_mongo(opened).claim(grant) as claim:
            await claim.keep(tokens(grant.integration))
    sealed = bytes((await collection.find_one({"_id": ACME.id}))["sealed"])  # type: ignore[index]
    changed = {
        "moved": sealed,
        "changed": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "cut": sealed[:7],
    }[harm]
    target = OTHER if harm == "moved" else ACME
    await collection.update_one({"_id": target.id}, {"$set": {"sealed": changed}})

    with pytest.raises(TokenUnavailable, match="was changed and cannot be read") as raised:
        async with in_mongo(opened).claim(target):
            pass

    assert "refresh-" not in str(raised.value)


async def test_a_claim_of_a_dead_process_runs_out(opened: Mongo, mongo: TestMongo) -> None:
    store = in_mongo(opened, times=SOON)
    await store._try(ACME, uuid4())  # a claim that no one gives back

    with pytest.raises(TokenUnavailable, match="another process"):
        async with store.claim(ACME):
            pass
    async with asyncio.timeout(10), in_mongo(opened).claim(ACME) as claim:
        assert claim.tokens is None


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=400)])
async def test_a_claim_that_ends_too_far_ahead_is_none(
    opened: Mongo, mongo: TestMongo, ahead: timedelta
) -> None:
    async with in_mongo(opened).claim(ACME):
        pass
    await mongo.db["oauth_tokens"].update_one({}, {"$set": {"claimed_until": utc_now() + ahead}})

    async with asyncio.timeout(20), in_mongo(opened).claim(ACME) as claim:
        assert claim.tokens is None


async def test_a_claim_lasts_as_long_as_its_holder_needs(opened: Mongo, mongo: TestMongo) -> None:
    rows = mongo.db["oauth_tokens"]
    async with in_mongo(opened, times=SOON).claim(ACME):
        [first] = await rows.distinct("claimed_until")

        async def is_renewed() -> bool:
            return bool(await rows.find_one({"claimed_until": {"$gte": first + SOON.ttl}}))

        await until(is_renewed)
        with pytest.raises(TokenUnavailable, match="another process"):
            async with in_mongo(opened, times=SOON).claim(ACME):
                pass


async def test_who_comes_too_late_neither_overwrites_nor_loses_the_newer_token(
    opened: Mongo, mongo: TestMongo
) -> None:
    async with in_mongo(opened).claim(ACME) as late:
        # As if this process had been stopped for minutes: its claim is given to another one.
        await mongo.db["oauth_tokens"].update_one({}, {"$set": {"claimed_until": None}})
        async with in_mongo(opened).claim(ACME) as claim:
            await claim.keep(tokens("newer"))
        kept = await late.keep(tokens("older"))

    assert not kept
    assert late.tokens is not None
    assert late.tokens.refresh == "refresh-newer"


async def test_mongodb_away_is_no_refused_credential(mongo: TestMongo) -> None:
    closed = await open_mongo(
        mongo.uri, database=mongo.database, clearview_database=mongo.clearview
    )
    await closed.close()
    vendor = RotatingVendor()

    async with tiny_ats(vendor) as ats:
        connector = connector_with(ats, in_mongo(closed))
        with pytest.raises(TokenUnavailable, match="MongoDB does not answer"):
            await ids_of(connector)
        await connector.close()

    assert vendor.spent == []


# A file


async def test_a_pipe_in_the_place_of_the_file_is_refused_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.files.read_limited.__kwdefaults__", {"patience_s": 0.1})
    os.mkfifo(tmp_path / "tokens.json")

    with pytest.raises(TokenUnavailable, match="cannot be read: it is a pipe"):
        async with FileTokenStore(tmp_path / "tokens.json", SystemClock()).claim(ACME):
            pass


def test_a_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"

    async def store() -> None:
        async with FileTokenStore(path, SystemClock()).claim(ACME) as claim:
            await claim.keep(tokens("1"))

    asyncio.run(store())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["tokens.json", "tokens.json.lock"]


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', '{"a": {"refresh": null}}'])
async def test_a_file_that_was_damaged_is_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(content)

    with pytest.raises(TokenUnavailable, match="is not as it was written; restore it"):
        async with FileTokenStore(path, SystemClock()).claim(ACME):
            pass

    assert path.read_text() == content


async def test_a_folder_that_is_gone_fails_the_request_and_loses_no_token(tmp_path: Path) -> None:
    vendor, folder = RotatingVendor(), tmp_path / "volume"
    folder.mkdir()

    async def answer(request: Any) -> Any:
        answered = await vendor(request)
        if request.path == "/token":
            for each in folder.iterdir():
                each.unlink()
            folder.rmdir()
        return answered

    async with tiny_ats(answer) as ats:
        connector = connector_with(ats, FileTokenStore(folder / "tokens.json", SystemClock()))
        with pytest.raises(TokenUnavailable, match="cannot be written: No such file"):
            await ids_of(connector)
        folder.mkdir()
        found = await ids_of(connector)
        await connector.close()

    assert found == ["1"]
    assert vendor.spent == ["secret-refresh"]
    assert "refresh-1" in (folder / "tokens.json").read_text()


async def test_a_lock_of_another_process_is_waited_for_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    hold = (
        "import fcntl, os, sys\n"
        f"lock = os.open({str(path) + '.lock'!r}, os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", hold), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    claiming = asyncio.create_task(_claimed(FileTokenStore(path, SystemClock())))
    done, _ = await asyncio.wait({claiming}, timeout=0.3)
    holder.kill()
    await holder.wait()
    async with asyncio.timeout(20):
        await claiming

    assert done == set()
    lock = os.open(f"{path}.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)


async def _claimed(store: TokenStore) -> None:
    async with store.claim(ACME):
        pass
