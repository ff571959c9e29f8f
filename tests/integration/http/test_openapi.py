"""The API keeps the document that it serves."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import positive_data_acceptance

from connectors.read.webhooks import WebhookReader
from connectors.registry import load_definition
from daemon.http.publish import DOCUMENT, as_json
from daemon.http.request_rates import Rate, RequestLimiter, RequestRates
from daemon.http.webhooks import Webhooks
from daemon.runtime.checked_config import CheckedConfig
from daemon.runtime.integration_admin import Trial
from daemon.runtime.metrics import PrometheusMetrics
from daemon.store.opening import open_mongo
from daemon.store.webhook_events import MongoWebhookEventStore
from tests.support.fuzz_cases import examples
from tests.support.http_port import Serve, serving
from tests.support.mongo import PreparedDatabases
from tests.support.moving_clock import MovingClock
from tests.support.sample_rows import (
    a_candidate,
    a_dead_push,
    a_log_row,
    a_run,
    an_alert,
    an_application,
    an_import,
    an_integration,
)
from tests.support.webhook_senders import SECRET

pytestmark = [pytest.mark.mongo, pytest.mark.fuzz("API")]
TOKEN = "contract-token"
Drawn = dict[str, Any]
DEAD, ALERT, ADA = a_dead_push("acme", "a1"), an_alert("acme"), a_candidate("acme", "c1")
ACME, ADDED = {"name": "acme"}, {"name": "added"}
THERE: dict[str, list[dict[str, str]]] = {
    "/integrations/": [ACME, ADDED],
    "/webhooks/": [ACME],
    "/outbox/": [{"id": str(DEAD["_id"])}],
    "/alerts/": [{"id": str(ALERT["_id"])}],
    "/candidates/": [{"id": str(ADA["_id"])}, {"id": "c1"}],
}
GOOD: dict[str, dict[str, object]] = {
    "POST /api/v1/integrations": ADDED
    | {"connector": "ashby", "credentials": {"api_key": "key-of-this-test"}},
    "PATCH /api/v1/integrations/{name}": {"poll": {"every": "30s"}},
    "POST /api/v1/erasures": {"candidate": str(ADA["_id"]), "dry_run": True},
    "POST /api/v1/alerts/{id}/mute": {"for": "1h"},
}


def test_the_document_is_valid_and_the_stored_one_is_fresh() -> None:
    validate(json.loads(as_json()))

    assert DOCUMENT.read_text() == as_json()


async def test_the_daemon_serves_the_document_to_operators(serve: Serve) -> None:
    client = await serve(TOKEN)

    async with client.get("/api/v1/openapi.json") as answer:
        refused = answer.status
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with client.get("/api/v1/openapi.json", headers=headers) as answer:
        served = await answer.json()
    assert refused == 401
    assert served == json.loads(DOCUMENT.read_text())


@pytest.fixture(scope="module")
def address(prepared_databases: PreparedDatabases) -> Iterator[str]:
    """A port with a few rows of everything, on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    ending = AsyncExitStack()
    try:
        opening = asyncio.run_coroutine_threadsafe(_open(ending, prepared_databases), loop)
        yield opening.result(30)
    finally:
        asyncio.run_coroutine_threadsafe(ending.aclose(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


UNLIMITED = RequestRates(**dict.fromkeys(RequestRates.__struct_fields__, Rate(10**9, 10**9)))
"""A guessed token among thousands of requests a minute is answered with 401, and not with 429."""


async def _tried(_checked: CheckedConfig, _name: str) -> Trial:
    return Trial("Ashby", ["Onsite"], [], [])


async def _open(ending: AsyncExitStack, databases: PreparedDatabases) -> str:
    lent = await ending.enter_async_context(databases.lend())
    mongo = await open_mongo(
        lent.uri, database=lent.database, clearview_database=lent.clearview, prepare=False
    )
    ending.push_async_callback(mongo.close)
    await mongo.own.ats_integration_settings.insert_one(an_integration("acme"))
    await mongo.own.sync_runs.insert_many([a_run("acme", minutes_ago=n) for n in (3, 1, 2)])
    await mongo.own.status_outbox.insert_one(DEAD)
    await mongo.own.application_status_update_log.insert_one(a_log_row(DEAD))
    await mongo.own.candidates_import_log.insert_one(an_import("acme", "c1"))
    await mongo.own.alerts.insert_one(ALERT)
    await mongo.clearview.candidates.insert_one(ADA)
    await mongo.clearview.applications.insert_one(an_application("acme", "a1", ADA["_id"]))
    start = await ending.enter_async_context(serving(mongo))
    webhook = load_definition("ashby").model.webhook
    assert webhook is not None
    reader = WebhookReader(webhook, [SECRET], {"applications": "applications"})
    store = MongoWebhookEventStore(mongo)
    metrics = PrometheusMetrics()
    limiter = RequestLimiter(UNLIMITED, metrics)
    webhooks = Webhooks({"acme": reader}.get, store, MovingClock(), metrics, limiter)
    client = await start(TOKEN, routes=webhooks.routes(), trial=_tried, rates=UNLIMITED)
    return str(client._base_url)


EXAMPLES = settings(
    max_examples=examples(300, otherwise=15), deadline=None, suppress_health_check=list(HealthCheck)
)
schema = schemathesis.openapi.from_dict(json.loads(as_json()))
known = schemathesis.openapi.from_dict(json.loads(as_json()))
"""The same, for requests about something that is there: chance alone names nothing of it."""
known.config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE])


def is_sent(value: object) -> bool:
    return any(map(is_sent, value)) if isinstance(value, list) else value not in (None, {})


@schema.hook
def filter_query(_context: schemathesis.HookContext, drawn: object) -> bool:
    """What no client sends violates nothing."""
    return not isinstance(drawn, dict) or all(map(is_sent, drawn.values()))


@known.hook
def flatmap_path_parameters(
    context: schemathesis.HookContext, drawn: Drawn
) -> SearchStrategy[Drawn]:
    assert context.operation is not None
    path = context.operation.path
    found = [each for start, those in THERE.items() if start in path for each in those]
    return st.sampled_from(found or [drawn])


@known.hook
def flatmap_query(context: schemathesis.HookContext, drawn: Drawn) -> SearchStrategy[Drawn]:
    assert context.operation is not None
    if "integration" not in {each.name for each in context.operation.query}:
        return st.just(drawn)
    return st.sampled_from([drawn, {"integration": "acme", "limit": 1}])


@known.hook
def flatmap_body(context: schemathesis.HookContext, drawn: object) -> SearchStrategy[object]:
    operation = context.operation
    assert operation is not None
    good = GOOD.get(f"{operation.method.upper()} {operation.path}")
    return st.just(drawn) if good is None else st.sampled_from([drawn, good])


def answer_is_declared(case: schemathesis.Case[Any], address: str) -> None:
    # Which cursor is one, and that a mute ends in the future, no schema can express.
    case.call_and_validate(
        base_url=address,
        headers={"Authorization": f"Bearer {TOKEN}"},
        excluded_checks=[positive_data_acceptance],
    )


@schema.parametrize()
@EXAMPLES
def test_no_answer_is_undeclared(case: schemathesis.Case[Any], address: str) -> None:
    answer_is_declared(case, address)


@known.parametrize()
@EXAMPLES
def test_no_answer_about_what_is_there_is_undeclared(
    case: schemathesis.Case[Any], address: str
) -> None:
    answer_is_declared(case, address)
