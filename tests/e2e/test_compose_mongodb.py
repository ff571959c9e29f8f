"""compose.yaml's MongoDB, with authentication and a key file, set up as its health check does it.

No Docker is needed: the entrypoint and the command are run as they are written, with the embedded
mongod instead of the image's, and the steps of the health check by a driver instead of mongosh.
"""

import asyncio
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from daemon.store.embedded.binary import locate_mongod
from tests.support.ats_sync import Workbench, workbench
from tests.support.command_line import Answer, ats_sync
from tests.support.mongo import TestMongo
from tests.support.pages import ROOT

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]

ROOT_PASSWORD, PASSWORD = "canary-root", "canary-own"
Client = MongoClient[dict[str, Any]]


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def in_check(pattern: str) -> Any:
    """A literal of the health check's script; what mongosh reads here is YAML as well."""
    script = re.sub(r"\s//.*", "", services()["mongodb"]["healthcheck"]["test"][-1])
    found = re.search(pattern, script, re.DOTALL)
    assert found is not None, pattern
    return yaml.safe_load(found[1])


@contextmanager
def running(folder: Path, port: int) -> Iterator[Path]:
    """The service's process; only its folders and its port are other ones. Yields the key file."""
    (folder / "bin").mkdir()
    (folder / "data").mkdir()
    entry = folder / "bin" / "docker-entrypoint.sh"
    entry.write_text('#!/bin/sh\nexec "$@"\n')
    entry.chmod(0o755)
    (folder / "bin" / "mongod").symlink_to(locate_mongod())
    service = services()["mongodb"]
    words = [*service["entrypoint"], *service["command"]]
    words = [word.replace("$$", "$").replace("/tmp/", f"{folder}/") for word in words]
    words = [word.replace("--bind_ip_all", "--bind_ip=127.0.0.1") for word in words]
    own = [f"--port={port}", f"--dbpath={folder}/data", f"--logpath={folder}/log", "--nounixsocket"]
    path = f"{folder}/bin:/usr/local/bin:/usr/bin:/bin"
    process = subprocess.Popen([*words, *own], env={"PATH": path})
    try:
        yield folder / "mongodb.key"
    finally:
        process.terminate()
        process.wait(30)


def client(port: int, **login: Any) -> Client:
    return MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=20_000, **login
    )


def set_up(port: int) -> None:
    """The steps of the health check, on a server without users."""
    config = in_check(r"rs\.initiate\((.*?)\)\n")
    config["members"][0]["host"] = f"127.0.0.1:{port}"
    roles = in_check(r"const roles = (\[.*?\])\n")
    with client(port) as anyone:
        with pytest.raises(OperationFailure, match="not authorized"):
            anyone["ats_sync"]["anything"].find_one()
        anyone.admin.command("replSetInitiate", config)
        while not anyone.admin.command("hello")["isWritablePrimary"]:
            pass
        anyone.admin.command("createUser", "root", pwd=ROOT_PASSWORD, roles=["root"])
    with client(port, username="root", password=ROOT_PASSWORD) as root:
        root.admin.command("createUser", "ats-sync", pwd=PASSWORD, roles=roles)


def uri(port: int, password: str) -> str:
    written = services()["ats-sync"]["environment"]["ATS_SYNC_MONGODB_URI"]
    assert isinstance(written, str)
    here = written.replace("mongodb:27017", f"127.0.0.1:{port}")
    return here.replace("${MONGODB_PASSWORD}", password)


async def command(bench: Workbench, address: str, *words: str) -> Answer:
    environment = {"ATS_SYNC_MONGODB_URI": address, "ATS_SYNC_LOG_FORMAT": "json"}
    return await asyncio.to_thread(
        ats_sync, *words, "--config", bench.config, environment=environment
    )


async def test_the_user_of_the_compose_file_may_do_what_the_daemon_does_and_no_more(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    port = unused_tcp_port
    nowhere = TestMongo("", "ats_sync", "clearview", None)  # type: ignore[arg-type]
    (tmp_path / "mongodb").mkdir()
    with running(tmp_path / "mongodb", port) as key_file:
        set_up(port)
        async with workbench(nowhere, tmp_path, ["lever"]) as bench:
            good = {"ATS_SYNC_MONGODB_URI": uri(port, PASSWORD), "ATS_SYNC_DATABASE": "ats_sync"}
            ran = await bench.run("run", "--once", "--config", str(bench.config), **good)
            doctor = await command(bench, uri(port, PASSWORD), "doctor")
            wrong = await command(bench, uri(port, "canary-wrong"), "doctor")
            people = bench.simulators["lever"].truth().candidates
        with client(port, username="ats-sync", password=PASSWORD) as own:
            stored = own["clearview"]["candidates"].count_documents({})
            with pytest.raises(OperationFailure, match="not authorized"):
                own["elsewhere"]["anything"].insert_one({})
        mode = stat.S_IMODE(key_file.stat().st_mode)

    assert ran[0] == 0, ran[1][-3000:]
    assert stored == len(people)
    assert mode == 0o600
    assert doctor.code == 0, doctor.out
    assert "cannot be read" not in doctor.out
    assert wrong.code == 1
    assert "canary" not in f"{ran[1]}{doctor.out}{doctor.err}{wrong.out}{wrong.err}"
