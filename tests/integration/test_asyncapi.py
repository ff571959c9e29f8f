"""The AsyncAPI document describes what is really published, and nothing else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
import yaml
from aiohttp.test_utils import TestServer

from daemon.core.events import ALERTS, CONFLICTS, EXPORTS, IMPORTS, UPDATES
from daemon.events.relay import Subscription
from daemon.events.webhook_sink import WebhookSink, secrets_of
from daemon.runtime.clock import SystemClock
from daemon.store.connection import Mongo
from models.event_types import EventType
from models.ids import candidate_id
from tests.support.event_sinks import SECRET, SINK, WebhookReceiver, relay_to
from tests.support.log_rows import (
    ACME,
    alert_row,
    conflict_row,
    export_row,
    import_row,
    update_row,
)
from tests.support.pages import page
from tests.support.sample_rows import NOW, an_integration

DOCUMENT: dict[str, Any] = yaml.safe_load(page("docs/asyncapi.yaml"))
MESSAGES = {one["name"]: one for one in DOCUMENT["components"]["messages"].values()}


def validator(schema: dict[str, Any]) -> jsonschema.Draft7Validator:
    """Of a part of the document: its references are looked up in the whole."""
    whole = {**schema, "components": DOCUMENT["components"]}
    return jsonschema.Draft7Validator(whole)


def referenced(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [ref for value in part.values() for ref in referenced(value)]
    return [ref for value in part for ref in referenced(value)] if isinstance(part, list) else []


def found(reference: str) -> object:
    part: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def test_each_type_has_a_message_on_both_channels_and_each_reference_leads_somewhere() -> None:
    references = referenced(DOCUMENT)

    assert set(MESSAGES) == {kind.value for kind in EventType}
    assert len(references) > 30
    assert all(isinstance(found(reference), dict) for reference in references)
    for channel in DOCUMENT["channels"].values():
        assert sorted(channel["messages"]) == sorted(DOCUMENT["components"]["messages"])


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[WebhookReceiver, str]]:
    made = WebhookReceiver()
    async with TestServer(made.app()) as server:
        yield made, str(server.make_url("/hook"))


@pytest.mark.mongo
@pytest.mark.parametrize("full", [False, True])
async def test_all_that_is_published_is_as_the_document_says(
    opened: Mongo, receiver: tuple[WebhookReceiver, str], full: bool
) -> None:
    got, url = receiver
    await opened.own["ats_integration_settings"].insert_one(an_integration("acme"))
    person = {"_id": candidate_id(ACME, "1"), "first_name": "Erika", "created_at": NOW}
    await opened.clearview["candidates"].insert_one(person)
    sink = WebhookSink(url, secrets_of(SECRET), SystemClock())
    relay = relay_to(sink, opened, subscription=Subscription(SINK, full=full))
    await relay.begin()
    rows = {
        IMPORTS: [
            *(import_row("1", change) for change in ("created", "updated", "deleted")),
            import_row("2", changed_fields=["a", "b"], merged=True),
        ],
        UPDATES: [
            *(update_row("1", outcome) for outcome in ("Success", "Failed")),
            update_row("2", "Skipped", reason="conflict_open", candidate_id=None),
            update_row("3", "Failed", ats_integration_id=None, status="Erika Mustermann"),
        ],
        CONFLICTS: [conflict_row("1"), conflict_row("2", base=None, winner=None, state="open")],
        EXPORTS: [export_row()],
        ALERTS: [alert_row()],
    }
    for collection, written in rows.items():
        await opened.own[collection].insert_many(written)
    await opened.own[ALERTS].update_many({}, {"$set": {"resolved_at": NOW}})
    await relay.catch_up(timedelta(seconds=20))
    await sink.close()

    assert {event["type"] for event in got.events} == set(MESSAGES)
    assert len(got.events) == sum(map(len, rows.values())) + 1
    for event, headers in zip(got.events, got.headers, strict=True):
        message = MESSAGES[event["type"]]
        validator(message["payload"]).validate(event)
        validator(DOCUMENT["components"]["schemas"]["webhookHeaders"]).validate(headers)
    assert ("Erika" in str(got.bodies)) is full
    assert "Mustermann" not in str(got.bodies)


def test_an_event_with_more_or_less_than_that_is_found() -> None:
    schema = validator(MESSAGES["clearview.ats.candidate.created"]["payload"])

    assert not schema.is_valid({"specversion": "1.0"})
    assert not schema.is_valid({})
