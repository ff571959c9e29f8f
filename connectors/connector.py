"""The contract between the daemon and any ATS; its values are in `connectors.values`.

The daemon decides when and in what order; a connector knows how. One connector serves one
integration. Every coroutine here may raise the errors of `connectors.errors` and nothing else.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from connectors.values import (
    ApplicationRef,
    Capabilities,
    FetchedFile,
    FileAddress,
    FileRef,
    JobsOfRecords,
    ListFacts,
    Mapped,
    MappingFailed,
    Page,
    Position,
    PushPlan,
    PushTarget,
    RawRecord,
    ReadIssue,
    RecordDetails,
    StageFacts,
    Step,
    Unchanged,
    Window,
)
from models.candidate import ApplicationRecord


class Observer(Protocol):
    """Receives what a connector does, for progress, metrics and logs. Must not raise."""

    def request_sent(self, *, integration: str, operation: str) -> None: ...

    def answer_received(
        self, *, integration: str, operation: str, status: int | None, seconds: float
    ) -> None: ...

    def waiting(self, *, integration: str, until: datetime, reason: str) -> None: ...

    def warned(self, *, integration: str, message: str) -> None: ...


class Connector(Protocol):
    """Talks to one customer's account at one ATS."""

    @property
    def integration(self) -> str: ...

    @property
    def ats_name(self) -> str:
        """The vendor as people call it."""

    @property
    def lists(self) -> Sequence[ListFacts]:
        """Every list that is imported, in the order of the definition."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def requests_sent(self) -> int:
        """Requests since this connector was made."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None:
        """One cheap authorised request; returns if the ATS accepts the credential."""

    def pages(
        self,
        list_name: str,
        window: Window,
        *,
        position: Position | None = None,
    ) -> AsyncIterator[Page]:
        """Walk a list. Transient errors are retried inside; what still fails is raised.

        Raises:
            CursorRefused: the position or cursor is not accepted (any more).
        """

    async def prepare_mapping(self, list_name: str) -> str:
        """Load the lookup lists (stages, reasons, jobs) again that mapping this list needs.

        Returns a text that changes with what they say (empty if there are none): a stage may be
        renamed while the records in it stay as they are.
        """

    async def map_records(
        self,
        list_name: str,
        records: Sequence[RawRecord],
        *,
        known: Mapping[str, bytes] | None = None,
    ) -> Sequence[Mapped | Unchanged | MappingFailed]:
        """Decode and translate, in the order given; joins and detail reads happen here.

        `known` has fingerprints by external id: a record that still has its own need not be mapped
        and may be returned as `Unchanged`.
        """

    def take_issues(self) -> Sequence[ReadIssue]:
        """Everything that could not be read, or only after a repair, since the last call.

        Equal issues come once, with their count. Call it when a run begins (and drop what comes)
        and when it ends, also where it ended by an error.
        """

    async def fetch(
        self, list_name: str, external_ids: Sequence[str]
    ) -> Mapping[str, RawRecord | None]:
        """Read records by id; None for an id that the ATS says does not exist.

        An id that the answer leaves in doubt is missing from what is returned.
        """

    async def read_details(
        self, list_name: str, external_ids: Sequence[str], jobs: JobsOfRecords | None = None
    ) -> Mapping[str, RecordDetails | MappingFailed | None]:
        """Reads what the list does not show of records; None for one that the ATS does not have.

        Every id has its entry. The requests leave the limits to polls and pushes. `jobs` are needed
        where some details are those of an application.
        """

    async def file_addresses(
        self, list_name: str, record_id: str
    ) -> Mapping[str, FileAddress] | None:
        """Reads a record again for the addresses of its files, by their ids; None if it is gone."""

    async def fetch_file(
        self, ref: FileRef, address: FileAddress | None, *, max_bytes: int
    ) -> FetchedFile:
        """Fetches a file, from a host of the vendor's and no other.

        Raises:
            AddressExpired: `address` is missing, too old or refused; `file_addresses` has a new one.
            FileTooLarge: it has more than `max_bytes`.
            Misdirected: the address is on a host that is not the vendor's; nothing was sent there.
        """

    async def read_application(self, ref: ApplicationRef) -> ApplicationRecord | None:
        """Reads the application as it is now; None if it is gone."""

    async def plan_push(
        self,
        ref: ApplicationRef,
        current: ApplicationRecord,
        target: PushTarget,
        *,
        refresh: bool = False,
    ) -> PushPlan:
        """Requests that bring the application from `current` to `target`. Sends no write.

        With `refresh` the account's stages, reasons and the like are read again first.
        """

    async def perform(self, step: Step) -> None:
        """Send one write, once.

        Raises:
            OutcomeUnknown: it may have taken effect; with a `status` where the ATS answered, and
                its answer does not show success.
            GuardRefused: the application is no longer where the step expects it.
        """

    async def add_note(self, ref: ApplicationRef, text: str) -> None:
        """Writes a note on an application, once. It is not repeatable.

        Raises:
            OutcomeUnknown: it may be there.
        """

    async def acting_user_problem(self) -> str | None:
        """Returns why writes in the acting user's name will be refused; None if nothing is known."""

    async def stages(self) -> list[StageFacts]:
        """The account's stages with what they map to, for coverage."""

    async def send_report(self, report: Mapping[str, Any], *, period_key: str) -> None:
        """Deliver a whole analytics report (kind `report`); repeating the same key is harmless."""

    async def send_value(self, ref: ApplicationRef, value: str, *, field_name: str) -> None:
        """Deliver one application's analytics value (kind `per_application`); repeatable."""
