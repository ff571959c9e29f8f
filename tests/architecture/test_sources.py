"""What the sources must not contain, and the licence that they stand under."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import ROOT

TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".lock", ".sh", ""}
SKIPPED = {".git", ".venv", "data", "ci-output", "build", "dist", "__pycache__"}
EMPTY_PROMISES = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
ABSOLUTE = re.compile(r"(?<![\w.])/(?:work|home|root|Users|mnt)/\w")


def repository_files() -> Iterator[Path]:
    """Every text file that is part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        candidates = [ROOT / line for line in listed.stdout.splitlines()]
    else:
        candidates = [p for p in ROOT.rglob("*") if not SKIPPED & set(p.relative_to(ROOT).parts)]
    for path in candidates:
        if path.is_file() and path.suffix in TEXTS:
            yield path


def vendors() -> list[str]:
    return sorted(path.stem for path in (ROOT / "connectors" / "catalog").glob("*.yaml"))


def vendor_free_sources() -> list[Path]:
    """What must work with any ATS: everything but definitions, simulators and the demo."""
    daemon = [p for p in (ROOT / "daemon").rglob("*.py") if p.parent.name != "demo"]
    return [*(ROOT / "connectors").glob("*.py"), *daemon, *(ROOT / "models").rglob("*.py")]


def test_the_shipped_vendors_are_known() -> None:
    assert len(vendors()) >= 7


@pytest.mark.parametrize("vendor", vendors())
def test_no_vendor_is_named_where_every_ats_is_the_same(vendor: str) -> None:
    word = re.compile(rf"\b{vendor}\b", re.IGNORECASE)
    naming = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in vendor_free_sources()
        for line in path.read_text(encoding="utf-8").splitlines()
        if word.search(line)
    ]

    assert naming == []


def test_nothing_is_promised_for_later() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in repository_files()
        if path.suffix != ".lock"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if EMPTY_PROMISES.search(line)
    ]

    assert found == []


def test_no_path_of_somebodys_machine_is_written_anywhere() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in repository_files()
        if path.name != "requirements.lock"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if ABSOLUTE.search(line)
    ]

    assert found == []


def test_every_module_says_what_it_is_or_has_nothing_in_it() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for folder in ("daemon", "connectors", "config", "models")
        for path in (ROOT / folder).rglob("*.py")
        if (text := path.read_text(encoding="utf-8")).strip()
        and not text.lstrip().startswith(('"""', 'r"""'))
    ]

    assert silent == []


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
