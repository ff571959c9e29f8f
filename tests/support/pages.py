"""Markdown pages of this repository, as tests read them: fenced blocks, tables, sections, links."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def page(name: str) -> str:
    """A page's text, by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


BUILT = {"build", "dist"}
"""Folders in which nothing is written by hand."""


def pages() -> list[str]:
    """Every page of the repository, by its path from the root."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(
        str(path)
        for path in found
        if not path.parts[0].startswith(".") and path.parts[0] not in BUILT
    )


def fenced(text: str, language: str) -> list[str]:
    """The blocks of one language, in order."""
    return [body for kind, body in _FENCE.findall(text) if kind == language]


def section(text: str, heading: str) -> str:
    """The text below a heading, up to the next one of its level or a higher one."""
    level = len(heading) - len(heading.lstrip("#"))
    after = text.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{level}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str) -> list[list[str]]:
    """The rows of the first table, cell by cell, without its heading."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def local_links(text: str) -> list[str]:
    """Targets within the repository, without their anchors."""
    targets = (target.partition("#")[0] for target in _LINK.findall(text))
    return [target for target in targets if target and "://" not in target]
