"""An edit is not forgotten because something failed while it was applied or refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect
from structlog.testing import capture_logs

from daemon.core.conditions import Condition
from daemon.runtime.checked_config import CheckedConfig, CurrentConfig, load_checked_config
from daemon.runtime.config_watch import ConfigWatch
from daemon.runtime.supervision import Backoff, supervise
from models.errors import UserError
from tests.support.push_world import RecordedAlerts
from tests.support.tiny_ats import definition_text
from tests.support.waiting import until

SOON = timedelta(milliseconds=10)
QUICK = Backoff(base=SOON, cap=SOON)
FILE = """\
version: 1
connector_paths: [connectors]
integrations:
  acme:
    connector: tiny
    credentials: {key: secret-key}
    poll: {every: %s}
"""


class Away(RecordedAlerts):
    """Alerts on a MongoDB that is away for the first few calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    async def raise_condition(self, condition: Condition) -> None:
        self.calls -= 1
        if self.calls >= 0:
            raise AutoReconnect
        await super().raise_condition(condition)


class Applied:
    """What was applied; raises some errors before."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.every: list[timedelta] = []
        self.titles: list[str] = []

    async def __call__(self, checked: CheckedConfig) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.every.append(checked.loaded.value.integrations["acme"].poll.every)
        self.titles.append(checked.definition_of("acme").model.title)


@asynccontextmanager
async def watched(
    folder: Path, applied: Applied, alerts: RecordedAlerts
) -> AsyncIterator[tuple[Path, CurrentConfig]]:
    (folder / "connectors").mkdir()
    (folder / "connectors" / "tiny.yaml").write_text(definition_text())
    path = folder / "ats-sync.yaml"
    path.write_text(FILE % "5m")
    current, stop = CurrentConfig(load_checked_config(path)), asyncio.Event()
    watch = ConfigWatch(path, current, alerts, applied)
    with capture_logs():
        running = asyncio.create_task(supervise("config", watch.run, QUICK, stop=stop))
        try:
            yield path, current
        finally:
            stop.set()
            await running


@pytest.mark.parametrize("error", [KeyError(), AutoReconnect(), MemoryError()], ids=repr)
async def test_an_edit_whose_application_fails_is_applied_again(
    tmp_path: Path, error: Exception
) -> None:
    applied = Applied(error, error)
    async with watched(tmp_path, applied, RecordedAlerts()) as (path, current):
        path.write_text(FILE % "7m")
        await until(lambda: bool(applied.every))

    assert applied.every == [timedelta(minutes=7)]
    assert current.refused is None


async def test_a_refusal_is_reported_once_alerts_can_be_stored(tmp_path: Path) -> None:
    alerts = Away(calls=2)
    async with watched(tmp_path, Applied(), alerts) as (path, current):
        path.write_text(FILE % "often")
        await until(lambda: alerts.kinds == ["config_refused"])

    assert current.refused is not None
    assert "integrations.acme.poll.every" in alerts.raised[0].message


async def test_what_can_only_be_seen_while_it_is_applied_is_refused_too(tmp_path: Path) -> None:
    alerts = RecordedAlerts()
    applied = Applied(UserError("an address is none", remedy="correct it"))
    async with watched(tmp_path, applied, alerts) as (path, current):
        path.write_text(FILE % "7m")
        await until(lambda: alerts.kinds == ["config_refused"])
        refused = current.refused
        path.write_text(FILE % "8m")
        await until(lambda: bool(applied.every))

    assert refused is not None
    assert refused.endswith("an address is none; correct it")
    assert current.refused is None


async def test_an_edit_of_a_definition_is_an_edit(tmp_path: Path) -> None:
    applied = Applied()
    async with watched(tmp_path, applied, RecordedAlerts()) as (path, _):
        text = definition_text().replace("title: Tiny", "title: Large")
        (path.parent / "connectors" / "tiny.yaml").write_text(text)
        await until(lambda: applied.titles == ["Large"])
