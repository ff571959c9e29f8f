"""`ats-sync erase` and `export-person` on real documents."""

import json
import stat
from pathlib import Path

import pytest

from daemon.store.connection import Mongo
from models.ids import candidate_id, integration_id
from tests.support.command_line import CommandWorld
from tests.support.sample_rows import (
    a_candidate,
    a_dead_push,
    an_application,
    an_integration,
)

pytestmark = pytest.mark.mongo
ADA = a_candidate("acme", "c1", emails=[{"value": "ada@example.org", "type": None}])
GRACE = a_candidate("acme", "c2", first_name="Grace")


async def seed(mongo: Mongo) -> None:
    await mongo.own.ats_integration_settings.insert_one(an_integration("acme"))
    await mongo.clearview.candidates.insert_many([ADA, GRACE])
    await mongo.clearview.applications.insert_one(an_application("acme", "a1", ADA["_id"]))
    await mongo.own.status_outbox.insert_one(a_dead_push("acme", "a1"))


async def candidates(mongo: Mongo) -> list[str]:
    return [row["first_name"] for row in await mongo.clearview.candidates.find().to_list()]


@pytest.fixture
def seeded(world: CommandWorld) -> CommandWorld:
    world.store(seed)
    return world


def test_a_dry_run_shows_what_would_be_removed_and_removes_nothing(seeded: CommandWorld) -> None:
    shown = seeded.ats_sync("erase", "--email", "ADA@example.org", "--dry-run")

    assert shown.code == 0
    assert "candidates" in shown.out
    assert "Nothing was removed" in shown.out
    assert "ada@example.org" not in shown.out.lower()
    assert sorted(seeded.store(candidates)) == ["Ada", "Grace"]


def test_a_person_is_erased_and_the_receipt_is_shown_again(seeded: CommandWorld) -> None:
    first = seeded.ats_sync("erase", "--candidate", "c1", "--integration", "acme", "--json").json
    again = seeded.ats_sync("erase", "--email", "ada@example.org", "--json").json
    shown = seeded.ats_sync("erase", "--candidate", str(candidate_id(integration_id("acme"), "c1")))

    assert first["counts"] == {"applications": 1, "candidates": 1, "status_outbox": 1}
    assert first["finished_at"] is not None
    assert again == first
    assert first["receipt"] in shown.out
    assert seeded.store(candidates) == ["Grace"]


def test_of_someone_unknown_nothing_is_held(seeded: CommandWorld) -> None:
    shown = seeded.ats_sync("erase", "--email", "unknown@example.org")

    assert (shown.code, shown.out) == (0, "Nothing is held about this person.\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "either --candidate or --email"),
        (("--candidate", "c1", "--email", "ada@example.org"), "either --candidate or --email"),
        (("--email", "ada"), "takes an e-mail address"),
        (("--email", "ada@example.org", "--integration", "acme"), "leave --integration out"),
    ],
)
def test_a_request_that_is_not_clear_is_wrong_usage(
    seeded: CommandWorld, words: tuple[str, ...], says: str
) -> None:
    refused = seeded.ats_sync("erase", *words)

    assert refused.code == 2
    assert says in refused.err
    assert len(seeded.store(candidates)) == 2


def test_an_export_is_one_json_document_that_only_its_owner_can_read(
    seeded: CommandWorld, tmp_path: Path
) -> None:
    path = tmp_path / "person.json"

    answer = seeded.ats_sync("export-person", "--candidate", "c1", "--output", str(path))
    printed = seeded.ats_sync("export-person", "--candidate", "c1").json

    assert answer.code == 0
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found == printed
    assert sorted(found["collections"]) == ["applications", "candidates", "status_outbox"]
    assert found["collections"]["candidates"][0]["first_name"] == "Ada"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_reason_of_a_legal_hold_is_listed_as_it_was_written(seeded: CommandWorld) -> None:
    reason = "files [12/3], :key: [bold]"
    seeded.ats_sync("legal-hold", "set", "--candidate", "c1", "--reason", reason)

    assert reason in seeded.ats_sync("legal-hold", "list").out


def test_an_older_file_is_replaced_as_a_whole_and_closed_to_others(
    seeded: CommandWorld, tmp_path: Path
) -> None:
    path = tmp_path / "receipts.json"
    path.write_text("older")
    path.chmod(0o644)

    saved = seeded.ats_sync("erase", "--save-receipts", str(path))
    refused = seeded.ats_sync("erase", "--save-receipts", "/dev/full")

    assert (saved.code, stat.S_IMODE(path.stat().st_mode)) == (0, 0o600)
    assert "older" not in path.read_text()
    assert [one.name for one in tmp_path.iterdir() if "receipts" in one.name] == ["receipts.json"]
    assert refused.code == 1
    assert "/dev/full cannot be written: No space left on device" in refused.err


def test_a_legal_hold_keeps_a_person_until_it_is_released(seeded: CommandWorld) -> None:
    held = seeded.ats_sync("legal-hold", "set", "--candidate", "c1", "--reason", "file 12")
    refused = seeded.ats_sync("erase", "--email", "ada@example.org")
    listed = seeded.ats_sync("legal-hold", "list", "--json").json
    exported = seeded.ats_sync("export-person", "--candidate", "c1").json
    released = seeded.ats_sync("legal-hold", "release", "--candidate", "c1")
    again = seeded.ats_sync("legal-hold", "release", "--candidate", "c1")
    erased = seeded.ats_sync("erase", "--candidate", "c1")

    assert (held.code, refused.code, released.code, again.code, erased.code) == (0, 1, 0, 1, 0)
    assert "a legal hold is on 1 of the candidates" in refused.err
    assert [row["reason"] for row in listed] == ["file 12"]
    assert "legal_holds" in exported["collections"]
    assert seeded.store(candidates) == ["Grace"]


def test_receipts_are_saved_apart_and_replayed(seeded: CommandWorld, tmp_path: Path) -> None:
    path = tmp_path / "receipts.json"
    seeded.ats_sync("erase", "--candidate", "c1")

    saved = seeded.ats_sync("erase", "--save-receipts", str(path))
    seeded.store(restored)
    replayed = seeded.ats_sync("erase", "--replay", "--receipts", str(path))

    assert (saved.code, stat.S_IMODE(path.stat().st_mode)) == (0, 0o600)
    assert replayed.out == "Receipts added: 0. Candidates erased again: 1.\n"
    assert seeded.store(candidates) == ["Grace"]


async def restored(mongo: Mongo) -> None:
    await mongo.clearview.candidates.insert_one(ADA)


def test_the_block_of_a_person_is_lifted_once(seeded: CommandWorld) -> None:
    seeded.ats_sync("erase", "--email", "ada@example.org")

    wrong = seeded.ats_sync("erase", "--lift", "--dry-run", "--email", "ada@example.org")
    lifted = seeded.ats_sync("erase", "--lift", "--email", "ada@example.org")
    again = seeded.ats_sync("erase", "--lift", "--email", "ada@example.org")

    assert (wrong.code, lifted.code, again.code) == (2, 0, 0)
    assert lifted.out.startswith("1 erasure no longer keeps this person from being imported.\n")
    assert again.out == "No erasure keeps this person from being imported.\n"
