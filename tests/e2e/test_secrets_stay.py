"""No secret is in a log, a document, an answer or the process list, whatever the other side sends back."""

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web

from tests.support.ats_sync import RunningDaemon, Workbench, until
from tests.support.mongo import TestMongo
from tests.support.tiny_ats import definition_text, tiny_ats

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]
TOKEN = "CANARY-of-the-api"
SECRETS = {
    "ATS_SYNC_ADMIN_TOKEN": TOKEN,
    "ATS_SYNC_ENCRYPTION_KEY": "CANARY-that-encrypts-0123456789, CANARY-that-did-0123456789",
    "THE_KEY": "CANARY-of-the-ats",
    "NOTIFY_TOKEN": "CANARY-of-notify",
    "HASH_KEY": "CANARY-of-hashes",
}
PATHS = (
    *("/", "/metrics", "/readyz", "/api/v1/integrations", "/api/v1/integrations/echo"),
    *("/api/v1/runs", "/api/v1/alerts?state=all", "/api/v1/outbox", "/api/v1/openapi.json"),
)


async def echo(request: web.Request) -> web.Response:
    """An ATS, and a Notification Service, that repeat the credential wherever they can."""
    key = request.headers.get("X-Key", request.headers.get("Authorization", ""))
    is_ats = "X-Key" in request.headers
    status, kind = (401, "application/json") if is_ats else (500, f"text/{key.split()[-1][:30]}")
    body = {"code": key, "message": f"no rights for {key}", "errors": [{"title": key}]}
    headers = {"X-Message": key, "Retry-After": key, "Content-Type": kind}
    return web.Response(status=status, text=json.dumps(body), headers=headers, reason=key)


def config(url: str, folder: Path, mongo: TestMongo) -> dict[str, Any]:
    definition = definition_text(more="errors: {code: code, message: message}")
    (folder / "connectors").mkdir()
    (folder / "connectors" / "tiny.yaml").write_text(definition)
    integration = {
        "connector": "tiny",
        "endpoint": url,
        "credentials": {"key": "${env:THE_KEY}"},
        "privacy": {"hash": ["emails"], "key": "${env:HASH_KEY}"},
        "poll": {"every": "10s"},
    }
    notify = {"kind": "http", "url": f"{url}/CANARY-path", "token": "${env:NOTIFY_TOKEN}"}
    return {
        "version": 1,
        "connector_paths": [str(folder / "connectors")],
        "clearview": {"mongodb": {"database": mongo.clearview}, "notifications": [notify]},
        "integrations": {"echo": integration},
    }


def read(url: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return f"{answer.headers}{answer.read().decode()}"
    except urllib.error.HTTPError as error:
        return f"{error.headers}{error.read().decode()}"


async def everything_stored(bench: Workbench) -> str:
    names = await bench.own.list_collection_names()
    return str([await bench.own[name].find().to_list() for name in names if name[:6] != "system"])


async def everything_shown(bench: Workbench, daemon: RunningDaemon) -> dict[str, str]:
    port = json.loads(await daemon.heard("http_listening"))["port"]

    async def failed() -> bool:
        rows = await bench.documents("alerts")
        return any(row["kind"] == "auth_refused" for row in rows)

    async def sent() -> bool:
        return bool(await bench.own["notification_queue"].find_one({"attempts": {"$gte": 1}}))

    await until(failed, within=60)
    await until(sent, within=60)
    base = f"http://127.0.0.1:{port}"
    answers = {path: await asyncio.to_thread(read, base + path) for path in PATHS}
    process = psutil.Process(daemon.process.pid)
    family = [process, *process.children(recursive=True)]
    return {
        **answers,
        "documents": await everything_stored(bench),
        "process list": str([each.cmdline() for each in family]),
    }


async def test_no_secret_is_seen_anywhere(mongo: TestMongo, tmp_path: Path) -> None:
    async with tiny_ats(echo) as ats:
        bench = Workbench(mongo, tmp_path)
        bench.config.write_text(json.dumps(config(ats.url, tmp_path, mongo)))
        process = await bench.start(
            *("run", "--config", str(bench.config)), **SECRETS, ATS_SYNC_LOG_LEVEL="debug"
        )
        daemon = RunningDaemon(process)
        try:
            shown = await everything_shown(bench, daemon)
        finally:
            await daemon.stop()
    shown["log"] = "\n".join(daemon.lines)

    assert any(key in str(ats.headers) for key in SECRETS.values())
    assert {where for where, text in shown.items() if "CANARY" in text} == set()
    assert "import_poll_finished" in shown["log"]
    assert "auth_refused" in shown["documents"]
