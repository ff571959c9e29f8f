"""`ats-sync demo` as a newcomer meets it: everything is seen, and nothing is left running."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SEEN = (
    "candidates imported",
    "at the ATS after",
    " changed; ",
    "values sent to the ATS",
    "the ATS refuses the credential",
    "by message: demo-lever",
)


async def start(folder: Path, **environment: str) -> Process:
    mine = {"ATS_SYNC_DATA_DIR": str(folder), "ATS_SYNC_HTTP_PORT": "0"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daemon", "demo"),
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, **mine, **environment},
    )


async def read_until(process: Process, wanted: set[str], within: float) -> str:
    """Everything printed until each of the wanted words has been."""
    assert process.stdout is not None
    printed, missing = "", set(wanted)
    try:
        async with asyncio.timeout(within):
            while missing:
                line = (await process.stdout.readline()).decode()
                assert line, f"the demo ended; it never said {missing}:\n{printed}"
                printed += line
                missing = {words for words in missing if words not in line}
    except TimeoutError:
        raise AssertionError(f"never said {missing}:\n{printed}") from None
    return printed


def mongods(folder: Path) -> list[int]:
    """Server processes with their data below the folder."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or ())
    ]


async def test_all_flows_are_seen_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    process = await start(tmp_path)

    printed = await read_until(process, set(SEEN), within=90)
    process.send_signal(signal.SIGINT)
    rest, _ = await asyncio.wait_for(process.communicate(), 10)

    assert "http://127.0.0.1:" in printed
    assert "mongodb://127.0.0.1:" in printed
    assert printed.count("db.") >= 3
    assert process.returncode == 0, rest.decode()
    assert mongods(tmp_path) == []
    assert not (tmp_path / "demo" / "mongodb.owner").exists()
    assert all(len(line) <= 100 for line in printed.splitlines() if line[:2].isdigit())


@pytest.mark.parametrize(
    "endpoint", ["", 'endpoint: "http://127.0.0.1:9"'], ids=["vendor", "other"]
)
async def test_the_demo_refuses_a_file_with_an_account_that_is_not_simulated(
    tmp_path: Path, endpoint: str
) -> None:
    file = tmp_path / "mine.yaml"
    account = "connector: ashby\n    credentials: {api_key: key-1}"
    file.write_text(f"version: 1\nintegrations:\n  acme:\n    {account}\n    {endpoint}\n")

    process = await start(tmp_path, ATS_SYNC_CONFIG=str(file))
    printed, _ = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 2
    assert "integrations.acme.endpoint: the demo would push invented changes" in printed.decode()
    assert mongods(tmp_path) == []


async def test_the_demo_explains_a_data_folder_that_it_cannot_use(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    process = await start(tmp_path / "file")
    printed, _ = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 1
    assert "cannot be used: Not a directory." in printed.decode()


async def test_after_kill_9_the_next_demo_starts_cleanly(tmp_path: Path) -> None:
    process = await start(tmp_path)
    await read_until(process, {"candidates imported"}, within=60)
    process.kill()
    await process.communicate()

    second = await start(tmp_path)
    await read_until(second, {"candidates imported"}, within=60)
    second.send_signal(signal.SIGTERM)
    await asyncio.wait_for(second.communicate(), 10)

    assert second.returncode == 0
    assert mongods(tmp_path) == []
