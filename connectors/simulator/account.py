"""A vendor's account without its HTTP: the world, its ids, its truth and what happens in it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Protocol, TypedDict

from connectors.simulator.actions import Actions
from connectors.simulator.build import ANCHOR_MS, build_world
from connectors.simulator.clock import SimClock
from connectors.simulator.truth import (
    Record,
    Truth,
    application_truth,
    candidate_truth,
    first_contacts,
    without,
)
from connectors.simulator.world import Application, Blueprint, Person, Stage, World

PageHook = Callable[[str, int], object]
"""Called with a list's name and a page's number once that page has been put together."""
ChangeHook = Callable[[Mapping[str, object], str], None]
"""Called with the ids of what was changed, and the mode in which its webhook event is sent."""


class Shared(TypedDict, total=False):
    """Constructor options that every simulator takes."""

    candidates: int
    seed: int
    clock: SimClock | None
    latency_s: float
    time_scale: float
    unlimited: bool
    unknown_stages: int
    without_updated_at: float


class Ids(Protocol):
    """An id space: `NumberIds` or `UuidIds`."""

    def text(self, number: int) -> str:
        """The id of a record, as text."""

    def number(self, given: object) -> int | None:
        """The number of the record with that id, or None."""


class Account:
    """The state of a vendor's simulator. A vendor sets the class attributes and overrides hooks."""

    NAME: ClassVar[str]
    BLUEPRINT: ClassVar[Blueprint]
    PERSON_IDS: ClassVar[Ids]
    APPLICATION_IDS: ClassVar[Ids]
    JOB_IDS: ClassVar[Ids]
    STAGE_IDS: ClassVar[Ids]
    REASON_IDS: ClassVar[Ids]
    USER_IDS: ClassVar[Ids]
    CANDIDATE_LACKS: ClassVar[tuple[str, ...]] = ()
    """Canonical fields of candidates that the vendor's API does not carry."""
    APPLICATION_LACKS: ClassVar[tuple[str, ...]] = ()
    BARE_FILES: ClassVar[frozenset[str]] = frozenset()
    """Kinds of files that the API names, and gives no content of."""
    ONE_CONTACT: ClassVar[bool] = False
    """True where the API knows one e-mail address, phone number and address, without types."""

    def __init__(
        self,
        *,
        candidates: int = 2000,
        seed: int = 1,
        clock: SimClock | None = None,
        unknown_stages: int = 0,
        without_updated_at: float = 0.0,
    ) -> None:
        self.seed = seed
        self.clock = clock or SimClock(not_before_ms=ANCHOR_MS)
        blueprint = replace(
            self.BLUEPRINT, unknown_stages=unknown_stages, without_updated_at=without_updated_at
        )
        self.world: World = build_world(blueprint, size=candidates, seed=seed, clock=self.clock)
        self.actions = Actions(self.world, seed=seed)
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
        for stage in self.world.stages_of(job):
            if self.stage_key(stage) == key:
                return stage
        return self.world.stage_named(job, key)

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
        record = without(candidate_truth(person, self.person_key(person)), self.CANDIDATE_LACKS)
        return record | first_contacts(person) if self.ONE_CONTACT else record

    def truth_application(self, application: Application) -> Record:
        """One application of the truth, without what the vendor's API does not carry."""
        job = self.world.jobs[application.job]
        stage = self.world.stages[application.stage]
        reason = self.world.reasons.get(application.reason or 0)
        record = application_truth(
            application,
            external_id=self.application_key(application),
            candidate=self.person_key(self.world.people[application.person]),
            job={"external_id": self.JOB_IDS.text(job.number), "name": job.name},
            stage={"external_id": self.stage_key(stage), "name": stage.name},
            status=self.world.status_of(application),
            reason=reason.name if reason else None,
        )
        return without(record, self.APPLICATION_LACKS)

    def counts(self) -> dict[str, int]:
        """The number of records of each kind."""
        return {
            "candidates": sum(1 for p in self.world.people.values() if self.visible(p)),
            "applications": len(self.world.applications),
            "jobs": len(self.world.jobs),
            "stages": len(self.world.stages),
            "deleted": len(self.world.deletions),
        }
