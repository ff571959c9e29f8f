"""A complete definition of an invented ATS, to be read, changed and spoilt by tests."""

from pathlib import Path

import connectors.definition

ACME_FILE = Path(connectors.definition.__file__).with_name("acme.yaml")
ACME = ACME_FILE.read_text(encoding="utf-8").split("\n", 1)[1]
"""Without its first line, which is a comment."""


def spoilt(old: str, new: str) -> str:
    """The definition with one piece replaced; the piece must be there exactly once."""
    if ACME.count(old) != 1:
        raise AssertionError(f"{old!r} stands {ACME.count(old)} times in the definition")
    return ACME.replace(old, new)
