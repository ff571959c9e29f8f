"""The values that pass between the daemon and a connector."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec

from models.candidate import ApplicationRecord, AtsRef, CandidateRecord
from models.status import ApplicationStatus

Cursor = Mapping[str, Any]
"""The state of polls at one list. Opaque to the daemon; plain JSON values, stored as they are."""

Position = Mapping[str, Any]
"""The page at which a walk is resumed. Opaque to the daemon; plain JSON values, stored as they are."""


class DetailFacts(msgspec.Struct, frozen=True):
    """Facts about the details of a list's records, which are read in the background."""

    fields: frozenset[str]
    """The fields that details give, such as `candidate.attachments`; records of the list lack them."""
    version: str
    """Changes whenever something else is read, or mapped from it; then details are read again."""
    swept: bool
    """True: parts may change without a trace in the list. A sweep reads every detail again."""
    per_application: bool = False
    """True: some are read of each application, which takes the job that it is for."""


JobsOfRecords = Mapping[str, Mapping[str, str]]
"""By record: the job's id of each application, by the application's id."""


class ListFacts(msgspec.Struct, frozen=True):
    """One list of a connector, in the order in which an import walks them."""

    name: str
    holds: Literal["candidates", "applications", "both"]
    incremental: bool
    """False: every walk is a complete listing (cursor kind `none`)."""
    complete_listing_proves_absence: bool
    reads_by_id: bool
    """True: `fetch` is available."""
    mapping_version: str
    """Changes whenever the mapping or the operator's part of it does; then snapshots re-map."""
    deleted_by: str | None = None
    """The list of the ids of deleted records, read with `pages` and a cursor of its own."""
    read_again_in_sweeps: bool = False
    """True: parts of a record may change without a trace in the list. A sweep maps every record
    again, which reads it in full."""
    detail: DetailFacts | None = None
    """None: nothing is read in the background."""
    dropped: frozenset[str] = frozenset()
    """The fields that the integration's `privacy` keeps out, such as `candidate.phones`."""
    hidden: frozenset[str] = frozenset()
    """All that `privacy` keeps out or hashes, also single fields such as `candidate.custom_fields.salary`."""
    hides_custom: Callable[[str, str], bool] = lambda _part, _name: False
    """True for a custom field, by its part and its name or path, that `privacy` keeps out: demographic ones."""

    @property
    def files_from_details(self) -> bool:
        """True: candidates' files are read in the background."""
        return self.detail is not None and "candidate.attachments" in self.detail.fields


class Window(msgspec.Struct, frozen=True):
    """The records that a walk covers: everything (`cursor` None), or what changed since the cursor."""

    cursor: Cursor | None = None
    overlap: timedelta = timedelta(0)

    @property
    def is_full(self) -> bool:
        return self.cursor is None


IssueKind = Literal["page", "scope", "join", "key", "row", "field", "body"]


class ReadIssue(msgspec.Struct, frozen=True):
    """A part of the ATS's data that could not be read, or only after a repair; the rest was.

    | kind | name | effect |
    |---|---|---|
    | page | `<list> page 3` or `<list> offset 200` | its records were not read |
    | scope | `<list> of <scope id>` | the records of this job or position were not read |
    | join | the optional list | records come without what it adds |
    | key | the lookup list | records hold a key for which it has no record: what it would add is empty |
    | row | the lookup list | this odd row of it was left out |
    | field | `candidate.phones`, `candidate.custom_fields.<key>` | the field of a record was left out; a custom field keeps its raw value |
    | body | the list | an answer was decoded after a repair (invalid UTF-8, control characters, ...) |
    """

    kind: IssueKind
    name: str
    reason: str
    """For an operator: HTTP facts and types, never content."""
    count: int = 1

    @property
    def hides_records(self) -> bool:
        """True: records exist that this run has not seen, so that the run is `partial`."""
        return self.kind in {"page", "scope"}


class RawRecord(NamedTuple):
    """One record as it came, not yet decoded. A tuple, for it is made for every record of a poll.

    `raw` is the JSON text of the record. `digest` is a fast hash of it: equal digests mean equal
    records. Where the definition names volatile paths it is made of what the mapping reads,
    without the URLs; it is None where the list does not show all of the record.
    """

    external_id: str
    raw: bytes | memoryview
    digest: bytes | None


class Page(msgspec.Struct, frozen=True):
    """One page of a listing.

    `position` resumes the walk after this page (None: this walk cannot be resumed there).
    A large page comes in parts: `is_continued` on all but the last, which alone has the page's position and end.
    On the last page `last` is True, `next_cursor` is what to store once everything is durable
    (None: keep the old one), and `complete` says if this walk was a full listing that
    proves the absence of what it did not show.
    """

    records: Sequence[RawRecord]
    position: Position | None
    last: bool
    next_cursor: Cursor | None = None
    complete: bool = False
    failed: Sequence["MappingFailed"] = ()
    """Records of this page that have no usable id, or are no objects."""
    expected_total: int | None = None
    partial: bool = False
    """On the last page: the walk passed over pages or scopes that could not be read. It covers
    neither its window nor a new mapping; `complete` is False and `next_cursor` None then."""
    is_continued: bool = False
    """The next page has more records of the same page of the ATS."""


class Mapped(msgspec.Struct, frozen=True, gc=False):
    """One record in canonical words."""

    external_id: str
    fingerprint: bytes
    """Some 16 bytes over the record without its volatile paths; equal only for equal content."""
    candidate: CandidateRecord | None
    applications: tuple[ApplicationRecord, ...]
    unmapped_stages: tuple[AtsRef, ...] = ()
    filled: frozenset[str] = frozenset()
    """Mapped fields that had a value: what schema drift is measured by."""
    provisional: bool = False
    """True: an optional list did not answer, so that fields are missing. Store no digest with this
    record, so that the next poll maps it again although its bytes are the same."""
    failed_fields: frozenset[str] = frozenset()
    """Mapped fields that could not be read and are empty for that reason only, such as
    `candidate.phones`: what is known of them from before is better."""
    is_anonymised: bool = False
    """The ATS has removed the person's data, and keeps the record."""
    raw_fields: frozenset[str] = frozenset()
    """Custom fields that could not be read and keep the value as it came."""

    @property
    def unread_fields(self) -> frozenset[str]:
        """Every field that could not be read."""
        return self.failed_fields | self.raw_fields


class RecordDetails(msgspec.Struct, frozen=True):
    """The part of one record that the list does not show, in canonical words: no identity, no status."""

    external_id: str
    candidate: Mapping[str, Any]
    """The fields of the candidate that could be read."""
    application: Mapping[str, Any]
    """The fields of each application of the record."""
    applications: Mapping[str, Mapping[str, Any]] = {}
    """By application: the fields of one that has its own, instead of those."""


class Unchanged(msgspec.Struct, frozen=True, gc=False):
    """A record whose content has the fingerprint that was already known; it was not mapped."""

    external_id: str


class MappingFailed(msgspec.Struct, frozen=True):
    """A record that could not be mapped; the others go on. `external_id` is None if it had none."""

    external_id: str | None
    message: str


class ApplicationRef(msgspec.Struct, frozen=True):
    """The ids by which an application is found at the ATS."""

    external_id: str
    candidate_external_id: str
    job_external_id: str | None

    def placeholders(self, job_id: str | None = None) -> dict[str, object]:
        """Returns the ids by their names in requests; `job_id` is what is known of it elsewhere."""
        return {
            "application_id": self.external_id,
            "candidate_id": self.candidate_external_id,
            "job_id": self.job_external_id or job_id,
        }


class FileRef(msgspec.Struct, frozen=True):
    """The ids by which a candidate's file is found at the ATS."""

    list_name: str
    record_id: str
    """The record of that list that shows the file."""
    candidate_id: str
    attachment_id: str


class FileAddress(msgspec.Struct, frozen=True):
    """The address of a file, as a read of its record showed it."""

    url: str | None
    expires_at: datetime | None
    read_at: datetime
    handle: str | None = None
    """By which the ATS names the address, where it does so on request only."""


class FetchedFile(msgspec.Struct, frozen=True):
    """A file as it came. It is neither opened nor unpacked."""

    content: bytes
    declared_type: str | None
    """Its type, as the host that had it says."""


class PushTarget(msgspec.Struct, frozen=True):
    """The aim of a push. A stage named in ClearView is the target itself; else the status is."""

    status: ApplicationStatus
    stage: AtsRef | None = None
    rejection_reason: str | None = None
    note: str | None = None
    """The text for the hiring team, sent with the status where the vendor's request takes one."""
    application: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """ClearView's application, for the status `hired` at a vendor that wants fields of it."""


class Step(msgspec.Struct, frozen=True):
    """One request of a push, exactly as it will be sent (credentials are added when it is)."""

    operation: Literal["move", "reject", "unreject", "hire", "withdraw"]
    method: str
    url: str
    query: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: Any = None
    alternatives: tuple[Any, ...] = ()
    """Bodies to try when the ATS refuses the first one's guard (documents disagree on its form)."""
    form: Mapping[str, str] = msgspec.field(default_factory=dict)
    """A form body, for an ATS that wants one instead of JSON."""


class Steps(msgspec.Struct, frozen=True):
    """Requests to send, in order, and the state at the ATS after them."""

    steps: tuple[Step, ...]
    status: ApplicationStatus
    stage: AtsRef
    basis: str = ""
    """The stage, reason and other rows of the account that were chosen: equal for an equal choice."""


class AlreadyThere(msgspec.Struct, frozen=True):
    """The ATS already holds what is wanted."""


class Impossible(msgspec.Struct, frozen=True):
    """This ATS, or this account's stages, cannot hold what is wanted. `reason` is for a person."""

    reason: str


PushPlan = Steps | AlreadyThere | Impossible


class StageFacts(msgspec.Struct, frozen=True):
    """A stage as the ATS has it now, and the status it maps to (None: unmapped)."""

    external_id: str | None
    name: str
    kind: str | None
    job_external_id: str | None
    status: ApplicationStatus | None
    is_push_target: bool
    stands_in_for: tuple[ApplicationStatus, ...] = ()
    """Other statuses that a push brings here, because no stage is for them alone."""


class Capabilities(msgspec.Struct, frozen=True):
    """The operations that this ATS offers; `waivers` has the reasons for those that it does not."""

    moves: bool
    rejects: bool
    unrejects: bool
    hires: bool
    withdraws: bool
    analytics: Literal["report", "per_application"] | None
    reads_application: bool
    guarded_writes: bool
    read_before_write: bool
    """True: a write that is repeated could take effect twice, so the daemon reads first."""
    shows_values: bool = False
    """True: the record of an application shows the analytics value that was written to it."""
    notes: bool = False
    """True: `add_note` is available."""
    carries_note: frozenset[ApplicationStatus] = frozenset()
    """Statuses whose write has the note in its own request: `add_note` is not needed there."""
    hired_fields: bool = False
    """True: the status `hired` wants fields of ClearView's application."""
    fetches_files: bool = False
    """True: `fetch_file` is available."""
    waivers: Mapping[str, str] = msgspec.field(default_factory=dict)
