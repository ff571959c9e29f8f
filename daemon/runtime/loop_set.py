"""Loops of a set of things that may change while they run, such as channels or sinks."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _RunningLoop(Generic[T]):
    member: T
    task: asyncio.Task[None]
    stop: asyncio.Event


@dataclass(slots=True, eq=False)
class LoopSet(Generic[T]):
    """Runs one loop for each member in force; one that is left out ends before its successor begins."""

    loop_of: Callable[[T, asyncio.Event], Coroutine[Any, Any, None]]
    """The loop of a member, which ends once the event is set. It must not raise."""
    close: Callable[[T], Awaitable[None]]
    """Called once a member's loop has ended. It must not raise."""
    members: Sequence[T] = ()
    """Those in force."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def use(self, members: Sequence[T]) -> None:
        """Replaces the members in force."""
        self.members = tuple(members)
        self._changed.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs the loops until stopped; without a member it only waits for one."""
        running: list[_RunningLoop[T]] = []
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(self._notice(stop), name="stop")
            while not stop.is_set():
                self._changed.clear()
                wanted = self.members
                await asyncio.gather(*(self._end(o) for o in running if o.member not in wanted))
                running = [one for one in running if one.member in wanted]
                known = [one.member for one in running]
                running += [self._begin(one, tasks) for one in wanted if one not in known]
                await self._changed.wait()
            await asyncio.gather(*map(self._end, running))
            stopping.cancel()

    async def _notice(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._changed.set()

    def _begin(self, member: T, tasks: asyncio.TaskGroup) -> _RunningLoop[T]:
        stop = asyncio.Event()
        return _RunningLoop(member, tasks.create_task(self.loop_of(member, stop)), stop)

    async def _end(self, one: _RunningLoop[T]) -> None:
        one.stop.set()
        await asyncio.wait([one.task])
        await self.close(one.member)
