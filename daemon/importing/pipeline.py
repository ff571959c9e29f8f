"""Moves the pages of a listing through the stages of an import: overlapping, and in their order."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import count
from typing import Any


class Pipeline:
    """Lets one page at a time into each stage; a page leaves a stage by entering the next one.

    A page that waits for its next stage holds up the pages after it, so that at most one page per
    stage is under way. After a failure the pages before the failed one go on to their end, and none
    after it enters another stage: those in an interruptible stage are cancelled. A cancelled run
    ends in the same manner, with the pages beyond the interruptible stages at their end.
    """

    def __init__(self, stages: Sequence[str], *, interruptible: Sequence[str] = ()) -> None:
        self.stages = {name: asyncio.Lock() for name in stages}
        self._interruptible = frozenset(interruptible)
        self._under_way: dict[asyncio.Task[None], Passage] = {}
        self._failure: tuple[int, BaseException] | None = None
        """The number of the first page that failed, and its error."""

    async def run(self, work: "Work", *, ended: Callable[[], bool]) -> None:
        """Starts `work` for the next page whenever the first stage is free, until `ended`.

        Raises:
            BaseException: the error of the first page that failed, once no page is under way.
        """
        try:
            with suppress(_Overtaken):
                await self._start_pages(work, ended)
            await self._finish_pages()
        except asyncio.CancelledError:
            self._interrupt(after=-1)
            await self._finish_pages()
            raise
        if self._failure is not None:
            raise self._failure[1]

    async def _start_pages(self, work: "Work", ended: Callable[[], bool]) -> None:
        first = next(iter(self.stages))
        for number in count():
            passage = Passage(self, number)
            await passage.enter(first)
            if ended():
                passage.leave()
                return
            task = asyncio.create_task(self._take_through(work, passage), name=f"page {number}")
            self._under_way[task] = passage
            task.add_done_callback(self._left)

    async def _take_through(self, work: "Work", passage: "Passage") -> None:
        try:
            await work(passage)
        except _Overtaken:
            return
        except BaseException as error:  # noqa: BLE001  # `run` raises it
            if not passage.is_interrupted:
                self._fail(passage.number, error)

    def _left(self, task: "asyncio.Task[None]") -> None:
        # Not at the end of the task itself: one that is cancelled before its first step never runs.
        self._under_way.pop(task).leave()

    async def _finish_pages(self) -> None:
        """Returns when no page is under way; a second cancellation cancels all of them."""
        try:
            while self._under_way:
                await asyncio.wait(list(self._under_way))
        except asyncio.CancelledError:
            for task in self._under_way:
                task.cancel()
            raise

    def _fail(self, number: int, error: BaseException) -> None:
        if self._failure is None or number < self._failure[0]:
            self._failure = number, error
        self._interrupt(after=number)

    def _interrupt(self, *, after: int) -> None:
        for task, passage in self._under_way.items():
            if passage.number > after and passage.stage in self._interruptible:
                passage.is_interrupted = True
                task.cancel()

    def is_overtaken(self, number: int) -> bool:
        """Returns True if a page before this one has failed."""
        return self._failure is not None and self._failure[0] < number


class Passage:
    """The passage of one page through a pipeline."""

    def __init__(self, pipeline: Pipeline, number: int = 0) -> None:
        self.number = number
        self.stage: str | None = None
        self.is_interrupted = False
        self._pipeline = pipeline

    async def enter(self, stage: str) -> None:
        """Waits until the page before has left the stage, then leaves the present one."""
        await self._pipeline.stages[stage].acquire()
        self.leave()
        self.stage = stage
        self._stop_if_overtaken()

    def leave(self) -> None:
        """Frees the present stage for the next page."""
        if self.stage is not None:
            self._pipeline.stages[self.stage].release()
            self.stage = None

    async def wait_for_pages_before(self) -> None:
        """Returns once every page before this one has left the last stage."""
        stages = list(self._pipeline.stages)
        for stage in stages[stages.index(self.stage or stages[0]) + 1 :]:
            async with self._pipeline.stages[stage]:
                pass
        self._stop_if_overtaken()

    def _stop_if_overtaken(self) -> None:
        if self.is_interrupted or self._pipeline.is_overtaken(self.number):
            self.leave()
            raise _Overtaken


Work = Callable[[Passage], Coroutine[Any, Any, None]]
"""Takes one page through all stages."""


class _Overtaken(Exception):  # it ends a page quietly and is no error
    """A page before this one has failed."""
