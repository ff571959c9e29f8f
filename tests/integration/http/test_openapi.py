"""The API keeps the document that it serves."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import positive_data_acceptance

from daemon.http.publish import DOCUMENT, as_json
from daemon.store.opening import open_mongo
from tests.support.http_port import Serve, serving
from tests.support.mongo import PreparedDatabases
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

pytestmark = pytest.mark.mongo
TOKEN = "contract-token"
SIGNED_OR_OPEN = "^/(api/v1)"


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


async def _open(ending: AsyncExitStack, databases: PreparedDatabases) -> str:
    lent = await ending.enter_async_context(databases.lend())
    mongo = await open_mongo(
        lent.uri, database=lent.database, clearview_database=lent.clearview, prepare=False
    )
    ending.push_async_callback(mongo.close)
    dead, ada = a_dead_push("acme", "a1"), a_candidate("acme", "c1")
    await mongo.own.ats_integration_settings.insert_one(an_integration("acme"))
    await mongo.own.sync_runs.insert_many([a_run("acme", minutes_ago=n) for n in (3, 1, 2)])
    await mongo.own.status_outbox.insert_one(dead)
    await mongo.own.application_status_update_log.insert_one(a_log_row(dead))
    await mongo.own.candidates_import_log.insert_one(an_import("acme", "c1"))
    await mongo.own.alerts.insert_one(an_alert("acme"))
    await mongo.clearview.candidates.insert_one(ada)
    await mongo.clearview.applications.insert_one(an_application("acme", "a1", ada["_id"]))
    start = await ending.enter_async_context(serving(mongo))
    client = await start(TOKEN)
    return str(client._base_url)


schema = schemathesis.openapi.from_dict(json.loads(as_json())).include(path_regex=SIGNED_OR_OPEN)


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_answer_is_undeclared(case: schemathesis.Case, address: str) -> None:
    # Which cursor is one, and that a mute ends in the future, no schema can express.
    case.call_and_validate(
        base_url=address,
        headers={"Authorization": f"Bearer {TOKEN}"},
        excluded_checks=[positive_data_acceptance],
    )
