"""A vendor's account without its HTTP: the world, its ids, its truth and what happens in it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

from connectors.simulator.actions import Actions
from connectors.simulator.build import ANCHOR_MS, build_world
from connectors.simulator.clock import SimClock, moment
from connectors.simulator.ids import NumberIds
from connectors.simulator.messages import Record
from connectors.simulator.world import Application, Blueprint, Contact, Person, Stage, World

PageHook = Callable[[str, int], object]
"""Called with a list's name and a page's number once that page has been put together."""
ChangeHook = Callable[[Mapping[str, object], str], None]
"""Called with the ids of what was changed, and the mode in which its webhook event is sent."""


class Ids(Protocol):
    """An id space: `NumberIds` or `UuidIds`."""

    def text(self, number: int) -> str:
        """The id of a record, as text."""

    def number(self, given: object) -> int | None:
        """The number of the record with that id, or None."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Canonical candidates and applications by external id."""

    candidates: dict[str, Record]
    applications: dict[str, Record]


@dataclass(kw_only=True, eq=False)
class Account:
    """The state of a vendor's simulator. A vendor sets the class attributes and overrides hooks.

    The fields are the options; each class that derives from this one adds its own.
    """

    NAME: ClassVar[str]
    BLUEPRINT: ClassVar[Blueprint]
    PERSON_IDS: ClassVar[Ids]
    APPLICATION_IDS: ClassVar[Ids]
    JOB_IDS: ClassVar[Ids]
    STAGE_IDS: ClassVar[Ids]
    REASON_IDS: ClassVar[Ids]
    USER_IDS: ClassVar[Ids]
    FILE_IDS: ClassVar[Ids] = NumberIds(0)
    CANDIDATE_LACKS: ClassVar[tuple[str, ...]] = ()
    """Canonical fields of candidates that the vendor's API does not carry."""
    APPLICATION_LACKS: ClassVar[tuple[str, ...]] = ()
    CANDIDATE_FIELDS: ClassVar[Collection[str] | None] = None
    """The custom fields of candidates that the account has; None for any."""
    BARE_FILES: ClassVar[frozenset[str]] = frozenset()
    """Kinds of files that the API names, and gives no content of."""
    ONE_CONTACT: ClassVar[bool] = False
    """True where the API knows one e-mail address, phone number and address, without types."""

    candidates: int = 2000
    seed: int = 1
    """The same seed and number of candidates give the same account."""
    clock: SimClock = field(default_factory=lambda: SimClock(not_before_ms=ANCHOR_MS))
    unknown_stages: int = 0
    """The number of oddly named stages in each pipeline, 0 to 3."""
    without_updated_at: float = 0.0
    """The share of records without a time of change."""

    def __post_init__(self) -> None:
        blueprint = replace(
            self.BLUEPRINT,
            unknown_stages=self.unknown_stages,
            without_updated_at=self.without_updated_at,
        )
        self.world: World = build_world(
            blueprint, size=self.candidates, seed=self.seed, clock=self.clock
        )
        self.actions: Actions = Actions(self.world, seed=self.seed)
        self.on_change: ChangeHook | None = None

    @property
    def acting_user(self) -> str:
        """The id of a user in whose name writes may be made."""
        return self.USER_IDS.text(1)

    def person_key(self, person: Person) -> str:
        """The candidate's external id."""
        return self.PERSON_IDS.text(person.number)

    def application_key(self, application: Application) -> str:
        """The application's external id."""
        return self.APPLICATION_IDS.text(application.number)

    def stage_key(self, stage: Stage) -> str:
        """The stage's external id."""
        return self.STAGE_IDS.text(stage.number)

    def find_person(self, key: object) -> Person | None:
        """The person with this external id."""
        return self.world.people.get(self.PERSON_IDS.number(key) or 0)

    def find_application(self, key: object) -> Application | None:
        """The application with this external id."""
        return self.world.applications.get(self.APPLICATION_IDS.number(key) or 0)

    def find_stage(self, job: int, key: str) -> Stage | None:
        """The stage of that job with this external id or name."""
        keyed = (s for s in self.world.stages_of(job) if self.stage_key(s) == key)
        return next(keyed, None) or self.world.stage_named(job, key)

    def visible(self, person: Person) -> bool:
        """True where the API shows this person at all."""
        return person.number in self.world.people

    def truth(self) -> Truth:
        """The result of a perfect import, now; a field that the API does not carry is empty."""
        people = [p for p in self.world.people.values() if self.visible(p)]
        records = [self.truth_candidate(person) for person in people]
        applications = [self.truth_application(a) for a in self.world.applications.values()]
        return Truth(
            candidates={str(r["external_id"]): r for r in records},
            applications={str(r["external_id"]): r for r in applications},
        )

    def truth_candidate(self, person: Person) -> Record:
        """One candidate of the truth, without what the vendor's API does not carry."""
        known = self.CANDIDATE_FIELDS
        record = {
            "external_id": self.person_key(person),
            "first_name": person.first_name,
            "last_name": person.last_name,
            "emails": contacts(person.emails),
            "phones": contacts(person.phones),
            "addresses": contacts(person.addresses),
            "company": person.company,
            "title": person.title,
            "links": contacts(person.links),
            "tags": list(person.tags),
            "source": person.source,
            "custom_fields": {
                name: value
                for name, value in person.custom_fields.items()
                if known is None or name in known
            },
            "attachments": [
                {"external_id": self.FILE_IDS.text(f.number), "name": f.name, "kind": f.kind}
                for f in person.files
            ],
            "is_private": person.private,
            "external_created_at": moment(person.created_ms),
            "external_updated_at": moment(person.updated_ms),
        }
        if self.ONE_CONTACT:
            for name in ("emails", "phones", "addresses"):
                record[name] = contacts(getattr(person, name)[:1], typed=False)
        return without(record, self.CANDIDATE_LACKS)

    def truth_application(self, application: Application) -> Record:
        """One application of the truth, without what the vendor's API does not carry."""
        _, person, job, stage = self.world.parts_of(application.number)
        reason = self.world.reasons.get(application.reason or 0)
        record = {
            "external_id": self.application_key(application),
            "candidate_external_id": self.person_key(person),
            "job": {"external_id": self.JOB_IDS.text(job.number), "name": job.name},
            "status": self.world.status_of(application),
            "stage": {"external_id": self.stage_key(stage), "name": stage.name},
            "rejection_reason": reason.name if reason else None,
            "source": application.source,
            "custom_fields": dict(application.custom_fields),
            "applied_at": moment(application.created_ms),
            "rejected_at": moment(application.rejected_ms),
            "hired_at": moment(application.hired_ms),
            "external_updated_at": moment(application.updated_ms),
        }
        return without(record, self.APPLICATION_LACKS)

    def counts(self) -> dict[str, int]:
        return {
            "candidates": sum(1 for p in self.world.people.values() if self.visible(p)),
            "applications": len(self.world.applications),
            "jobs": len(self.world.jobs),
            "stages": len(self.world.stages),
            "deleted": len(self.world.deletions),
        }


def contacts(values: Iterable[Contact], *, typed: bool = True) -> list[Record]:
    """Contacts in canonical form; `typed=False` where the vendor does not show the type."""
    return [{"value": c.value, "type": c.type if typed else None} for c in values]


def without(record: Record, names: Iterable[str]) -> Record:
    """The record with these fields empty, where an API does not carry them."""
    empty = {name: _empty(record[name]) for name in names}
    return record | empty


def _empty(value: object) -> object:
    return type(value)() if isinstance(value, list | dict | bool) else None
