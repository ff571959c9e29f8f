"""The process that is killed while it fetches files: a fork server like `child_process`."""

from dataclasses import dataclass, field
from typing import Any

from pymongo import monitoring

from connectors.simulator.clock import SimClock
from daemon.store.opening import open_mongo
from tests.support.attachments import FilesBench
from tests.support.child_process import KillSwitch, serve
from tests.support.child_state import clear_all

BUCKET = ("attachments.files", "attachments.chunks")


@dataclass(slots=True)
class RemoteAccount:
    """A simulated account in another process, as far as a bench has to know it."""

    NAME: str
    url: str
    file_origin: str
    credentials: dict[str, str]
    options: dict[str, str]
    acting_user: str | None
    now_ms: int
    clock: SimClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = SimClock()
        self.clock.freeze(self.now_ms)


async def _run_command(command: dict[str, Any]) -> dict[str, Any]:
    kind, at = command.get("kill") or ("", 0)
    kill_switch = KillSwitch(kind, at)
    monitoring.register(kill_switch)
    do = command["do"]
    mongo = await open_mongo(
        command["uri"],
        database=command["database"],
        clearview_database=command["clearview"],
        prepare=do == "prepare",
    )
    try:
        if do == "prepare":
            return {}
        if do == "first":
            await clear_all(mongo)
            for name in BUCKET:
                await mongo.clearview[name].delete_many({})
        account: Any = RemoteAccount(**command["account"])
        bench = FilesBench(mongo, account)
        await mongo.own["leases"].delete_many({})
        kill_switch.armed = True
        for _ in range(2 if do == "finish" else 1):
            await bench.poll(sweep=do != "first", accept_deletions=True)
            await bench.fetch()
        kill_switch.armed = False
        await bench.close()
        return {"before": kill_switch.commands, "after": kill_switch.acknowledged}
    finally:
        await mongo.close()


if __name__ == "__main__":
    serve(_run_command)
