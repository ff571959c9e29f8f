"""Prints on the terminal what happens, as it is read from the collections an operator would read."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape

from daemon.demo.environment import DemoEnvironment
from daemon.runtime.supervision import stopped_within
from daemon.store.connection import DatabaseError, Mongo
from models.documents import (
    Alert,
    AnalyticsExportLog,
    AnalyticsValue,
    CandidateChange,
    CandidateImportLog,
    SyncRun,
)
from models.ids import integration_id
from models.times import EPOCH

EVERY = timedelta(milliseconds=300)
WORTH_TELLING = 250
STYLES = {
    "import": "green",
    "push": "cyan",
    "analytics": "magenta",
    "alert": "bold red",
    "resolved": "bold green",
    "notified": "yellow",
    "breaks": "red",
    "recovered": "green",
}


class Narrator:
    """Prints one line for everything worth seeing."""

    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._console = console
        self._now = now
        self._began = now()

    def narrate(self, what: str, who: str, words: str) -> None:
        """One line: when, what, which integration, in words."""
        minutes, seconds = divmod(int(self._now() - self._began), 60)
        style = STYLES.get(what, "dim")
        line = f"{minutes:02}:{seconds:02}  [{style}]{what:<11}[/] {who:<16} {escape(words)}"
        self._console.print(line, no_wrap=True, overflow="ellipsis")

    async def follow(self, mongo: Mongo, environment: DemoEnvironment, stop: asyncio.Event) -> None:
        """Watch the collections until stopped."""
        watch = Watch(mongo, environment, self.narrate)
        while not await stopped_within(stop, EVERY):
            try:
                await watch.read()
            except DatabaseError:
                self.narrate("waiting", "MongoDB", "it does not answer just now")


@dataclass(slots=True)
class Watch:
    """The news since the last read."""

    mongo: Mongo
    environment: DemoEnvironment
    narrate: Callable[[str, str, str], None]
    _marks: dict[str, datetime] = field(default_factory=dict, init=False)
    _notified: int = field(default=0, init=False)
    _values: dict[str, int] = field(default_factory=dict, init=False)

    async def read(self) -> None:
        """Narrate everything that is new."""
        for run in await self._new(SyncRun, "finished_at"):
            await self._narrate_run(run)
        for export in await self._new(AnalyticsExportLog, "exported_at"):
            self._narrate_export(export)
        await self._narrate_values()
        for alert in await self._new(Alert, "opened_at"):
            self.narrate("alert", alert["integration"] or "", alert["title"])
        for alert in await self._new(Alert, "resolved_at"):
            self.narrate("resolved", alert["integration"] or "", alert["title"])
        for note in self.environment.services.notifications[self._notified :]:
            self._notified += 1
            self.narrate("notified", note.integration or "", f"by message: {note.title}")

    async def _narrate_values(self) -> None:
        """An export takes as long as the ATS's limits let it: shown while it goes on."""
        for name in self.environment.simulators:
            values = self.mongo.collection(AnalyticsValue)
            count = await values.count_documents({"ats_integration_id": integration_id(name)})
            if count - self._values.get(name, 0) >= WORTH_TELLING:
                self._values[name] = count
                self.narrate("analytics", name, f"{count:,} values sent to the ATS so far")

    async def _new(self, document: Any, field: str) -> Sequence[Mapping[str, Any]]:
        key = f"{document.__name__}.{field}"
        query = {field: {"$gt": self._marks.get(key, EPOCH)}}
        rows = await self.mongo.collection(document).find(query).sort(field, 1).to_list()
        if rows:
            self._marks[key] = rows[-1][field]
        return rows

    async def _narrate_run(self, run: Mapping[str, Any]) -> None:
        if run["job"] != "import_poll":
            return
        took = (run["finished_at"] - run["started_at"]).total_seconds()
        if run["outcome"] != "success":
            error = str(run["error_message"]).split(":", 1)[0]
            self.narrate("import", run["integration"], f"{run['outcome']}: {error}")
        elif run["created"] > 100:
            log = self.mongo.collection(CandidateImportLog)
            count = await log.count_documents({"run_id": run["_id"], "status": "Success"})
            words = f"{count:,} candidates imported in {took:.1f} s"
            self.narrate("import", run["integration"], words)
        elif run["created"] or run["updated"]:
            await self._narrate_changes(run)

    async def _narrate_changes(self, run: Mapping[str, Any]) -> None:
        words = f"{run['created']} new, {run['updated']} changed"
        changes = self.mongo.collection(CandidateChange)
        rows = await changes.find({"run_id": run["_id"]}, limit=1).to_list()
        for change in rows:
            path = change["path"].rsplit(".", 1)[-1]
            words += f"; {path}: {_short(change['old'])} -> {_short(change['new'])}"
        self.narrate("import", run["integration"], words)

    def _narrate_export(self, export: Mapping[str, Any]) -> None:
        names = {integration_id(name): name for name in self.environment.simulators}
        name = names.get(export["ats_integration_id"], "")
        period = f"{export['period_start']:%H:%M:%S}-{export['period_end']:%H:%M:%S} UTC"
        words = f"{period}: {export['sent']} values sent to the ATS"
        self.narrate("analytics", name, words)


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("name")
    return str(value)[:24]
