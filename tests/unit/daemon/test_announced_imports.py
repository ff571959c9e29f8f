"""A worker imports what events name at once, unless the ATS refuses the credential."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from daemon.core.integrations import IntegrationState
from daemon.core.leases import HeldLease
from daemon.core.runs import Run, RunRequest
from daemon.runtime.poll_cadence import PollCadence
from daemon.runtime.scheduler import Trigger
from daemon.runtime.worker import IntegrationWorker, Jobs, SharedServices, Triggers
from tests.support.fake_ats import START
from tests.support.moving_clock import MovingClock


class OneIntegration:
    """The surroundings of a worker, and the imports that it makes."""

    def __init__(self) -> None:
        self.state = IntegrationState("acme", "active", None, None)
        self.imports: asyncio.Queue[str] = asyncio.Queue()
        self.listener: Any = None
        self.stop = asyncio.Event()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def acquire(self, key: str) -> HeldLease:
        return HeldLease(key, uuid4(), 1, lambda: True)

    async def release(self, lease: HeldLease) -> None: ...

    def listen(self, _: str, listener: Any) -> None:
        self.listener = listener

    def state_of(self, _: str) -> IntegrationState:
        return self.state

    async def succeeded(self) -> None: ...

    async def recovered(self, *_: Any, **__: Any) -> None: ...

    async def poll(self, request: RunRequest) -> Run:
        self.imports.put_nowait("events" if request.only_webhooks else "poll")
        return Run(uuid4(), "import_poll", "acme", uuid4(), START, outcome="success")

    async def details_due(self) -> bool:
        return False

    def worker(self) -> IntegrationWorker:
        me, clock = cast("Any", self), MovingClock(START)
        loops = SimpleNamespace(belongs=_nothing, failed=_nothing, worked=_nothing)
        files = SimpleNamespace(run=lambda stop: stop.wait(), wake=_nothing)
        connector = SimpleNamespace(integration="acme", open=self.open, close=self.close)
        return IntegrationWorker(
            uuid4(),
            cast("Any", connector),
            Jobs(self.poll, self.details_due, None, None, cast("Any", files)),
            Triggers(Trigger("poll:acme"), None, PollCadence(timedelta(minutes=5), None, clock)),
            me,
            SharedServices(
                leases=me,
                state_cache=me,
                integrations=me,
                states=me,
                clock=clock,
                loops=cast("Any", loops),
                database_error=OSError,
                is_outage=lambda _: False,
            ),
        )


def _nothing(*_: Any) -> None: ...


async def test_events_wait_for_the_next_poll_while_the_ats_refuses_the_credential() -> None:
    """A vendor that sends an event a second would be asked with the refused key each time."""
    acme = OneIntegration()
    worker = acme.worker()
    running = asyncio.create_task(worker.run(acme.stop))
    first = await asyncio.wait_for(acme.imports.get(), 5)

    acme.state = IntegrationState("acme", "auth_failed", "HTTP 401", None)
    acme.listener.webhook_came()
    acme.listener.wake()
    second = await asyncio.wait_for(acme.imports.get(), 5)
    for _ in range(100):  # the worker has nothing to wait for
        await asyncio.sleep(0)
    acme.state = IntegrationState("acme", "active", None, None)
    acme.listener.webhook_came()
    third = await asyncio.wait_for(acme.imports.get(), 5)
    acme.stop.set()
    await asyncio.wait_for(running, 10)

    assert [first, second, third] == ["poll", "poll", "events"]
    assert acme.imports.empty()
