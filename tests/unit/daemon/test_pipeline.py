"""Pages overlap, one in each stage and in their order; a failure surfaces where it happens."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from daemon.importing.pipeline import Passage, Pipeline

STAGES = ("read", "write", "log")


@dataclass
class Pages:
    """Takes `count` pages through the stages, and records what they do."""

    count: int
    started: int = 0
    at: dict[int, str] = field(default_factory=dict)
    done: list[tuple[str, int]] = field(default_factory=list)
    held: dict[tuple[str, int], asyncio.Event] = field(default_factory=dict)
    fails: dict[tuple[str, int], BaseException] = field(default_factory=dict)
    most: int = 0

    async def take(self, passage: Passage) -> None:
        self.started += 1
        number = passage.number
        try:
            for stage in STAGES:
                if stage != "read":
                    await passage.enter(stage)
                self.at[number] = stage
                self.most = max(self.most, len(self.at))
                assert list(self.at.values()).count(stage) == 1
                await self._work(stage, number)
        finally:
            self.at.pop(number)

    async def _work(self, stage: str, number: int) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        if (stage, number) in self.held:
            await self.held[stage, number].wait()
        if (stage, number) in self.fails:
            raise self.fails[stage, number]
        self.done.append((stage, number))

    def hold(self, stage: str, number: int) -> Callable[[], None]:
        self.held[stage, number] = asyncio.Event()
        return self.held[stage, number].set

    async def run(self) -> None:
        pipeline = Pipeline(STAGES, interruptible=("read",))
        await pipeline.run(self.take, ended=lambda: self.started == self.count)


async def settled() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


async def test_every_page_passes_every_stage_in_order_and_pages_overlap() -> None:
    pages = Pages(7)

    await pages.run()

    for stage in STAGES:
        assert [n for s, n in pages.done if s == stage] == list(range(7))
    assert pages.most == len(STAGES)


async def test_a_page_that_takes_long_holds_up_the_pages_after_it() -> None:
    pages = Pages(9)
    go_on = pages.hold("log", 0)
    running = asyncio.create_task(pages.run())
    await settled()

    assert pages.at == {0: "log", 1: "write", 2: "read"}
    assert pages.started == 3
    go_on()
    await running
    assert len(pages.done) == 9 * len(STAGES)


async def test_a_failure_is_raised_after_the_pages_before_it_and_stops_those_after_it() -> None:
    pages = Pages(9)
    pages.fails["write", 1] = LookupError("page 1")
    go_on = pages.hold("log", 0)
    reading = pages.hold("read", 2)
    running = asyncio.create_task(pages.run())
    await settled()

    assert not running.done()
    assert 2 not in pages.at
    go_on()
    with pytest.raises(LookupError, match="page 1"):
        await running
    reading()
    assert ("log", 0) in pages.done
    assert {n for _, n in pages.done} == {0, 1}


async def test_a_page_beyond_the_interruptible_stages_ends_its_stage_after_a_failure() -> None:
    pages = Pages(9)
    pages.fails["log", 0] = LookupError("page 0")
    fail, write = pages.hold("log", 0), pages.hold("write", 1)
    running = asyncio.create_task(pages.run())
    await settled()
    fail()
    await settled()

    assert pages.at == {1: "write"}
    write()
    with pytest.raises(LookupError, match="page 0"):
        await running
    assert ("write", 1) in pages.done
    assert ("log", 1) not in pages.done


async def test_the_first_page_that_failed_counts_not_the_first_failure() -> None:
    pages = Pages(9)
    pages.fails = {("log", 0): LookupError("page 0"), ("read", 2): KeyError("page 2")}
    fail = pages.hold("log", 0)
    running = asyncio.create_task(pages.run())
    await settled()
    fail()

    with pytest.raises(LookupError, match="page 0"):
        await running


async def test_a_cancelled_run_drops_pages_that_are_read_and_ends_those_that_are_written() -> None:
    pages = Pages(9)
    log, _ = pages.hold("log", 0), pages.hold("read", 2)
    running = asyncio.create_task(pages.run())
    await settled()
    running.cancel()
    await settled()

    assert pages.at == {0: "log", 1: "write"}
    log()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert {n for s, n in pages.done if s == "log"} == {0, 1}
    assert pages.started == 3


async def test_a_second_cancellation_ends_every_page() -> None:
    pages = Pages(9)
    pages.hold("log", 0)
    running = asyncio.create_task(pages.run())
    await settled()
    running.cancel()
    await settled()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await settled()
    assert pages.at == {}


async def test_a_cancellation_that_no_one_asked_for_is_a_failure() -> None:
    pages = Pages(9)
    pages.fails["write", 1] = asyncio.CancelledError("the driver's")

    with pytest.raises(asyncio.CancelledError, match="the driver's"):
        await pages.run()
    assert ("log", 0) in pages.done


async def test_a_page_can_wait_until_the_pages_before_it_are_through() -> None:
    pages = Pages(3)
    go_on = pages.hold("log", 0)
    waited: list[int] = []

    async def take(passage: Passage) -> None:
        if passage.number == 1:
            pages.started += 1
            await passage.wait_for_pages_before()
            waited.extend(n for s, n in pages.done if s == "log")
            return
        await pages.take(passage)

    pipeline = Pipeline(STAGES, interruptible=())
    running = asyncio.create_task(pipeline.run(take, ended=lambda: pages.started == 3))
    await settled()
    assert waited == []
    go_on()
    await running
    assert waited == [0]
    assert ("log", 2) in pages.done
