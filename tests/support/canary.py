"""A person whose every value is found again wherever it is stored."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace
from pymongo.asynchronous.database import AsyncDatabase

from connectors.values import Mapped, MappingFailed, RawRecord
from daemon.core.erasure import snapshot_id
from daemon.store.connection import Mongo
from models.ids import application_id, candidate_id, integration_id
from models.ids import derived_id as derived
from tests.support.fake_ats import FakeAts, FakeConnector
from tests.support.importing import ImportBench
from tests.support.mongo import stored_names
from tests.support.sample_rows import NOW, a_dead_push, a_log_row, a_run, an_alert, an_integration

TOKEN = "canary7f3"
PERSON, APPLICATION = "7730001", "7730002"
EMAIL = f"Ada.{TOKEN}@Example.org"
FORMER = f"old-{TOKEN}@example.org"
FIELDS: Mapping[str, Any] = {
    "name": f"First{TOKEN}",
    "last": f"Last{TOKEN}",
    "email": EMAIL,
    "phone": f"+49 30 {TOKEN}",
    "address": f"1 {TOKEN} Street",
    "link": f"https://people.example/{TOKEN}",
    "company": f"Company {TOKEN}",
    "title": f"Title {TOKEN}",
    "tag": f"tag-{TOKEN}",
    "source": f"Source {TOKEN}",
    "custom": {"note": f"free text about {TOKEN}"},
    "file": f"{TOKEN}.pdf",
}
ACME = integration_id("acme")
PERSONAL_IDS = frozenset(
    {
        candidate_id(ACME, PERSON),
        application_id(ACME, APPLICATION),
        snapshot_id(ACME, "candidates", PERSON),
        snapshot_id(ACME, "applications", APPLICATION),
    }
)
_RAW_IDS = frozenset(identity.bytes for identity in PERSONAL_IDS)
CLEARED_WORDS = frozenset({TOKEN, PERSON, APPLICATION})


class CanaryConnector(FakeConnector):
    """Maps every field that a candidate can have."""

    def _map(self, list_name: str, record: RawRecord) -> Mapped | MappingFailed:
        mapped = FakeConnector._map(self, list_name, record)
        if isinstance(mapped, MappingFailed) or mapped.candidate is None:
            return mapped
        row = msgspec.json.decode(record.raw)
        candidate = mapped.candidate
        candidate["last_name"] = row.get("last")
        for name, key in (("email", "emails"), ("phone", "phones"), ("address", "addresses")):
            candidate[key] = _points(row.get(name))  # type: ignore[literal-required]
        candidate["links"] = _points(row.get("link"))
        candidate["title"], candidate["source"] = row.get("title"), row.get("source")
        candidate["tags"] = [row["tag"]] if "tag" in row else []
        if "file" in row:
            candidate["attachments"] = [
                {
                    "external_id": "f1",
                    "name": row["file"],
                    "kind": "resume",
                    "url": f"https://files.example/{row['file']}",
                    "url_expires_at": None,
                }
            ]
        return replace(mapped, is_anonymised=bool(row.get("anonymised")))


def _points(value: str | None) -> list[Any]:
    return [] if value is None else [{"value": value, "type": "home"}]


def an_ats() -> FakeAts:
    """The canary with one application, beside another person with one."""
    ats = FakeAts()
    ats.put("candidates", PERSON, **FIELDS)
    ats.put("applications", APPLICATION, person=PERSON, status="new")
    ats.put("candidates", "1", name="Grace", email="grace@example.org")
    ats.put("applications", "2", person="1", status="new")
    return ats


async def fill(bench: ImportBench) -> None:
    """Imports everyone, changes the canary, and writes rows about both into all other collections."""
    ats = bench.connector.ats
    await bench.mongo.own.ats_integration_settings.insert_one(an_integration("acme"))
    current = ats.rows["candidates"][PERSON].fields
    ats.put("candidates", PERSON, **{**current, "email": FORMER})
    await bench.poll(sweep=True)
    ats.tick()
    ats.put("candidates", PERSON, **FIELDS)
    ats.put("applications", APPLICATION, person=PERSON, status="interview")
    await bench.poll()
    await _other_rows(bench.mongo)


async def _other_rows(mongo: Mongo) -> None:
    own = mongo.own
    for person, application, words in ((PERSON, APPLICATION, TOKEN), ("1", "2", "Grace")):
        owner = candidate_id(ACME, person)
        push = a_dead_push("acme", application, candidate_id=owner, last_error=f"no {words}")
        await own.status_outbox.insert_one(push)
        await own.application_status_update_log.insert_one(
            a_log_row(push, error_message=f"refused {words}")
        )
        subject = {"ats_integration_id": ACME, "application_id": push["application_id"]}
        await own.conflicts.insert_one(
            {"_id": derived(owner, "conflict"), **subject, "candidate_id": owner, "base": "new"}
            | {"ats": "offer", "clearview": "hired", "policy": "ats_wins", "winner": None}
            | {"state": "open", "detected_at": NOW, "resolved_at": None}
            | {"details": {"note": words}}
        )
        await own.analytics_values.insert_one(
            {"_id": derived(owner, "value"), **subject, "field": "score", "value": words}
            | {"sent_at": NOW, "refused_in": None, "lost": 0}
        )
        await own.failed_records.insert_one(
            {"_id": derived(ACME, "failed", "candidates", person), "ats_integration_id": ACME}
            | {"list": "candidates", "external_id": person, "attempts": 1, "first_failed_at": NOW}
            | {"next_attempt_at": None, "error_message": words, "state": "dead"}
        )
        await own.webhook_events.insert_one(
            {"_id": derived(owner, "event"), "ats_integration_id": ACME, "event_id": f"e-{words}"}
            | {"event": "changed", "records": {"candidates": [person]}, "received_at": NOW}
            | {"state": "applied", "applied_at": NOW, "run_id": None}
        )
        alert = an_alert("acme", key=f"dead_letters:acme:{derived(owner, 'alert')}")
        alert["message"] = f"The ATS refused First{words} ({EMAIL if words == TOKEN else 'x'})"
        alert["details"] = {"application": str(push["application_id"]), "about": [person]}
        await own.alerts.insert_one(alert)
        await own.notification_queue.insert_one(
            {"_id": derived(owner, "message"), "message_id": derived(owner, "m"), "covers": []}
            | {"alert_ids": [alert["_id"]], "sequence": 1, "channel": "http", "state": "pending"}
            | {"payload": {"message": alert["message"], "details": {"id": owner}}}
            | {"attempts": 0, "next_attempt_at": NOW, "created_at": NOW, "finished_at": None}
            | {"last_error": None}
        )
        await own.sync_runs.insert_one(
            a_run("acme", error_message=f"First{words} {person}", details={"issues": [person]})
        )


async def traces(mongo: Mongo) -> list[tuple[str, str, Any]]:
    """Every stored value, in either database, that shows something of the canary."""
    return [
        (name, path, value)
        for name, document in await documents(mongo)
        for path, value in values_of(document)
        if shows(value)
    ]


async def documents(mongo: Mongo) -> list[tuple[str, Any]]:
    return await documents_in(mongo.own, mongo.clearview)


async def documents_in(*databases: AsyncDatabase[dict[str, Any]]) -> list[tuple[str, Any]]:
    """Every document with the name of its collection."""
    found = []
    for database in databases:
        for name in sorted(await stored_names(database)):
            found += [(name, row) for row in await database[name].find().to_list()]
    return found


def values_of(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields every value of a document, and every key, with where it is."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{path}.{key}", key
            yield from values_of(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from values_of(inner, f"{path}[{number}]")
    else:
        yield path, value


def shows(value: Any) -> bool:
    if isinstance(value, UUID):
        return value in PERSONAL_IDS
    if isinstance(value, bytes):
        return any(word.encode() in value for word in CLEARED_WORDS) or value in _RAW_IDS
    if not isinstance(value, str):
        return False
    text = value.lower()
    return any(w.lower() in text for w in CLEARED_WORDS) or any(
        str(i) in text for i in PERSONAL_IDS
    )
