"""A running daemon in whose every personal field and secret there is a canary."""

import asyncio
import base64
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from connectors.simulator import Simulator
from connectors.simulator.commands import run_command
from connectors.simulator.greenhouse import Greenhouse
from connectors.simulator.world import Person
from tests.support.ats_sync import Command, Workbench
from tests.support.canary_hub import ATSS, Hub, hub
from tests.support.canary_words import (
    FILE,
    PERSON,
    REFUSED,
    SECRETS,
    SEED,
)
from tests.support.command_line import Answer, ats_sync
from tests.support.mongo import TestMongo
from tests.support.mongo_auth import GuardedMongo
from tests.support.tiny_ats import definition_text
from tests.support.waiting import until

TOKEN = SECRETS["admin token"]
EMAIL = f"{PERSON['e-mail']}@example.org"
FIELDS: Mapping[str, object] = {
    "first_name": PERSON["first name"],
    "last_name": PERSON["last name"],
    "emails": [EMAIL],
    "phones": [f"+49 30 {PERSON['phone']}"],
    "addresses": [f"1 {PERSON['address']} Street"],
    "links": [f"https://people.example/{PERSON['link']}"],
    "company": PERSON["company"],
    "title": PERSON["title"],
    "tags": [PERSON["tag"]],
    "custom_fields": {"notice_period": PERSON["custom field"]},
}
REFUSED_EMAIL = f"{REFUSED['refused e-mail']}@example.org"
REFUSED_FIELDS: Mapping[str, object] = {
    "first_name": REFUSED["refused name"],
    "emails": [REFUSED_EMAIL],
    "title": f"refused {REFUSED['refused title']}",
}
ENVIRONMENT = {
    "ATS_SYNC_ADMIN_TOKEN": TOKEN,
    "ATS_SYNC_ENCRYPTION_KEY": f"{SECRETS['encryption key']}-0123456789, "
    f"{SECRETS['former key']}-0123456789",
    "THE_KEY": SECRETS["ATS key"],
    "WEBHOOK_SECRET": SECRETS["webhook secret"],
    "NOTIFY_TOKEN": SECRETS["notification token"],
    "SERVICE_TOKEN": SECRETS["service token"],
    "EVENT_SECRET": f"whsec_{base64.b64encode(SECRETS['event secret'].encode() * 2).decode()}",
    "BROKER_URL": f"amqp://daemon:{SECRETS['broker password']}@127.0.0.1:9/",
    "ATS_SYNC_LOG_LEVEL": "debug",
}


APPLICATIONS = 3
"""Further ones of the person; a recruiter does something else to each."""


@dataclass(slots=True)
class CanaryWorld:
    """The daemon, an ATS that works, and everything that fails beside it."""

    bench: Workbench
    hub: Hub
    ats: Greenhouse
    process: Command
    url: str
    client: aiohttp.ClientSession
    lines: list[str] = field(default_factory=list)

    @property
    def person(self) -> Person:
        """The one with a canary in each field, as the ATS has it."""
        people = self.ats.world.people.values()
        return next(each for each in people if each.first_name == PERSON["first name"])

    @property
    def refused(self) -> str:
        """The id at the ATS of the one whom ClearView refuses."""
        people = self.ats.world.people.values()
        found = next(one for one in people if one.first_name == REFUSED["refused name"])
        return self.ats.person_key(found)

    @property
    def applications(self) -> list[str]:
        """The person's applications, by their ids at the ATS."""
        found = self.ats.world.applications_of(self.person)
        return [self.ats.application_key(each) for each in found]

    @property
    def access_token(self) -> str:
        """The one that the ATS has issued last."""
        [token] = self.ats.tokens._live
        return str(token)

    @property
    def log(self) -> str:
        return "".join(self.lines)

    async def until_logged(self, *words: str) -> None:
        """Waits for a line of the log that has all of these words."""

        async def is_there() -> bool:
            assert self.process.returncode is None, self.lines[-5:]
            return any(all(word in line for word in words) for line in self.lines)

        await until(is_there, within=60)

    async def ask(self, method: str, path: str, **options: Any) -> str:
        """Returns the whole answer as text: status, headers and body."""
        async with self.client.request(method, path, **options) as answer:
            return f"{answer.status} {answer.reason}\n{answer.headers}\n{await answer.text()}"

    async def command(self, *words: str) -> Answer:
        """Runs a command in this process, with the daemon's environment."""
        mine = {k: v for k, v in self.bench.environment().items() if k.startswith("ATS_SYNC_")}
        environment = {**mine, **ENVIRONMENT, "ATS_SYNC_CONFIG": str(self.bench.config)}
        return await asyncio.to_thread(ats_sync, *words, environment=environment)

    def command_lines(self) -> str:
        process = psutil.Process(self.process.pid)
        return str([each.cmdline() for each in (process, *process.children(recursive=True))])

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 20)


@asynccontextmanager
async def canary_world(server: GuardedMongo, folder: Path) -> AsyncIterator[CanaryWorld]:
    async with AsyncExitStack() as stack:
        root = await stack.enter_async_context(server.root())
        outside = await stack.enter_async_context(hub())
        ats = Greenhouse(candidates=12, unlimited=True, seed=SEED)
        await ats.start()
        stack.push_async_callback(ats.stop)
        plant(ats)
        mongo = TestMongo(server.uri("root"), "ats_sync", "clearview", root)
        bench = Workbench(mongo, folder, {"greenhouse": ats})
        write_config(bench, outside)
        await mongo.clearview_db.create_collection(
            "candidates", validator={"title": {"$not": {"$regex": "^refused "}}}
        )
        bench.forked = False  # its own command line is looked at
        process = await bench.start("run", "--config", str(bench.config), **ENVIRONMENT)
        lines: list[str] = []
        reading = asyncio.create_task(_read(process, lines))
        stack.push_async_callback(_ended, process, reading)
        url = f"http://127.0.0.1:{await _port(process, lines)}"
        client = await stack.enter_async_context(
            aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {TOKEN}"})
        )
        yield CanaryWorld(bench, outside, ats, process, url, client, lines)


def plant(ats: Simulator) -> None:
    """Two people apply: one with a canary in each field, and one whom ClearView will refuse."""
    run_command(ats, {"kind": "new_applicant", "changes": dict(FIELDS)})
    person = ats.world.people[ats.world.last_person]
    ats.actions.set_files(person, [FILE])
    jobs = [job for job in ats.world.jobs.values() if job.is_open]
    for job in jobs[:APPLICATIONS]:
        ats.actions.apply(person, job)
    for application in ats.world.applications_of(person):
        ats.actions.edit_application(
            application, {"clearview_status": PERSON["application's field"]}
        )
    run_command(ats, {"kind": "new_applicant", "changes": dict(REFUSED_FIELDS)})


def write_config(bench: Workbench, outside: Hub) -> None:
    (bench.folder / "connectors").mkdir()
    definition = definition_text(more="errors: {code: code, message: message}")
    (bench.folder / "connectors" / "tiny.yaml").write_text(definition)
    (bench.folder / "hash-key").write_text(SECRETS["hash key"])
    ats = bench.simulators["greenhouse"]
    bench.extra["greenhouse"] = {
        "credentials": {**ats.credentials, "webhook_secret": "${env:WEBHOOK_SECRET}"},
        "attachments": {"policy": "download", "hosts": [ats.file_origin]},
        "analytics": {"every": "10s", "field": "clearview_score"},
    }
    for name in ATSS:
        bench.others[name] = {
            "connector": "tiny",
            "endpoint": f"{outside.url}/{name}",
            "credentials": {"key": "${env:THE_KEY}"},
            "privacy": {"hash": ["emails"], "key": f"${{file:{bench.folder / 'hash-key'}}}"},
            "poll": {"every": "10s"},
        }
    hook = f"{outside.url}/notify-{SECRETS['notification path']}"
    chat = f"json://{outside.url[7:]}/chat-{SECRETS['chat path']}"
    bench.write_config(
        connector_paths=[str(bench.folder / "connectors")],
        clearview={
            "mongodb": {"database": bench.mongo.clearview},
            "analytics": {
                "mode": "http",
                "url": f"{outside.url}/service",
                "token": "${env:SERVICE_TOKEN}",
            },
            "notifications": [
                {"kind": "http", "url": hook, "token": "${env:NOTIFY_TOKEN}"},
                {"kind": "apprise", "url": chat},
            ],
        },
        events=[
            {"kind": "http", "url": f"{outside.url}/events", "secret": "${env:EVENT_SECRET}"},
            {"kind": "rabbitmq", "url": "${env:BROKER_URL}"},
        ],
    )


async def _read(process: Command, lines: list[str]) -> None:
    """Keeps the pipe empty: a daemon that cannot log would wait."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        lines.append(line.decode())


async def _ended(process: Command, reading: asyncio.Task[None]) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
    await reading


async def _port(process: Command, lines: list[str]) -> int:
    async def is_listening() -> bool:
        assert process.returncode is None, lines
        return any("http_listening" in line for line in lines)

    await until(is_listening, within=60)
    line = next(line for line in lines if "http_listening" in line)
    return int(json.loads(line)["port"])
