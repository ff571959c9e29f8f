"""The repository is built as it says: import directions, packages, who may use a driver."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

import config
import connectors
import daemon
import models
from tests.support.pages import ROOT

OURS = ("daemon", "connectors", "config", "models")
DRIVERS = {"motor", "pymongo", "beanie", "bson", "gridfs"}
TOP = {
    *(*OURS, "tests", "docs", "deploy", ".ci"),
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"),
    *("pyproject.toml", "requirements.lock", "Makefile"),
    *("Dockerfile", "compose.yaml", ".dockerignore", ".gitignore"),
}
MAY_USE_DRIVERS = ("daemon/store", "daemon/stream", "models/documents")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imported_by(path: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
    return found


def test_the_import_contracts_are_kept() -> None:
    command = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(project()['tool']['importlinter']['contracts'])} kept" in done.stdout


@pytest.mark.parametrize("package", [daemon, connectors, config, models])
def test_what_is_imported_is_what_is_here(package: Any) -> None:
    """`daemon` and `config` are common words: another package of that name would shadow ours."""
    assert Path(package.__file__).is_relative_to(ROOT)


def test_every_package_on_disk_is_installed_and_no_other() -> None:
    on_disk = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for folder in OURS
        for path in (ROOT / folder).rglob("__init__.py")
    }

    assert set(project()["tool"]["setuptools"]["packages"]) == on_disk


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in sources(*OURS)}

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_only_stores_the_stream_and_documents_import_a_driver() -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in sources(*OURS)
        if any(module.partition(".")[0] in DRIVERS for module in imported_by(path))
    }

    assert users
    assert [user for user in sorted(users) if not user.startswith(MAY_USE_DRIVERS)] == []


def test_the_pure_core_imports_nothing_that_waits_or_reads_a_clock() -> None:
    waiting = {"asyncio", "aiohttp", "time", "random", "os", "socket", "subprocess", "threading"}
    users = {
        path.name: imported_by(path) & waiting
        for path in sources("daemon/core")
        if imported_by(path) & waiting
    }

    assert users == {}


def test_the_command_is_the_same_by_either_name() -> None:
    scripts = project()["project"]["scripts"]
    main = (ROOT / "daemon" / "__main__.py").read_text(encoding="utf-8")

    assert scripts == {"ats-sync": "daemon.cli:main"}
    assert "from daemon.cli import main" in main


def top_level() -> set[str]:
    """What is part of the repository; outside a git checkout, whatever is not ignored."""
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return {line.partition("/")[0] for line in done.stdout.splitlines()}
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").replace("/", "").split()
    names = {path.name for path in ROOT.iterdir()}
    return {name for name in names if not any(fnmatch(name, each) for each in ignored)}


def test_the_top_level_is_the_one_that_everybody_knows() -> None:
    assert top_level() == TOP


def test_ports_hold_protocols_only() -> None:
    """The values that they carry are in the core."""
    others = [
        f"{path.name}: {node.name}"
        for path in sources("daemon/ports")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not (
            isinstance(node, ast.ClassDef)
            and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
        )
    ]

    assert others == []


def test_no_module_imports_a_private_name_of_another() -> None:
    private = [
        f"{path.relative_to(ROOT)}: {alias.name}"
        for path in sources(*OURS, "tests")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").partition(".")[0] in {*OURS, "tests"}
        for alias in node.names
        if re.match(r"_(?!_)", alias.name)
    ]

    assert private == []


def test_the_name_of_a_test_has_at_most_90_characters() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sources("tests")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name) > 90
    ]

    assert long == []
