"""The vendor-neutral state of one customer's ATS account: people, jobs, stages, applications."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from connectors.simulator.clock import SimClock

State = Literal["active", "rejected", "hired"]
Kind = Literal["person", "application", "setup"]
Observer = Callable[[Kind, int], None]


class Contact(NamedTuple):
    """An e-mail address, phone number, postal address or link."""

    value: str
    type: str


class File(NamedTuple):
    """A document attached to a person."""

    number: int
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class StageTemplate:
    """One step of a pipeline as the vendor's accounts usually have it."""

    name: str
    status: str
    kind: str = ""
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """The layout of a vendor's accounts: one generator serves all vendors."""

    stages: tuple[StageTemplate, ...]
    per_job: bool = True
    rejected_kind: str | None = None
    hired_kind: str | None = None
    unknown_stages: int = 0
    unknown_kind: str = ""
    several_applications: float = 0.15
    without_updated_at: float = 0.0
    application_bumps_person: bool = False
    person_bumps_applications: bool = False


@dataclass(slots=True)
class Stage:
    """A step of one job's pipeline, or of the account's when `job` is None."""

    number: int
    job: int | None
    order: int
    name: str
    status: str
    kind: str
    slug: str


@dataclass(slots=True)
class Job:
    """A position people apply for."""

    number: int
    name: str
    is_open: bool
    stages: list[int]
    created_ms: int
    updated_ms: int
    openings: list[int]


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for rejecting; `kind` is the side that decided."""

    number: int
    name: str
    kind: Literal["rejected", "withdrawn", "other"]


@dataclass(frozen=True, slots=True)
class User:
    """A user of the ATS."""

    number: int
    first_name: str
    last_name: str
    email: str
    is_admin: bool
    deactivated_ms: int | None = None

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


class StageEntry(NamedTuple):
    """One stay of an application in a stage; the last one has no exit."""

    number: int
    stage: int
    entered_ms: int
    exited_ms: int | None
    user: int


def _first(contacts: list[Contact]) -> str | None:
    return contacts[0].value if contacts else None


@dataclass(slots=True)
class Person:
    """A candidate as a human being; applications are apart."""

    number: int
    first_name: str
    last_name: str
    emails: list[Contact]
    phones: list[Contact]
    addresses: list[Contact]
    links: list[Contact]
    company: str | None
    title: str | None
    tags: list[str]
    source: str | None
    custom_fields: dict[str, object]
    files: list[File]
    created_ms: int
    updated_ms: int | None
    private: bool = False
    anonymised: bool = False
    sequence: int = 0
    applications: list[int] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"

    @property
    def searched(self) -> str:
        """The text that a search by words looks at, without regard to case."""
        return " ".join([self.full_name, *(email.value for email in self.emails)]).casefold()

    @property
    def email(self) -> str | None:
        """The first e-mail address."""
        return _first(self.emails)

    @property
    def phone(self) -> str | None:
        """The first phone number."""
        return _first(self.phones)

    @property
    def address(self) -> str | None:
        """The first postal address."""
        return _first(self.addresses)


@dataclass(slots=True)
class Application:
    """One person's application to one job."""

    number: int
    person: int
    job: int
    stage: int
    state: State
    reason: int | None
    source: str | None
    custom_fields: dict[str, object]
    history: list[StageEntry]
    created_ms: int
    updated_ms: int | None
    activity_ms: int
    rejected_ms: int | None = None
    hired_ms: int | None = None
    sequence: int = 0
    transferred: bool = False
    """Ended because the person was put into another job's pipeline."""


class Note(NamedTuple):
    """A remark on a person, as written through the API."""

    number: int
    person: int
    application: int | None
    user: int
    body: str
    created_ms: int


class Deletion(NamedTuple):
    """A record that is gone, and when."""

    kind: Kind
    number: int
    at_ms: int
    user: int


@dataclass(slots=True)
class World:
    """The records of the account. Change them only through `Actions`, which notify the observers."""

    blueprint: Blueprint
    clock: SimClock
    people: dict[int, Person] = field(default_factory=dict)
    applications: dict[int, Application] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    stages: dict[int, Stage] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    sequence: int = 0
    last_person: int = 0
    last_application: int = 0
    last_entry: int = 0
    last_file: int = 0
    observers: list[Observer] = field(default_factory=list)

    def notify(self, kind: Kind, number: int) -> None:
        """Let every observer know that a record was made, changed or removed."""
        for observer in self.observers:
            observer(kind, number)

    def stages_of(self, job: int) -> list[Stage]:
        """The pipeline of a job, in order."""
        return [self.stages[number] for number in self.jobs[job].stages]

    def stage_named(self, job: int, name: str) -> Stage | None:
        """The stage of that name in the job's pipeline, without regard to case."""
        wanted = name.casefold()
        return next((s for s in self.stages_of(job) if s.name.casefold() == wanted), None)

    def open_stages(self, job: int) -> list[Stage]:
        """The stages an active application can be in."""
        closed = {self.blueprint.rejected_kind, self.blueprint.hired_kind} - {None}
        return [stage for stage in self.stages_of(job) if stage.kind not in closed]

    def applications_of(self, person: Person) -> Iterator[Application]:
        """The person's applications that still exist."""
        return (self.applications[number] for number in person.applications)

    def parts_of(self, number: int) -> tuple[Application, Person, Job, Stage]:
        """The application with this number, its person, its job and the stage it is in."""
        application = self.applications[number]
        return (
            application,
            self.people[application.person],
            self.jobs[application.job],
            self.stages[application.stage],
        )

    def status_of(self, application: Application) -> str:
        """The canonical status that a correct import arrives at."""
        if application.state == "hired":
            return "hired"
        if application.state == "active":
            return self.stages[application.stage].status
        if application.transferred:
            return "withdrawn"
        reason = self.reasons.get(application.reason or 0)
        return "withdrawn" if reason is not None and reason.kind == "withdrawn" else "rejected"
