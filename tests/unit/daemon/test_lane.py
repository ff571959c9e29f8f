"""A lane: one thing at a time, and its failure reaches whoever comes next."""

import asyncio

import pytest

from daemon.importing.sequential_stage import SequentialStage


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _failing() -> None:
    raise RuntimeError("no")


async def test_whoever_comes_next_waits_until_the_lane_is_free() -> None:
    lane, ends = SequentialStage("lane"), asyncio.Event()
    lane.begin(_until(ends))

    settling = asyncio.create_task(lane.join())
    await asyncio.wait([settling], timeout=0)
    assert not settling.done()

    ends.set()
    await settling
    lane.begin(_until(ends))
    await lane.join()


async def test_a_failure_is_raised_to_everybody_who_comes_until_one_stands_still() -> None:
    lane = SequentialStage("lane")
    lane.begin(_failing())

    for _ in range(2):
        with pytest.raises(RuntimeError, match="no"):
            await lane.join()
    await lane.drain()
    await lane.join()


async def test_whoever_is_cancelled_while_waiting_leaves_the_work_running() -> None:
    lane, ends = SequentialStage("lane"), asyncio.Event()
    lane.begin(_until(ends))
    work = lane.busy
    settling = asyncio.create_task(lane.join())
    await asyncio.wait([settling], timeout=0)

    settling.cancel()
    await asyncio.wait([settling])

    assert work is not None
    assert not work.done()
    ends.set()
    await lane.join()
