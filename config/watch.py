"""Watches the content of the configuration and of the files that it refers to.

Notifications of the kernel make that fast and are never needed: a machine may have none left, and a
network file system none to give. The files are read at intervals all the same.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog
from watchfiles import awatch

from config.checked_document import Document
from config.files import is_folder, read_limited
from config.references import referenced_files
from config.yaml_tree import MAX_BYTES

log = structlog.get_logger("config.watch")

Files = Callable[[], Iterable[Path]]

_DEBOUNCE = timedelta(milliseconds=200)
_RECHECK = timedelta(seconds=5)
_STEP = timedelta(milliseconds=200)
"""The pause of the watching thread: its default of 50 ms costs a fifth of an idle daemon."""


def files_of(document: Document) -> set[Path]:
    """Returns the file of a configuration and the files that it refers to."""
    return {document.path, *referenced_files(document.root, document.path.parent)}


def content_digest(files: Iterable[Path]) -> str:
    """Returns a digest of the content of all files; an unreadable file has a content of its own."""
    digest = hashlib.sha256()
    for file in sorted(set(files)):
        try:
            content = hashlib.sha256(read_limited(file, MAX_BYTES + 1, patience_s=0)).digest()
        except (OSError, ValueError):
            content = b"unreadable"
        digest.update(str(file).encode("utf-8", "surrogateescape") + b"\0" + content)
    return digest.hexdigest()


async def watch_files(
    files: Files,
    *,
    stop: asyncio.Event,
    since: str | None = None,
    debounce: timedelta = _DEBOUNCE,
    recheck: timedelta = _RECHECK,
) -> AsyncIterator[str]:
    """Yields the new digest each time that the files' content differs from the last one known.

    `files` is called again after every change, so that newly referenced files are watched too.
    `since` is a digest taken before the files were loaded, so that no change falls in between.
    Folders are watched rather than files, because editors and Kubernetes replace files; and the
    content is read every `recheck`, because some file systems notify of nothing, and because
    the kernel may refuse to notify at all: that is logged once, and tried again each time.
    """
    known = content_digest(files()) if since is None else since
    hints = _Hints(stop, debounce, recheck)
    while not stop.is_set():
        folders = watched_folders(files())
        async with aclosing(hints.of(folders)) as changes:
            async for _ in changes:
                digest = await _settled(files, known, debounce)
                if digest != known:
                    known = digest
                    yield digest
                if watched_folders(files()) != folders:
                    break


def watched_folders(files: Iterable[Path]) -> set[Path]:
    """Returns the folders of the files and of the targets of links."""
    folders = {
        folder for file in files for folder in (file.absolute().parent, _target(file).parent)
    }
    return {folder for folder in folders if is_folder(folder)}


def _target(file: Path) -> Path:
    try:
        return file.resolve()
    except (OSError, RuntimeError):
        return file.absolute()


@dataclass(slots=True)
class _Hints:
    """Signals possible changes: at once, after each notification, and at intervals."""

    stop: asyncio.Event
    debounce: timedelta
    recheck: timedelta
    blind: bool = False
    """True while the kernel gives no notifications; logged once."""

    async def of(self, folders: set[Path]) -> AsyncGenerator[None]:
        """Ends after one interval where nothing notifies, so that it is tried again."""
        yield
        if folders:
            async with aclosing(self._notified(folders)) as events:
                async for _ in events:
                    yield
            if not self.blind:
                return
        with suppress(TimeoutError):
            async with asyncio.timeout(self.recheck.total_seconds()):
                await self.stop.wait()

    async def _notified(self, folders: set[Path]) -> AsyncGenerator[None]:
        events = awatch(
            *folders,
            watch_filter=None,
            recursive=False,
            stop_event=self.stop,
            debounce=_milliseconds(self.debounce),
            step=_milliseconds(_STEP),
            rust_timeout=_milliseconds(self.recheck),
            yield_on_timeout=True,
        )
        try:
            async with aclosing(events):
                async for _ in events:
                    if self.blind:
                        log.info("config_notifications_available")
                    self.blind = False
                    yield
        except (OSError, RuntimeError, ExceptionGroup) as error:
            self._is_blind(error)

    def _is_blind(self, error: Exception) -> None:
        if not self.blind:
            seconds = self.recheck.total_seconds()
            log.warning(
                "config_notifications_unavailable",
                reason=_first_of(error),
                remedy=f"the files are read every {seconds:g} s instead; for less delay raise the "
                "limits fs.inotify.max_user_instances and fs.inotify.max_user_watches",
            )
        self.blind = True


def _first_of(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error)


async def _settled(files: Files, known: str, pause: timedelta) -> str:
    """Returns the digest after writing has ended: a half-written file is no edit."""
    digest = content_digest(files())
    while digest != known:
        await asyncio.sleep(pause.total_seconds())
        again = content_digest(files())
        if again == digest:
            break
        digest = again
    return digest


def _milliseconds(duration: timedelta) -> int:
    return max(1, duration // timedelta(milliseconds=1))
