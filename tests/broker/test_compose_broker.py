"""compose.yaml's broker (`--profile broker`), with the user that it makes, and the daemon's address of it.

No Docker is needed: the entrypoint, the command and the health check are run as they are written, with
Debian's RabbitMQ instead of the image's. Only its folders and its port are other ones.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import msgspec
import pytest
import yaml

from tests.support.ats_sync import workbench
from tests.support.broker import SCRIPTS, Broker, free_ports
from tests.support.mongo import TestMongo
from tests.support.pages import ROOT

pytestmark = [pytest.mark.broker, pytest.mark.mongo, pytest.mark.timeout(240)]
PASSWORD = "canary-broker"
COMPOSE = (ROOT / "compose.yaml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]


def with_password(text: str, password: str = PASSWORD) -> str:
    return text.replace("${RABBITMQ_PASSWORD:-}", password)


def made_as_written(folder: Path, password: str) -> Broker:
    """The service's process, not started."""
    (folder / "bin").mkdir()
    entry = folder / "bin" / "docker-entrypoint.sh"
    entry.write_text('#!/bin/sh\nexec "$@"\n')
    entry.chmod(0o755)
    (folder / "enabled_plugins").write_text("[].\n")
    (folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 1MB\n")
    service = SERVICES["rabbitmq"]
    port, dist_port, epmd_port = free_ports(3)
    words = [word.replace("$$", "$") for word in [*service["entrypoint"], *service["command"]]]
    own = {name: with_password(value, password) for name, value in service["environment"].items()}
    path = f"{folder}/bin:{SCRIPTS}:/usr/local/bin:/usr/bin:/bin"
    return Broker(folder, port, 0, dist_port, epmd_port, words, own | {"PATH": path})


@pytest.fixture
def compose_broker(node: Broker, tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "rabbitmq"
    folder.mkdir()
    broker = made_as_written(folder, PASSWORD)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def address(broker: Broker, password: str = PASSWORD) -> str:
    written: str = SERVICES["ats-sync"]["environment"]["RABBITMQ_URL"]
    return with_password(written, password).replace("rabbitmq:5672", f"127.0.0.1:{broker.port}")


def entry_of_the_file() -> list[dict[str, Any]]:
    """`events`, as the comment above the service has it."""
    found = re.search(r"#   events: (.*)", COMPOSE)
    assert found is not None
    entries: list[dict[str, Any]] = yaml.safe_load(found[1])
    return entries


async def bind_queue(url: str) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("ats-sync", "topic", durable=True)
        queue = await channel.declare_queue(
            "all", durable=True, arguments={"x-queue-type": "quorum"}
        )
        await queue.bind(exchange, "#")


async def ids_received(url: str) -> set[str]:
    found = set()
    async with await aio_pika.connect(url) as connection:
        queue = await (await connection.channel()).get_queue("all")
        while (message := await queue.get(fail=False)) is not None:
            await message.ack()
            found.add(msgspec.json.decode(message.body)["id"])
    return found


async def test_the_daemon_publishes_to_the_broker_of_the_compose_file(
    mongo: TestMongo, tmp_path: Path, compose_broker: Broker
) -> None:
    url = address(compose_broker)
    _, tool, *words = SERVICES["rabbitmq"]["healthcheck"]["test"]
    compose_broker.tool(tool, *words)
    await bind_queue(url)
    async with workbench(mongo, tmp_path, names=["ashby"]) as bench:
        bench.write_config(events=entry_of_the_file())
        config = ("--config", str(bench.config))
        wrong = await bench.run(
            "doctor", *config, RABBITMQ_URL=address(compose_broker, "canary-wrong")
        )
        doctor = await bench.run("doctor", *config, RABBITMQ_URL=url)
        ran = await bench.run("run", "--once", *config, RABBITMQ_URL=url)
        logged = {str(row["_id"]) for row in await bench.documents("candidates_import_log")}
    received = await ids_received(url)

    assert (wrong[0], doctor[0], ran[0]) == (1, 0, 0), ran[1][-3000:]
    assert "The broker refuses the user or the password." in wrong[1]
    assert "canary" not in f"{wrong[1]}{doctor[1]}{ran[1]}"
    assert len(logged) >= 20
    assert logged <= received


def test_without_a_password_the_service_says_what_is_missing(node: Broker, tmp_path: Path) -> None:
    broker = made_as_written(tmp_path, password="")
    ended = subprocess.run(
        broker.command, env=dict(broker.environment), capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stdout == "RABBITMQ_PASSWORD is missing in .env\n"
