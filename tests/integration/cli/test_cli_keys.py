"""`ats-sync keys` as an operator types it."""

import base64
from typing import Any

import pytest

from config.encryption_key import encryption_keys
from daemon.runtime.clock import SystemClock
from daemon.store.connection import Mongo
from daemon.store.data_keys import DataKeys
from daemon.store.secret_encryption import Keyring
from tests.support.command_line import CommandWorld, ats_sync

pytestmark = pytest.mark.mongo
OLD, NEW = (base64.b64encode(bytes([number] * 32)).decode() for number in (1, 2))


def run(world: CommandWorld, *words: str, key: str = "") -> Any:
    return ats_sync(
        "keys", *words, environment={**world.environment("daemon"), "ATS_SYNC_ENCRYPTION_KEY": key}
    )


def begin(world: CommandWorld) -> None:
    async def fill(mongo: Mongo) -> None:
        await DataKeys(mongo, Keyring(encryption_keys(OLD)), SystemClock()).load("erasure")

    world.store(fill)


def test_a_rotation_is_shown_by_ids_and_written_down(world: CommandWorld) -> None:
    begin(world)
    before = run(world, "list", "--json", key=f"{NEW},{OLD}")
    rotated = run(world, "rotate", key=f"{NEW},{OLD}")
    after = run(world, "list", "--json", key=NEW)

    async def audit(mongo: Mongo) -> list[dict[str, Any]]:
        return await mongo.own.audit_log.find().to_list()

    [row] = world.store(audit)
    [old], [new] = before.json, after.json
    assert (old["is_current"], old["is_readable"], new["is_current"]) == (False, True, True)
    assert rotated.code == 0
    assert "1 secrets are encrypted with the first key now" in rotated.out
    assert (row["action"], row["subject"]) == ("keys.rotate", new["key_id"])
    shown = before.out + rotated.out + after.out + rotated.err + str(row)
    assert not any(key in shown for key in (OLD, NEW))


def test_without_the_former_key_the_document_is_named(world: CommandWorld) -> None:
    begin(world)
    listed, rotated = run(world, "list", key=NEW), run(world, "rotate", key=NEW)

    assert "not configured" in listed.out
    assert rotated.code == 1
    assert "no configured key reads a secret of data_keys, _id erasure" in rotated.err


def test_without_a_key_there_is_nothing_to_rotate(world: CommandWorld) -> None:
    answer = run(world, "rotate")

    assert answer.code == 1
    assert "no key is configured" in answer.err
    assert "set ATS_SYNC_ENCRYPTION_KEY" in answer.err
