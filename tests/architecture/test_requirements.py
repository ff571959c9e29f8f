"""The lock file: every package pinned and hashed, from wherever one installs, and nothing left out."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.pages import page

LOCK = page("requirements.lock")
SUPPLY_CHAIN = page(".ci/supply-chain.lock")
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def entries(lock: str = LOCK) -> list[str]:
    """The lock file's entries, each with its continuation lines."""
    joined = lock.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(page("pyproject.toml"))["project"]
    return found


def declared() -> list[Requirement]:
    extras = project()["optional-dependencies"]
    lists = [project()["dependencies"], extras["embedded"], extras["events"], extras["dev"]]
    return [Requirement(line) for each in lists for line in each]


@pytest.mark.parametrize("lock", [LOCK, SUPPLY_CHAIN], ids=["packages", "tools"])
def test_every_entry_is_pinned_and_hashed(lock: str) -> None:
    wrong = [
        entry.split()[0]
        for entry in entries(lock)
        if not _ENTRY.match(entry) or not re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry)
    ]

    assert len(entries(lock)) > 30
    assert wrong == []


@pytest.mark.parametrize("lock", [LOCK, SUPPLY_CHAIN], ids=["packages", "tools"])
def test_no_entry_says_where_it_is_to_be_had(lock: str) -> None:
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|@ |file:", lock) == []


def test_every_declared_package_is_locked_at_a_version_that_will_do() -> None:
    locked = {canonicalize_name(name): version for name, version in _ENTRY.findall(LOCK)}
    wrong = [
        str(requirement)
        for requirement in declared()
        if canonicalize_name(requirement.name) not in locked
        or not requirement.specifier.contains(locked[canonicalize_name(requirement.name)])
    ]

    assert wrong == []


def test_beanie_stays_on_the_side_of_motor() -> None:
    [beanie] = [each for each in declared() if each.name == "beanie"]

    assert not beanie.specifier.contains("2.0.0")
    assert beanie.specifier.contains("1.30.0")
