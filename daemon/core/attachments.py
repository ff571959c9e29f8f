"""Decides which files of a candidate are fetched."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec

from daemon.core.details import memory_of
from daemon.core.diff import ATTACHMENTS, known_by
from daemon.core.record_change import RecordChange
from daemon.core.snapshot import Snapshot
from models.candidate import AttachmentKind
from models.ids import derived_id

ALL_KINDS: frozenset[AttachmentKind] = frozenset(get_args(AttachmentKind))
_COVER_LETTER = re.compile(r"cover|motivation|anschreiben")
_RESUME = re.compile(r"resum|\bcv\b|curriculum|lebenslauf")
OPEN_STATES = ("pending", "retrying", "stored")
FILE_STATES = (*OPEN_STATES, "fetched", "skipped", "dead", "gone")


class AttachmentRules(msgspec.Struct, frozen=True):
    """The operator's rules for candidates' files."""

    downloads: bool = False
    kinds: frozenset[AttachmentKind] = ALL_KINDS
    max_bytes: int = 20 * 1024 * 1024

    def wants(self, kind: AttachmentKind) -> bool:
        """Returns True if files of this kind are fetched."""
        return self.downloads and kind in self.kinds

    @property
    def digest(self) -> str:
        """Changes when other files than before are to be fetched."""
        return f"{','.join(sorted(self.kinds))} {self.max_bytes}" if self.downloads else ""


class WantedFile(msgspec.Struct, frozen=True):
    """A file that is to be fetched."""

    external_id: str
    kind: AttachmentKind
    version: str


class CandidateFiles(msgspec.Struct, frozen=True):
    """The files that a record shows of its candidate."""

    candidate_external_id: str
    record_id: str
    wanted: tuple[WantedFile, ...]
    shown: frozenset[str]
    """The ids of all files of the record: of other files it showed before, the copy is deleted."""
    is_new: bool = False
    """The candidate is new: nothing was fetched for it."""


class FileFacts(msgspec.Struct, frozen=True):
    """A file's content, as ClearView's attachment names it."""

    file_id: UUID
    sha256: str
    size: int
    content_type: str


class FileToFetch(msgspec.Struct, frozen=True):
    """One row of `attachments_queue`."""

    id: UUID
    candidate_id: UUID
    candidate_external_id: str
    external_id: str
    list_name: str
    record_id: str
    kind: AttachmentKind
    version: str
    state: str
    attempts: int = 0
    first_attempt_at: datetime | None = None
    file_id: UUID | None = None
    facts: FileFacts | None = None
    replaced: tuple[UUID, ...] = ()

    @property
    def copies(self) -> frozenset[UUID]:
        """Every copy that was begun for it."""
        return frozenset([*self.replaced, *([] if self.file_id is None else [self.file_id])])


class FileFailure(msgspec.Struct, frozen=True):
    """The state after a failed attempt. `next_attempt_at` None: there will be none by itself."""

    state: Literal["retrying", "skipped", "dead"]
    error: str
    next_attempt_at: datetime | None = None


def kind_of(words: object) -> AttachmentKind:
    """Returns the kind that a vendor's word for a file means."""
    text = words.casefold().replace("_", " ") if isinstance(words, str) else ""
    if _COVER_LETTER.search(text):
        return "cover_letter"
    return "resume" if _RESUME.search(text) else "other"


def version_of(attachment: Mapping[str, Any]) -> str:
    """Returns a digest of what the ATS says of a file; of its address, what `known_by` leaves."""
    said = repr((attachment.get("name"), attachment.get("kind"), known_by(attachment)))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def file_id_of(integration: UUID, sha256: str) -> UUID:
    """Returns the id of the copy of a content: an integration has one of each."""
    return derived_id(integration, "file", sha256)


def files_of(
    snapshot: Snapshot, rules: AttachmentRules, *, from_details: bool, is_new: bool = False
) -> CandidateFiles:
    """Returns the files that a record shows of its candidate, and those that are to be fetched.

    With `from_details` a candidate also has the files of other records. They are read there.
    """
    candidate, memory = snapshot.candidate or {}, memory_of(snapshot)
    own = memory.files if memory is not None else frozenset()
    shown = {
        str(each["external_id"]): each
        for each in candidate.get("attachments") or ()
        if each.get("external_id") and (not from_details or each["external_id"] in own)
    }
    wanted = [
        WantedFile(external_id, kind, version_of(attachment))
        for external_id, attachment in shown.items()
        if rules.wants(kind := kind_of(attachment.get("kind")))
    ]
    return CandidateFiles(
        str(candidate["external_id"]),
        snapshot.external_id,
        tuple(wanted),
        frozenset(shown),
        is_new,
    )


def changed_files(
    changes: Sequence[RecordChange], rules: AttachmentRules, *, from_details: bool
) -> list[CandidateFiles]:
    """Returns the files of the candidates whose files an import has changed."""
    found = []
    for change in changes:
        is_new = change.candidate_is_new
        if change.after.candidate is None or (is_new and not rules.downloads):
            continue
        changed = (c.path == ATTACHMENTS and not c.quiet for c in change.candidate_changes)
        if not (is_new or change.returned or any(changed)):
            continue
        files = files_of(change.after, rules, from_details=from_details, is_new=is_new)
        if files.wanted or not files.is_new:
            found.append(files)
    return found
