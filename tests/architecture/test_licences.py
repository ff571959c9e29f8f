"""Every package that is installed has a licence that this project may be shipped with."""

import re
import tomllib
from importlib.metadata import distribution

import pytest
from packaging.utils import canonicalize_name

from tests.support.pages import page

LOCKED = sorted(set(re.findall(r"^([A-Za-z0-9._-]+)==", page("requirements.lock"), re.MULTILINE)))
ALLOWED = set(
    tomllib.loads(page("pyproject.toml"))["tool"]["pip-licenses"]["allow-only"].split(";")
)
COPYLEFT = re.compile(r"\b(?:A?GPL|GNU|SSPL|CC-BY-(?:NC|SA)|EUPL|BUSL)", re.IGNORECASE)
CLASSIFIER = "License :: OSI Approved :: "


def licences_of(name: str) -> set[str]:
    about = distribution(name).metadata
    classified = {
        line.removeprefix(CLASSIFIER)
        for line in about.get_all("Classifier") or []
        if line.startswith(CLASSIFIER)
    }
    written = about["License-Expression"] or about["License"] or ""
    return classified or {written.splitlines()[0] if written else ""}


def installed() -> list[str]:
    """Those of the lock file that this system takes."""
    found: list[str] = []
    for name in LOCKED:
        try:
            distribution(name)
        except ModuleNotFoundError:
            continue
        found.append(canonicalize_name(name))
    return found


@pytest.mark.parametrize("name", installed())
def test_a_package_has_a_licence_and_none_that_binds_ours(name: str) -> None:
    licences = licences_of(name)

    assert licences & ALLOWED, licences
    assert not any(COPYLEFT.search(each) for each in licences & ALLOWED)
