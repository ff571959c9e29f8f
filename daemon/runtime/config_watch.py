"""Edits of the operator's file: a good one is applied whole, any other is refused whole.

What is in force is always one configuration. An edit of something that is connected once, at the start,
is refused by name until the daemon is restarted.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from config.problems import ConfigError
from config.watch import content_digest, files_of, watch_files
from daemon.core.alert_texts import config_refused
from daemon.core.runs import in_words
from daemon.core.unexpected import stack
from daemon.ports.alerts import Alerts
from daemon.runtime.checked_config import (
    CheckedConfig,
    CurrentConfig,
    load_checked_config,
    require_same_databases,
)
from models.errors import UserError

log = structlog.get_logger("daemon.config")

Apply = Callable[[CheckedConfig], Awaitable[None]]
"""Brings a configuration into force.

Raises:
    UserError: nothing of it can be used; nothing was changed.
"""


class ConfigWatch:
    """Watches the file and everything that it refers to."""

    def __init__(self, path: Path, current: CurrentConfig, alerts: Alerts, apply: Apply) -> None:
        self._path = path
        self._current = current
        self._alerts = alerts
        self._apply = apply
        self._seen = content_digest(self._files())
        """The content that was last applied or refused."""

    def _files(self) -> set[Path]:
        """Returns the files that decide what the configuration in force says.

        Those in the folders of `connector_paths` are among them, used or not: a new one may come before
        one of the same name in the catalog.
        """
        document, paths = self._current.loaded.document, self._current.loaded.value.connector_paths
        folders = [document.path.parent / path for path in paths]
        return files_of(document) | {file for folder in folders for file in folder.glob("*.y*ml")}

    async def run(self, stop: asyncio.Event) -> None:
        """Applies or refuses edits until stopped; what fails on the way is begun again."""
        async for digest in watch_files(self._files, stop=stop, since=self._seen):
            await self._reload()
            self._seen = digest

    async def _reload(self) -> None:
        try:
            checked = self._load()
            require_same_databases(checked, self._current.loaded.value)
            await self._apply(checked)
        except ConfigError as error:
            await self._refuse([str(problem) for problem in error.problems])
            return
        except UserError as error:
            await self._refuse([f"{self._path}  {error}; {error.remedy}"])
            return
        self._current.refused = None
        log.info("config_applied", integrations=len(checked.loaded.value.integrations))

    def _load(self) -> CheckedConfig:
        try:
            return load_checked_config(self._path)
        except UserError:
            raise
        except Exception as error:
            log.error("config_unreadable", error=in_words(error), stack=stack(error))  # noqa: TRY400
            raise UserError(
                f"the file could not be read: {in_words(error)}",
                remedy="take the edit back, and report this line",
            ) from error

    async def _refuse(self, problems: list[str]) -> None:
        self._current.refused = f"{len(problems)} problems, the first: {problems[0]}"
        log.error("config_refused", problems=len(problems))
        await self._alerts.raise_condition(config_refused(problems=problems))
