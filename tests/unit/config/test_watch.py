"""A change is noticed when the content is another one, however the file was replaced."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from config.loading import load_yaml_model
from config.values import ConfigModel
from config.watch import content_digest, files_of, watch_files

QUICK = timedelta(milliseconds=30)
NEVER = timedelta(minutes=10)


class Noticed:
    """Digests seen by a watch, to be waited for."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.looks: asyncio.Queue[None] = asyncio.Queue()

    async def next(self) -> str:
        async with asyncio.timeout(10):
            return await self.queue.get()

    async def looked(self, times: int) -> None:
        """The watch has asked which files there are, that many times from now on."""
        while not self.looks.empty():
            self.looks.get_nowait()
        async with asyncio.timeout(10):
            for _ in range(times):
                await self.looks.get()

    @property
    def none(self) -> bool:
        return self.queue.empty()


@asynccontextmanager
async def watching(
    files: set[Path], *, since: str | None = None, recheck: timedelta = timedelta(milliseconds=200)
) -> AsyncIterator[Noticed]:
    stop, noticed = asyncio.Event(), Noticed()
    known = content_digest(files) if since is None else since

    def asked() -> set[Path]:
        noticed.looks.put_nowait(None)
        return files

    async def watch() -> None:
        async for digest in watch_files(
            asked, stop=stop, since=known, debounce=QUICK, recheck=recheck
        ):
            noticed.queue.put_nowait(digest)

    task = asyncio.create_task(watch())
    try:
        yield noticed
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f.yaml"
    path.write_text("version: 1\n")
    return path


async def test_a_rewritten_file_is_noticed(file: Path) -> None:
    async with watching({file}) as noticed:
        file.write_text("version: 2\n")

        assert await noticed.next() == content_digest({file})


async def test_a_file_replaced_by_an_editor_is_noticed(file: Path) -> None:
    async with watching({file}) as noticed:
        draft = file.with_name(".f.yaml.swp")
        draft.write_text("version: 2\n")
        draft.replace(file)

        assert await noticed.next() == content_digest({file})


async def test_each_of_several_changes_is_noticed(file: Path) -> None:
    async with watching({file}) as noticed:
        file.write_text("version: 2\n")
        first = await noticed.next()
        file.write_text("version: 3\n")
        second = await noticed.next()

        assert first != second
        assert second == content_digest({file})


async def test_a_file_touched_or_written_back_is_no_change(file: Path) -> None:
    async with watching({file}, recheck=timedelta(milliseconds=20)) as noticed:
        await noticed.looked(3)
        os.utime(file, (1, 1))
        file.write_text("version: 1\n")
        (file.parent / "other").write_text("noise")
        await noticed.looked(9)

        assert noticed.none


async def test_a_link_to_another_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "f.yaml"
    real.write_text("version: 1\n")
    link = tmp_path / "mount" / "f.yaml"
    link.symlink_to(real)

    async with watching({link}, recheck=NEVER) as noticed:
        await noticed.looked(3)
        await started(real, noticed)


async def test_a_removed_file_is_noticed_and_so_is_its_return(file: Path) -> None:
    async with watching({file}) as noticed:
        file.unlink()
        gone = await noticed.next()
        file.write_text("version: 1\n")
        back = await noticed.next()

        assert gone != back


async def test_a_swapped_kubernetes_link_is_noticed(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    for name, text in (("..1", "version: 1\n"), ("..2", "version: 2\n")):
        (mount / name).mkdir(parents=True)
        (mount / name / "f.yaml").write_text(text)
    (mount / "..data").symlink_to("..1")
    (mount / "f.yaml").symlink_to("..data/f.yaml")

    async with watching({mount / "f.yaml"}) as noticed:
        (mount / "..data_tmp").symlink_to("..2")
        (mount / "..data_tmp").replace(mount / "..data")
        digest = await noticed.next()

        assert digest == content_digest({mount / "f.yaml"})
        assert (mount / "f.yaml").read_text() == "version: 2\n"


async def test_a_change_of_a_referenced_secret_is_noticed(tmp_path: Path) -> None:
    class Place(ConfigModel):
        secret: str

    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "key"
    secret.write_text("old")
    yaml = tmp_path / "f.yaml"
    yaml.write_text("secret: ${file:secrets/key}\n")
    loaded = load_yaml_model(yaml, Place, text=yaml.read_text(), resolve_references=True)
    files = files_of(loaded.document)

    async with watching(files) as noticed:
        secret.write_text("new")

        assert await noticed.next() == content_digest({yaml, secret})


async def test_a_newly_referenced_file_is_watched_from_then_on(file: Path, tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    later = tmp_path / "later" / "key"
    later.write_text("old")
    files = {file}

    async with watching(files, recheck=NEVER) as noticed:
        await started(file, noticed)
        files.add(later)
        file.write_text("version: 3\n")
        await noticed.next()
        await started(later, noticed)


async def started(file: Path, noticed: Noticed) -> None:
    """Write until a change is noticed: a watch has no other sign of being awake."""
    async with asyncio.timeout(20):
        for attempt in range(1_000):
            file.write_text(f"attempt {attempt}\n")
            try:
                async with asyncio.timeout(0.3):
                    await noticed.queue.get()
            except TimeoutError:
                continue
            return


async def test_a_change_between_loading_and_watching_is_not_missed(file: Path) -> None:
    before = content_digest({file})
    file.write_text("version: 2\n")

    async with watching({file}, since=before, recheck=NEVER) as noticed:
        assert await noticed.next() == content_digest({file})


async def test_a_folder_that_appears_later_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "later" / "f.yaml"

    async with watching({file}) as noticed:
        file.parent.mkdir()
        file.write_text("version: 1\n")

        assert await noticed.next() == content_digest({file})


async def test_a_watch_ends_when_stopped(file: Path) -> None:
    async with watching({file}, recheck=NEVER) as noticed:
        pass

    assert noticed.none
