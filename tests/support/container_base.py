"""A base for the image on a machine without Docker: Debian's own packages, from the machine's own mirror.

The tools are Debian's `buildah` and `debootstrap`. Root installs them; the mirror is the one that apt
is configured with, and its address is written nowhere.
"""

import hashlib
import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

TOOLS = ("buildah", "debootstrap")
PACKAGES = (*TOOLS, "debian-archive-keyring")
SUITE = "bookworm"
INCLUDED = ("python3", "python3-venv", "python3-pip", "ca-certificates")
"""What the image's usual base, python:3.11-slim-bookworm, has as well."""
DPKG = """\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
"""
"""Nothing here has to survive a power failure, or to be read."""
KEPT_S = 7 * 24 * 3600
APT = ("apt-get", "--quiet", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3")
"""Another apt may be at work; a mirror may be busy."""
_LISTED = "$(CODENAME) $(COMPONENT) $(LABEL) $(REPO_URI)"


class CannotRun(Exception):
    """This machine cannot build a container; the text says why, and what would help."""


def run(*command: str | Path, limit_s: float = 600, env: dict[str, str] | None = None) -> str:
    """The output of a command.

    Raises:
        subprocess.SubprocessError: it failed or took too long.
    """
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit_s,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **(env or {})},
        check=False,
    )
    if done.returncode:
        end = re.sub(r"://[^/\s@]+@", "://", done.stdout[-1500:])
        raise subprocess.SubprocessError(
            f"{Path(command[0]).name} ended with {done.returncode}: {end}"
        )
    return done.stdout


def prepare_tools() -> None:
    """Install what is missing.

    Raises:
        CannotRun: not as this user, or not on this system.
    """
    if os.geteuid() != 0:
        raise CannotRun("building and entering a container takes root; run the tests as root")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and shutil.which("apt-get") is None:
        raise CannotRun(f"{' and '.join(missing)} are missing, and no apt-get could install them")
    if missing:
        _update()
        _install()
    try:
        run("unshare", "--mount", "--pid", "--fork", "true")
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotRun(f"root may make no name spaces here (CAP_SYS_ADMIN): {error}") from None


def _update() -> None:
    """A source of other packages that fails is no reason to stop."""
    with suppress(subprocess.SubprocessError):
        run(*APT, "update")


def _install() -> None:
    try:
        run(*APT, "install", "--yes", "--no-install-recommends", *PACKAGES)
    except subprocess.SubprocessError as error:
        raise CannotRun(
            f"Debian's packages {', '.join(PACKAGES)} cannot be installed; "
            f"try: apt-get install {' '.join(PACKAGES)}. {error}"
        ) from None


def base_archive(scratch: Path) -> Path:
    """The base as a tar file: the one of an earlier run, or one made now.

    Raises:
        CannotRun: no mirror, or it does not answer.
    """
    name = hashlib.sha256(" ".join((SUITE, *INCLUDED)).encode()).hexdigest()[:12]
    archive = Path(tempfile.gettempdir(), f"ats-sync-container-base-{name}.tar")
    if not _is_ours_and_young(archive):
        _replace(archive, _debootstrap(scratch))
    return archive


def _is_ours_and_young(archive: Path) -> bool:
    try:
        seen = archive.lstat()
    except FileNotFoundError:
        return False
    ours = stat.S_ISREG(seen.st_mode) and seen.st_uid == 0 and not seen.st_mode & 0o022
    return ours and time.time() - seen.st_mtime < KEPT_S


def _replace(archive: Path, folder: Path) -> None:
    """A reader of the archive sees a whole one."""
    descriptor, draft = tempfile.mkstemp(dir=archive.parent, prefix=f"{archive.name}.")
    os.close(descriptor)
    run("tar", "--numeric-owner", "-C", folder, "-cf", draft, ".")
    shutil.rmtree(folder)
    Path(draft).replace(archive)


def _debootstrap(scratch: Path) -> Path:
    folder, mirror, environment = scratch / "base", _mirror(), _proxy()
    alone = ("unshare", "--mount")  # what it mounts ends with it, however it ends
    wanted = ("--variant=minbase", f"--include={','.join(INCLUDED)}")
    settings = folder / "etc" / "dpkg" / "dpkg.cfg.d" / "base"
    settings.parent.mkdir(parents=True)
    settings.write_text(DPKG)
    try:
        run(*alone, "debootstrap", *wanted, SUITE, folder, mirror, env=environment)
    except subprocess.SubprocessError as error:
        raise CannotRun(f"debootstrap could not make a base of {SUITE}: {error}") from None
    for unused in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(folder / unused, ignore_errors=True)
    return folder


def _mirror() -> str:
    """The mirror of Debian that this machine's apt uses, best one of the wanted suite."""
    if shutil.which("apt-get") is None:
        raise CannotRun("the base comes from the mirror that apt uses, and there is no apt here")
    found = _mirrors()
    if not found:
        _update()  # before that apt does not know what a mirror has
        found = _mirrors()
    if not found:
        raise CannotRun("apt is configured with no mirror of Debian to make a base from")
    return found.get(SUITE) or next(iter(found.values()))


def _mirrors() -> dict[str, str]:
    listed = run("apt-get", "indextargets", "--format", _LISTED, "Identifier: Packages")
    rows = [line.split() for line in listed.splitlines()]
    return {
        row[0]: row[3]
        for row in rows
        if len(row) == 4 and row[1:3] == ["main", "Debian"] and "-" not in row[0]
    }


def _proxy() -> dict[str, str]:
    """The proxies of apt's configuration, as debootstrap reads them."""
    wanted = (f"{kind}_proxy Acquire::{kind}::Proxy" for kind in ("http", "https"))
    found = run("apt-config", "shell", *" ".join(wanted).split())
    pairs = (word.partition("=") for word in shlex.split(found))
    return {name: value for name, _, value in pairs if value not in {"", "DIRECT", "false"}}
