"""What is typed to read the bench's listing once: by us, by Singer, by Airbyte."""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.bench.child import Spec
from tests.bench.imports import LIMIT
from tests.bench.ours import NAME
from tests.bench.peers.environments import FOLDER, python_of
from tests.bench.records import PLAIN
from tests.bench.running import write_config
from tests.bench.stage import Stage

PROGRAMS = FOLDER / "programs"
"""What runs in the peers' own environments."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A pipeline of commands that reads everything, and how many records it has then."""

    name: str
    writes: str
    pipeline: Sequence[Sequence[str]]
    output: Path
    """Where the last command's output goes."""
    count: Callable[[], Awaitable[int]]
    environment: Mapping[str, str] = field(default_factory=dict)
    again: Sequence[Sequence[str]] | None = None
    """The commands of the second run, where they are others."""


def ours(stage: Stage, records: int) -> Peer:
    """`ats-sync poll`; the bench's ATS has no cursor, so that it reads everything each time."""
    integration = {
        "connector": NAME,
        "endpoint": stage.url(PLAIN, records),
        "credentials": {"api_key": "any"},
    }
    config = write_config(stage, "peer", {NAME: integration})
    poll = (sys.executable, "-m", "daemon", "poll", NAME, "--config", str(config))

    async def count() -> int:
        async with stage.client() as client:
            found = await client["peer_clearview"]["candidates"].count_documents({})
            logged = await client["peer"]["candidates_import_log"].count_documents({})
        return min(found, logged)

    return Peer(
        "ats-sync",
        "snapshot, candidate and log row in MongoDB",
        [poll],
        config.with_name("poll.out"),
        count,
        {"ATS_SYNC_MONGODB_URI": stage.uri, "ATS_SYNC_DATABASE": "peer"},
    )


def limit(stage: Stage, records: int) -> Peer:
    """The bare work (`tests/bench/limit.py`), as a command."""
    url = f"{stage.url('plain', records)}/candidates"

    def command(work: str) -> Sequence[str]:
        spec = Spec(LIMIT, work, stage.uri, LIMIT, url, stage.watched)
        return (sys.executable, "-m", "tests.bench.child", msgspec.json.encode(spec).decode())

    async def count() -> int:
        async with stage.client() as client:
            return await client[LIMIT]["candidates"].count_documents({})

    return Peer(
        "the limit: bare work",
        "three documents in MongoDB",
        [command("first import")],
        stage.folder / "limit.out",
        count,
        again=[command("unchanged")],
    )


async def singer(stage: Stage, records: int) -> Peer:
    """A tap piped into a target, as Meltano runs them."""
    python = str(await python_of("singer"))
    tap = _file(stage, "tap.json", {"api_url": stage.url(PLAIN, records)})
    target = _file(stage, "target.json", {"uri": stage.uri, "database": "singer"})

    async def count() -> int:
        async with stage.client() as client:
            return await client["singer"]["candidates"].count_documents({})

    return Peer(
        "Singer tap → MongoDB target",
        "document in MongoDB",
        [
            (python, str(PROGRAMS / "singer_tap.py"), "--config", tap),
            (python, str(PROGRAMS / "singer_target.py"), "--config", target),
        ],
        stage.folder / "singer.out",
        count,
    )


async def airbyte_read(stage: Stage, records: int) -> Peer:
    """A source's `read` into a file; whatever a destination costs comes on top."""
    output = stage.folder / "airbyte.jsonl"

    async def count() -> int:
        with output.open("rb") as lines:
            return sum(line.startswith(b'{"type":"RECORD"') for line in lines)

    source = await _airbyte_source(stage, records)
    return Peer("Airbyte source → file", "line in a file", [source], output, count)


async def airbyte(stage: Stage, records: int) -> Peer:
    """A source piped into a destination."""
    source = await _airbyte_source(stage, records)
    python, catalog = source[0], source[-1]
    config = _file(stage, "destination.json", {"uri": stage.uri, "database": "airbyte"})

    async def count() -> int:
        async with stage.client() as client:
            return await client["airbyte"]["candidates"].count_documents({})

    write = (python, str(PROGRAMS / "airbyte_destination.py"), "write")
    return Peer(
        "Airbyte source → MongoDB destination",
        "document in MongoDB",
        [source, (*write, "--config", config, "--catalog", catalog)],
        stage.folder / "airbyte.out",
        count,
    )


async def _airbyte_source(stage: Stage, records: int) -> Sequence[str]:
    stream = {
        "stream": {
            "name": "candidates",
            "json_schema": {},
            "supported_sync_modes": ["full_refresh"],
        },
        "sync_mode": "full_refresh",
        "destination_sync_mode": "overwrite",
    }
    catalog = _file(stage, "catalog.json", {"streams": [stream]})
    config = _file(stage, "airbyte.json", {"api_url": stage.url(PLAIN, records)})
    python, program = str(await python_of("airbyte")), str(PROGRAMS / "airbyte_source.py")
    return (python, program, "read", "--config", config, "--catalog", catalog)


def _file(stage: Stage, name: str, content: object) -> str:
    path = stage.folder / name
    path.write_bytes(msgspec.json.encode(content))
    return os.fspath(path)
