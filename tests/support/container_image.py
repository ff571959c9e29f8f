"""The image, built from the repository's Dockerfile by buildah, and its file system to run it from."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.container_base import CannotRun, base_archive, run
from tests.support.pages import ROOT

BASE, IMAGE = "localhost/ats-sync-base", "localhost/ats-sync"
WHEELS = "/srv/wheels"
PIP_CONF = f"[global]\nno-index = true\nfind-links = {WHEELS}\n"


@dataclass(frozen=True, slots=True)
class Image:
    """What was built."""

    rootfs: Path
    config: dict[str, Any]
    """As in `docker image inspect`."""

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.config["Env"])


class Buildah:
    """buildah with a storage of its own, that needs no driver of the kernel."""

    def __init__(self, folder: Path) -> None:
        self._storage = (
            *("--storage-driver", "vfs"),
            *("--root", str(folder / "storage"), "--runroot", str(folder / "run")),
        )

    def __call__(self, *words: str | Path) -> str:
        return run("buildah", *self._storage, *words).strip()


@contextmanager
def built_image(folder: Path) -> Iterator[Image]:
    """Build it, on whatever this machine has; everything is removed at the end."""
    buildah = Buildah(folder)
    try:
        with ThreadPoolExecutor(1) as beside:
            wheels = beside.submit(_download_wheels, folder)
            _make_base(buildah, base_archive(folder))
            _build(buildah, wheels.result(), folder)
        container = buildah("from", "--pull-never", IMAGE)
        yield _inspect(buildah, Path(buildah("mount", container)))
    finally:
        with suppress(subprocess.SubprocessError):
            buildah("rm", "--all")
        _remove(folder)


def _remove(folder: Path) -> None:
    """Nothing of the machine may be mounted below what root removes."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    if not any(Path(point).is_relative_to(folder) for point in mounted):
        shutil.rmtree(folder, ignore_errors=True)


def _make_base(buildah: Buildah, archive: Path) -> None:
    container = buildah("from", "scratch")
    run("tar", "--numeric-owner", "-C", buildah("mount", container), "-xf", archive)
    buildah("commit", "--quiet", container, BASE)
    buildah("rm", container)


def _download_wheels(folder: Path) -> Path:
    """Everything that is locked, as this machine's pip is configured to find it.

    The build then needs no network, and none of that configuration; it checks the hashes itself.
    """
    wheels = folder / "wheels"
    command = (
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--python-version", "3.11"),
        *("--requirement", ROOT / "requirements.lock", "--dest", wheels),
    )
    try:
        run(*command)
    except subprocess.SubprocessError as error:
        raise CannotRun(f"the locked packages cannot be downloaded: {error}") from None
    return wheels


def _build(buildah: Buildah, wheels: Path, folder: Path) -> None:
    pip_conf = folder / "pip.conf"
    pip_conf.write_text(PIP_CONF)
    buildah(
        *("bud", "--isolation", "chroot", "--network", "host", "--format", "docker"),
        *("--pull-never", "--build-arg", f"PYTHON={BASE}", "--tag", IMAGE),
        *("--volume", f"{wheels}:{WHEELS}:ro", "--volume", f"{pip_conf}:/etc/pip.conf:ro"),
        ROOT,
    )


def _inspect(buildah: Buildah, rootfs: Path) -> Image:
    found = json.loads(buildah("inspect", "--type", "image", IMAGE))
    return Image(rootfs, found["Docker"]["config"])
