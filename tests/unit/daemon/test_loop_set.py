"""Loops of members that change while they run."""

import asyncio
from dataclasses import dataclass, field

from daemon.runtime.loop_set import LoopSet
from tests.support.waiting import until


@dataclass
class Story:
    """The beginnings, ends and closings of members, in their order."""

    lines: list[str] = field(default_factory=list)

    async def work(self, member: str, stop: asyncio.Event) -> None:
        self.lines.append(f"{member} begins")
        try:
            await stop.wait()
            await asyncio.sleep(0)  # it has something in hand
        finally:
            self.lines.append(f"{member} ends")

    async def close(self, member: str) -> None:
        self.lines.append(f"{member} is closed")

    async def has(self, line: str) -> None:
        await until(lambda: line in self.lines)


async def test_a_member_that_is_left_out_is_closed_before_its_successor_begins() -> None:
    story, stop = Story(), asyncio.Event()
    loops = LoopSet(story.work, story.close, ("old", "kept"))
    running = asyncio.create_task(loops.run(stop))
    await story.has("kept begins")

    loops.use(("kept", "new"))
    await story.has("new begins")
    stop.set()
    await running

    assert story.lines[:5] == [
        "old begins",
        "kept begins",
        "old ends",
        "old is closed",
        "new begins",
    ]
    assert set(story.lines[5:]) == {"kept ends", "kept is closed", "new ends", "new is closed"}


async def test_a_member_that_comes_while_another_one_ends_is_not_forgotten() -> None:
    story, stop = Story(), asyncio.Event()
    loops = LoopSet(story.work, story.close, ("old",))
    running = asyncio.create_task(loops.run(stop))
    await story.has("old begins")

    loops.use(())
    await story.has("old ends")
    loops.use(("new",))
    await story.has("new begins")
    stop.set()
    await running

    assert story.lines[-1] == "new is closed"


async def test_a_cancellation_ends_every_loop() -> None:
    story = Story()
    running = asyncio.create_task(
        LoopSet(story.work, story.close, ("one", "other")).run(asyncio.Event())
    )
    await story.has("other begins")

    running.cancel()
    await asyncio.wait({running})

    assert running.cancelled()
    assert set(story.lines[2:]) == {"one ends", "other ends"}
