"""docs/integration-guide.md, step by step: its commands by a real shell, against the demo."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from daemon.store.encoding import RAW_OPTIONS
from tests.support.network import free_port
from tests.support.pages import page
from tests.support.shell_queries import Shell, read_queries

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
_BLOCK = re.compile(r"^```(bash|json|js)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"
WITHIN_S = 60


async def test_every_step_of_the_integration_guide_goes_as_it_is_written(tmp_path: Path) -> None:
    served, simulated = free_port(), free_port()
    environment = {"ATS_SYNC_DATA_DIR": str(tmp_path), "ATS_SYNC_HTTP_PORT": str(served)}
    blocks = _BLOCK.findall(page("docs/integration-guide.md"))
    answers: list[Any] = []

    demo = await _started("demo", **environment)
    account = await _started("simulate", "ashby", f"--port={simulated}", "--candidates=20")
    try:
        mongodb = await _mongodb_of(demo)
        reading = asyncio.create_task(_read_on(demo))
        for number, (kind, text) in enumerate(blocks):
            if kind == "bash":
                ported = text.replace(":8080", f":{served}").replace(":9107", f":{simulated}")
                wanted = json.loads(blocks[number + 1][1])
                answers.append(await _answered(_with_candidate(ported, answers), wanted))
            elif kind == "js":
                await _queried(text, mongodb)
    finally:
        for process in (demo, account):
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(asyncio.gather(demo.wait(), account.wait()), 30)
    await reading

    assert len(answers) == sum(kind == "json" for kind, _ in blocks)


async def _started(*words: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daemon", *words),
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )


async def _mongodb_of(demo: asyncio.subprocess.Process) -> str:
    """The address that the demo prints, once it listens."""
    assert demo.stdout is not None
    async with asyncio.timeout(WITHIN_S):
        while line := (await demo.stdout.readline()).decode():
            if found := re.search(r"mongodb://\S+", line):
                return found[0]
    raise AssertionError("the demo ended before it began")


async def _read_on(demo: asyncio.subprocess.Process) -> None:
    assert demo.stdout is not None
    while await demo.stdout.readline():
        pass


async def _answered(command: str, wanted: Any) -> Any:
    """The answer of the command, asked again until it is as wanted."""
    answer: Any = None
    try:
        async with asyncio.timeout(WITHIN_S):
            while True:
                shell = await asyncio.create_subprocess_exec("bash", "-c", command, stdout=PIPE)
                printed, _ = await shell.communicate()
                answer = json.loads(printed) if printed.strip() else None
                if _is_as(answer, wanted):
                    return answer
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"{command}\nanswers {answer}\nand not {wanted}") from None


def _is_as(answer: Any, wanted: Any) -> bool:
    """All that the page shows is there; lists show their first elements."""
    match wanted:
        case dict():
            return isinstance(answer, dict) and all(
                name in answer and _is_as(answer[name], value) for name, value in wanted.items()
            )
        case list():
            pairs = zip(answer, wanted, strict=False) if isinstance(answer, list) else ()
            return isinstance(answer, list) and (
                all(_is_as(*pair) for pair in pairs)
                and (len(answer) >= len(wanted) or wanted == [ANYTHING])
            )
        case "…":
            return answer is not None
    return bool(answer == wanted)


def _with_candidate(command: str, answers: list[Any]) -> str:
    """The candidate of the status update."""
    if "CANDIDATE_ID" not in command:
        return command
    [update] = next(answer["status_updates"] for answer in answers if "status_updates" in answer)
    return command.replace("CANDIDATE_ID", update["candidate_id"])


async def _queried(text: str, mongodb: str) -> None:
    queries, _ = read_queries(text, "test")
    async with AsyncMongoClient[dict[str, Any]](mongodb) as client:
        databases = {
            name: client.get_database(name, codec_options=RAW_OPTIONS)
            for name in ("ats_sync", "clearview")
        }
        shell = Shell(databases)
        for query in queries:
            done = await shell.run(query)
        assert done.modified_count == 1
