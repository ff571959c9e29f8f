"""`keys rotate`: everything that is encrypted follows to a new key, while others go on writing."""

import asyncio
import base64

import pytest

from config.encryption_key import encryption_keys
from connectors.http.token_store import Grant, StoredTokens
from daemon.core.integrations import ConfiguredIntegration
from daemon.runtime.clock import SystemClock
from daemon.store.connection import Mongo
from daemon.store.data_keys import DataKeys
from daemon.store.key_rotation import KeyRotation
from daemon.store.secret_encryption import Keyring
from daemon.store.stored_integrations import MongoStoredIntegrations
from daemon.store.token_store import MongoTokenStore
from models.ids import integration_id
from models.times import utc_now

pytestmark = pytest.mark.mongo
OLD, NEW = (base64.b64encode(bytes([number] * 32)).decode() for number in (1, 2))
GRANT = Grant("a" * 64, "acme")
CONTENT = {
    "connector": "lever",
    "credentials": {"api_key": "CANARY-1", "webhook_secret": "CANARY-2"},
    "privacy": {"hash": ["emails"], "key": "CANARY-3"},
}
FACTS = ConfiguredIntegration(
    name="acme",
    ats_name="Lever",
    connector="lever",
    endpoint="https://api.lever.co/v1",
    enabled=True,
    main_credential="api_key",
    credentials={},
)


def keyring(*keys: str) -> Keyring:
    return Keyring(encryption_keys(",".join(keys)))


def token(name: str) -> StoredTokens:
    return StoredTokens(f"CANARY-{name}", "access", "client", utc_now(), None)


async def fill(mongo: Mongo, keys: Keyring | None, *, with_key: Keyring) -> None:
    """Something of every kind that is encrypted."""
    clock = SystemClock()
    await DataKeys(mongo, keys, clock).load("erasure")
    await MongoStoredIntegrations(mongo, with_key, clock).add(FACTS, CONTENT)
    async with MongoTokenStore(mongo, with_key, clock).claim(GRANT) as claim:
        await claim.keep(token("4"))


async def stored(mongo: Mongo) -> str:
    names = ("data_keys", "oauth_tokens", "ats_integration_settings")
    return str([await mongo.own[name].find().to_list() for name in names])


async def test_after_a_rotation_the_new_key_alone_reads_everything(opened: Mongo) -> None:
    await fill(opened, keyring(OLD), with_key=keyring(OLD))
    before = await DataKeys(opened, keyring(OLD), SystemClock()).load("erasure")
    rotation = KeyRotation(opened, keyring(NEW, OLD))

    first, again = await rotation.rotate(), await rotation.rotate()

    assert (first.encrypted, first.unreadable) == (5, ())
    assert (again.encrypted, again.unreadable) == (0, ())
    counts = await KeyRotation(opened, keyring(NEW)).counts()
    assert all(one.is_current and one.is_readable for one in counts)
    assert {one.collection: one.secrets for one in counts} == {
        "data_keys": 1, "oauth_tokens": 1, "ats_integration_settings": 3,
    }  # fmt: skip
    found = await MongoStoredIntegrations(opened, keyring(NEW), SystemClock()).one("acme")
    assert found is not None
    assert found.content == CONTENT
    async with MongoTokenStore(opened, keyring(NEW), SystemClock()).claim(GRANT) as claim:
        assert claim.tokens is not None
        assert claim.tokens.refresh == "CANARY-4"
    assert await DataKeys(opened, keyring(NEW), SystemClock()).load("erasure") == before
    assert "CANARY" not in await stored(opened)
    row = await opened.own.ats_integration_settings.find_one({"_id": integration_id("acme")})
    assert row is not None
    assert row["credentials"] == row["stored"]["credentials"]
    assert row["api_key"] == row["credentials"]["api_key"]


async def test_what_was_stored_before_there_was_a_key_is_encrypted(opened: Mongo) -> None:
    plain = await DataKeys(opened, None, SystemClock()).load("erasure")

    await KeyRotation(opened, keyring(NEW)).rotate()

    row = await opened.own.data_keys.find_one({"_id": "erasure"})
    assert row is not None
    assert plain not in bytes(row["sealed"])
    assert await DataKeys(opened, keyring(NEW), SystemClock()).load("erasure") == plain


async def test_what_no_key_reads_is_named_and_the_rest_is_done(opened: Mongo) -> None:
    await fill(opened, keyring(NEW), with_key=keyring(OLD))

    done = await KeyRotation(opened, keyring(NEW)).rotate()

    assert done.encrypted == 0
    assert [name.split(",")[0] for name in done.unreadable] == [
        "oauth_tokens", "ats_integration_settings",
    ]  # fmt: skip


async def test_tokens_that_are_replaced_meanwhile_are_not_lost(opened: Mongo) -> None:
    await fill(opened, keyring(OLD), with_key=keyring(OLD))
    daemon = MongoTokenStore(opened, keyring(OLD, NEW), SystemClock())

    async def replace() -> None:
        async with daemon.claim(GRANT) as claim:
            for n in range(40):
                assert await claim.keep(token(str(n)))

    async def rotate() -> None:
        for _ in range(20):
            await KeyRotation(opened, keyring(NEW, OLD)).rotate()

    await asyncio.gather(replace(), rotate())
    await KeyRotation(opened, keyring(NEW, OLD)).rotate()

    async with MongoTokenStore(opened, keyring(NEW), SystemClock()).claim(GRANT) as claim:
        assert claim.tokens is not None
        assert claim.tokens.refresh == "CANARY-39"
