"""Notices when the configuration, or a file that it refers to, has really changed."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path as FilePath

from watchfiles import awatch

from config.document import Document
from config.references import referenced_files

Files = Callable[[], Iterable[FilePath]]

_DEBOUNCE = timedelta(milliseconds=200)
_RECHECK = timedelta(seconds=5)
_STEP = timedelta(milliseconds=200)
"""How often the watching thread wakes up: at its usual 50 ms it costs a fifth of an idle daemon."""


def files_of(document: Document) -> set[FilePath]:
    """The files whose content decides what a loaded configuration says."""
    return {document.path, *referenced_files(document.root, document.path.parent)}


def content_digest(files: Iterable[FilePath]) -> str:
    """Stands for the content of all files; a missing or unreadable one is a content too."""
    digest = hashlib.sha256()
    for file in sorted(set(files)):
        try:
            content = hashlib.sha256(file.read_bytes()).digest()
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

    `files` is asked again after every change, so that newly referenced files are watched too.
    `since` is a digest taken before the files were loaded, so that no change falls in between.
    Folders are watched rather than files, because editors and Kubernetes replace files; and the
    content is looked at every `recheck`, because some file systems tell nobody anything.
    """
    known = content_digest(files()) if since is None else since
    while not stop.is_set():
        folders = watched_folders(files())
        async with aclosing(_hints(folders, stop, debounce, recheck)) as hints:
            async for _ in hints:
                digest = await _settled(files, known, debounce)
                if digest != known:
                    known = digest
                    yield digest
                if watched_folders(files()) != folders:
                    break


def watched_folders(files: Iterable[FilePath]) -> set[FilePath]:
    """The folders in which a change of these files shows, those of link targets included."""
    folders = {
        folder for file in files for folder in (file.absolute().parent, _target(file).parent)
    }
    return {folder for folder in folders if folder.is_dir()}


def _target(file: FilePath) -> FilePath:
    try:
        return file.resolve()
    except (OSError, RuntimeError):
        return file.absolute()


async def _hints(
    folders: set[FilePath], stop: asyncio.Event, debounce: timedelta, recheck: timedelta
) -> AsyncGenerator[None]:
    """Something may have changed: at once, then after events, then every so often."""
    yield
    if not folders:
        await _wait(stop, recheck)
        return
    async for _ in awatch(
        *folders,
        watch_filter=None,
        recursive=False,
        stop_event=stop,
        debounce=_milliseconds(debounce),
        step=_milliseconds(_STEP),
        rust_timeout=_milliseconds(recheck),
        yield_on_timeout=True,
    ):
        yield


async def _settled(files: Files, known: str, pause: timedelta) -> str:
    """The digest once nobody is writing any more; a half-written file is nobody's wish."""
    digest = content_digest(files())
    while digest != known:
        await asyncio.sleep(pause.total_seconds())
        again = content_digest(files())
        if again == digest:
            break
        digest = again
    return digest


async def _wait(stop: asyncio.Event, longest: timedelta) -> None:
    try:
        async with asyncio.timeout(longest.total_seconds()):
            await stop.wait()
    except TimeoutError:
        return


def _milliseconds(duration: timedelta) -> int:
    return max(1, duration // timedelta(milliseconds=1))
