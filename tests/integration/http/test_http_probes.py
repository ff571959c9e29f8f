"""What orchestrators and people see: alive, ready, numbers, the page."""

import asyncio

import pytest

from daemon.http.heartbeat import DEAD_AFTER_S, Heartbeat
from daemon.store.connection import (
    ConnectionOptions,
    Mongo,
    why_clearview_is_not_writable,
    why_not_writable,
)
from tests.support.http_port import Serve
from tests.support.mongo import TestMongo
from tests.support.sample_rows import a_dead_push, a_run, an_alert, an_integration

pytestmark = pytest.mark.mongo


async def test_a_loop_that_ticks_is_healthy(serve: Serve) -> None:
    client = await serve()

    async with client.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok")


async def test_a_loop_that_has_not_ticked_for_long_is_not(serve: Serve) -> None:
    seconds = [0.0]
    client = await serve(heartbeat=Heartbeat(monotonic=lambda: seconds[0]))
    seconds[0] = DEAD_AFTER_S

    async with client.get("/healthz") as answer:
        assert answer.status == 503


async def test_ready_is_what_every_check_says(serve: Serve, opened: Mongo) -> None:
    async def fine() -> str | None:
        return None

    client = await serve(checks={"stream": fine, "MongoDB": lambda: why_not_writable(opened)})

    async with client.get("/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"ready": True, "reasons": []}


async def test_clearviews_own_cluster_is_looked_at_where_it_is_another_one(
    opened: Mongo, mongo: TestMongo
) -> None:
    away = Mongo(
        mongo.uri,
        database=mongo.database,
        clearview_uri="mongodb://127.0.0.1:9/?replicaSet=rs9",
        options=ConnectionOptions(server_selection_ms=50),
    )
    reasons = [await why_not_writable(away), await why_clearview_is_not_writable(away)]
    await away.close()

    assert reasons == [None, "ClearView's MongoDB does not answer (ServerSelectionTimeoutError)"]
    assert await why_clearview_is_not_writable(opened) is None


async def test_every_reason_not_to_be_ready_is_reported(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closed() -> str | None:
        return "the change stream is not open"

    async def breaks() -> str | None:
        raise ValueError("mongodb://user:secret@host")

    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr("daemon.runtime.readiness.CHECK_LIMIT_S", 0.05)
    client = await serve(checks={"stream": closed, "config": breaks, "ClearView": hangs})

    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert await answer.json() == {
            "ready": False,
            "reasons": [
                "the change stream is not open",
                "config could not be checked (ValueError)",
                "ClearView did not answer within 0.05 s",
            ],
        }


async def test_metrics_are_what_prometheus_reads(serve: Serve) -> None:
    client = await serve()

    async with client.get("/metrics") as answer:
        text = await answer.text()
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'ats_sync_runs_total{job="import_poll"} 1.0' in text


async def test_the_page_shows_states_runs_pushes_and_alerts(serve: Serve, opened: Mongo) -> None:
    await opened.own.ats_integration_settings.insert_one(
        an_integration("acme", state="auth_failed", state_reason="the ATS refused the key")
    )
    await opened.own.sync_runs.insert_one(a_run("acme", created=1234))
    await opened.own.status_outbox.insert_one(a_dead_push("acme", "a1"))
    await opened.own.alerts.insert_one(an_alert("acme"))
    client = await serve()

    async with client.get("/") as answer:
        page = await answer.text()
    assert answer.status == 200
    assert answer.content_type == "text/html"
    for shown in (
        "acme",
        "auth failed",
        "the ATS refused the key",
        "1,234 created",
        "acme: login refused",
        "1 min ago",
    ):
        assert shown in page
    assert "<script" not in page
    assert 'http-equiv="refresh"' in page


async def test_what_an_ats_wrote_is_text_on_the_page_never_markup(
    serve: Serve, opened: Mongo
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    await opened.own.ats_integration_settings.insert_one(
        an_integration("acme", state="paused", state_reason=evil)
    )
    await opened.own.sync_runs.insert_one(a_run("acme", outcome="failed", error_message=evil))
    await opened.own.alerts.insert_one(an_alert("acme", title=evil, message=evil))
    client = await serve()

    async with client.get("/") as answer:
        page = await answer.text()
    assert "<img" not in page
    assert page.count("&lt;img") == 4


async def test_an_empty_page_says_what_to_do(serve: Serve) -> None:
    client = await serve()

    async with client.get("/") as answer:
        assert "add some to the YAML file" in await answer.text()
