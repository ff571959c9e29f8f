"""Commands that pages show in `sh` blocks: each is run here, or it is said why not.

The five minutes of docs/getting-started.md are walked as a newcomer walks them: an ATS in one terminal, the daemon with
a MongoDB of its own in another, then a look at it. Only ports differ.
"""

import asyncio
import json
import os
import shlex
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.ats_sync import RunningDaemon
from tests.support.command_line import ats_sync
from tests.support.network import free_port
from tests.support.pages import ROOT, fenced, page, section
from tests.support.warm import ForkedCommand, start_forked

WALK_PAGE = "docs/getting-started.md"
WALK = "## Your own file in five minutes"
SIMULATED = "9102"
SERVED = "8080"
NOT_RUN = {
    "make run": "it installs into .venv and ends on Ctrl-C; the demo has tests of its own",
    "make test": "it is what runs this test",
    "make guarded GUARDED=tests/integration": "it takes many minutes; `make test` does a part of it",
    "make check": "it runs the linters over everything, for minutes on a busy machine",
    "make format": "it changes files",
    "nice make fuzz WORKERS=2": "it takes an hour or two; its tests run with few cases",
    "docker compose up --build": "it wants Docker; tests/container runs the image, "
    "tests/e2e/test_compose_mongodb.py the MongoDB of compose.yaml",
    'for name in MONGODB_ROOT_PASSWORD MONGODB_PASSWORD; do echo "$name=$(openssl rand -hex 24)"; done >> .env': (
        "it writes into the folder; compose.yaml asks for what it writes"
    ),
}
PAGES = (
    *("README.md", "CONTRIBUTING.md", "models/README.md", "daemon/README.md", "tests/README.md"),
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
)


def lines_of(text: str) -> list[str]:
    return [line for block in fenced(text, "sh") for line in block.splitlines() if line.strip()]


def beyond_the_walk(name: str) -> list[str]:
    walked = lines_of(section(page(name), WALK)) if name == WALK_PAGE else []
    return [line for line in lines_of(page(name)) if line not in walked]


def walk() -> list[str]:
    return [line for line in lines_of(section(page(WALK_PAGE), WALK)) if line not in NOT_RUN]


def plain_commands() -> list[str]:
    shown = [line for name in PAGES for line in beyond_the_walk(name) if line not in NOT_RUN]
    return sorted({line for line in shown if line.startswith("ats-sync ")})


def pytest_calls() -> list[str]:
    shown = [line for name in PAGES for line in beyond_the_walk(name)]
    return sorted({line for line in shown if line.startswith(".venv/bin/pytest ")})


def test_every_command_is_run_or_it_is_said_why_not() -> None:
    shown = {line for name in PAGES for line in beyond_the_walk(name)}

    assert shown - NOT_RUN.keys() == {*plain_commands(), *pytest_calls()}


def test_no_reason_is_left_of_a_command_that_no_page_shows() -> None:
    shown = {line for name in PAGES for line in lines_of(page(name))}

    assert NOT_RUN.keys() <= shown


@pytest.mark.parametrize("line", pytest_calls())
def test_pytest_finds_what_a_page_says_it_runs(line: str) -> None:
    arguments = [word for word in shlex.split(line)[1:] if not word.startswith("-")]
    paths = [word for word in arguments if "/" in word]

    assert all(Path(path).exists() for path in paths)


@pytest.mark.e2e
@pytest.mark.parametrize("line", plain_commands())
async def test_a_documented_command_succeeds(line: str, tmp_path: Path) -> None:
    code, said = await answer_of(line, tmp_path)

    assert code == 0, said


def environment() -> dict[str, str]:
    own = {
        "ATS_SYNC_HTTP_PORT": "0",
        "ATS_SYNC_LOG_FORMAT": "json",
        "ATS_SYNC_MONGOD_CACHE_GB": "0.25",
    }
    return {**os.environ, **own}


async def start(line: str, folder: Path) -> ForkedCommand:
    name, *arguments = shlex.split(line)
    assert name == "ats-sync"
    return await start_forked(arguments, environment(), folder=folder)


@asynccontextmanager
async def running(line: str, folder: Path) -> AsyncIterator[RunningDaemon]:
    process = RunningDaemon(await start(line, folder))
    try:
        yield process
    finally:
        code = await process.stop()
    assert code == 0, process.lines[-5:]


async def answer_of(line: str, folder: Path) -> tuple[int, str]:
    process = await start(line, folder)
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 60)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, said.decode()


async def fetched(line: str, port: int) -> int:
    """`curl [-X METHOD] URL`."""
    words = shlex.split(line)
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    address = words[-1].replace(SERVED, str(port))
    request = urllib.request.Request(address, method=method)

    def ask() -> int:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)

    return await asyncio.to_thread(ask)


def test_a_mistake_looks_as_the_page_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    five_minutes = section(page(WALK_PAGE), WALK)
    [file] = fenced(five_minutes, "yaml")
    [shown] = fenced(five_minutes, "text")
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text(file.replace("connector:", "conector:"), encoding="utf-8")

    answer = ats_sync("validate", "--config", "my.yaml")

    assert answer.code == 2
    assert answer.err.strip() == shown.strip()


@pytest.mark.mongo
@pytest.mark.e2e
@pytest.mark.slow
async def test_the_five_minutes_go_as_they_are_written(tmp_path: Path) -> None:
    port = str(free_port())
    [file] = fenced(section(page(WALK_PAGE), WALK), "yaml")
    (tmp_path / "my.yaml").write_text(file.replace(SIMULATED, port), encoding="utf-8")
    simulate, *commands = walk()
    daemon_at = next(i for i, line in enumerate(commands) if line.startswith("ats-sync run "))
    before, run, beside = commands[:daemon_at], commands[daemon_at], commands[daemon_at + 1 :]

    async with running(simulate.replace(SIMULATED, port), tmp_path) as ats:
        await ats.heard("Ctrl-C ends it")
        for line in before:
            code, said = await answer_of(line, tmp_path)
            assert code == 0, said
        async with running(run, tmp_path) as daemon:
            served = int(json.loads(await daemon.heard("http_listening"))["port"])
            await daemon.heard("import_poll_finished")
            for line in beside:
                if line.startswith("curl "):
                    assert await fetched(line, served) in (200, 202), line
                else:
                    code, said = await answer_of(line, tmp_path)
                    assert code == 0, f"{line}: {said}"

    assert len(before) >= 2
    assert len(beside) >= 5
    assert any("shutdown_finished" in line for line in daemon.lines)
