"""Canaries: words that are planted once and looked for wherever the daemon shows or keeps something."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

SEED = 8830917
"""Of the simulated account, whose secret has it."""
FILE = f"cv-{sha256(b'file name').hexdigest()[:12]}.pdf"


def word(name: str) -> str:
    """Returns the canary of that name: lower-case, and the same in every run."""
    return f"cnry{sha256(name.encode()).hexdigest()[:12]}"


def _words(*names: str) -> dict[str, str]:
    return {name: word(name) for name in names}


PERSON: Mapping[str, str] = {
    **_words("first name", "last name", "e-mail", "phone", "address", "link", "company", "title"),
    **_words("tag", "custom field", "application's field"),
    "file name": FILE.removesuffix(".pdf"),
    "file content": sha256(FILE.encode()).hexdigest(),  # what a simulated file has inside
}
"""What the ATS says about one person."""
RECRUITER: Mapping[str, str] = _words("reason", "stage", "status")
"""What a recruiter wrote about the same person in ClearView."""
REFUSED: Mapping[str, str] = _words("refused name", "refused e-mail", "refused title")
"""Another person, whose document ClearView's own validator refuses."""
GARBLED: Mapping[str, str] = _words(
    *("name of a wrong type", "name without an id", "name in an error", "name in broken JSON")
)
"""People in records and answers of an ATS that cannot be read."""
PEOPLE: Mapping[str, str] = {**PERSON, **RECRUITER, **REFUSED, **GARBLED}
SECRETS: Mapping[str, str] = _words(
    *("admin token", "encryption key", "former key", "ATS key", "webhook secret", "hash key"),
    *("notification token", "notification path", "chat path", "service token"),
    *("event secret", "broker password", "key added by API", "key in a bad request"),
) | {"MongoDB password": "canary-p", "ATS secret": f"gh-secret-{SEED}"}
CALLER: Mapping[str, str] = _words("guessed token", "query", "path", "body", "signature", "header")
"""What a stranger sends to the daemon's port."""
ALL: Mapping[str, str] = {**PEOPLE, **SECRETS, **CALLER}


def _in_base64(text: str) -> list[bytes]:
    """Returns the three ways in which base64 may show a text, without its edges."""
    found = []
    for shift, begin in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(b"\0" * shift + text.encode())
        found.append(whole[begin : (shift + len(text)) * 8 // 6])
    return found


class Words:
    """The canaries to look for, and further texts or bytes."""

    def __init__(
        self,
        more: Mapping[str, str | bytes] | None = None,
        *,
        canaries: Mapping[str, str] = ALL,
    ) -> None:
        texts: Mapping[str, str | bytes] = {**canaries, **(more or {})}
        self._forms = {
            name: [text] if isinstance(text, bytes) else [text.encode(), *_in_base64(text)]
            for name, text in texts.items()
        }

    def found_in(self, data: bytes) -> frozenset[str]:
        """Returns the names of those that the bytes show, in small or large letters or in base64."""
        lower = data.lower()
        return frozenset(
            name
            for name, forms in self._forms.items()
            if any(form in data or form in lower for form in forms)
        )


@dataclass(slots=True)
class Surface:
    """One thing that was looked through."""

    name: str
    looked_at: str
    found: frozenset[str]
    holds: frozenset[str]
    """The canaries that it must show; it may show no other."""

    @property
    def is_right(self) -> bool:
        return self.found == self.holds


@dataclass(slots=True)
class Surfaces:
    """The table: what was looked through, and what was found there."""

    words: Words = field(default_factory=Words)
    rows: list[Surface] = field(default_factory=list)

    def add(self, name: str, data: bytes | str, holds: Iterable[str] = ()) -> None:
        content = data.encode() if isinstance(data, str) else data
        assert content, f"{name}: there is nothing to look through"
        size = f"{len(content):,} bytes"
        found = self.words.found_in(content)
        self.rows.append(Surface(name, size, found, frozenset(holds)))

    async def add_database(
        self, name: str, database: AsyncDatabase[Any], holds: Mapping[str, Iterable[str]]
    ) -> None:
        """Adds every collection: each document with all keys and values, as BSON."""
        raw: Any = database.with_options(codec_options=CodecOptions(RawBSONDocument))
        for collection in sorted(await database.list_collection_names()):
            if collection.startswith(("system.", "v_")):
                continue
            documents = await raw[collection].find().to_list()
            content = b"\0".join(each.raw for each in documents)
            size = f"{len(documents):,} documents, {len(content):,} bytes"
            expected = frozenset(holds.get(collection, ()))
            self.rows.append(
                Surface(f"{name}.{collection}", size, self.words.found_in(content), expected)
            )

    async def add_oplog(self, client: AsyncMongoClient[Any], holds: Iterable[str]) -> None:
        """Adds every write that the server remembers."""
        local: Any = client.get_database("local", codec_options=CodecOptions(RawBSONDocument))
        self.add(
            "MongoDB's oplog",
            b"\0".join([each.raw async for each in local["oplog.rs"].find()]),
            holds,
        )

    def add_files(self, name: str, paths: Iterable[Path], holds: Iterable[str] = ()) -> None:
        contents = [path.read_bytes() for path in paths if path.is_file()]
        content = b"\0".join(contents)
        size = f"{len(contents):,} files, {len(content):,} bytes"
        found = self.words.found_in(content)
        self.rows.append(Surface(name, size, found, frozenset(holds)))

    @property
    def wrong(self) -> dict[str, dict[str, list[str]]]:
        """The surfaces that show what they must not, or lack what they must show."""
        return {
            row.name: {
                "must not show": sorted(row.found - row.holds),
                "lacks": sorted(row.holds - row.found),
            }
            for row in self.rows
            if not row.is_right
        }

    def __str__(self) -> str:
        lines: list[tuple[str, ...]] = [
            ("surface", "looked through", "of people", "secrets", "of callers", "must be there")
        ]
        for row in self.rows:
            hits = [len(row.found & set(kind)) for kind in (PEOPLE, SECRETS, CALLER)]
            meant = (
                "nothing" if not row.holds else f"{len(row.found & row.holds)} of {len(row.holds)}"
            )
            lines.append((row.name, row.looked_at, *map(str, hits), meant))
        widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
