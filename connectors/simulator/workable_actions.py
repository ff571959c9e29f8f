"""The changes of a Workable account, where one record is a person's application to one job."""

from dataclasses import dataclass, field, replace

from connectors.simulator.actions import ActionRefused, Actions
from connectors.simulator.world import Application, Job, Person, Reason, Stage


@dataclass(eq=False)
class WorkableActions(Actions):
    """Keeps person and application one and the same record, with the same number."""

    origins: dict[int, int] = field(default_factory=dict)
    """The record that each copy was made from."""

    def apply(self, person: Person, job: Job, *, stage: Stage | None = None) -> Application:
        """A known person's further application is a copy of the record."""
        if not person.applications:
            return super().apply(person, job, stage=stage)
        self.world.last_person += 1
        number = self.world.last_person
        copy = replace(
            person,
            number=number,
            tags=list(person.tags),
            files=list(person.files),
            custom_fields=dict(person.custom_fields),
            created_ms=self.world.clock.now_ms(),
            applications=[],
        )
        self.world.people[number] = copy
        self.origins[number] = person.number
        return super().apply(copy, job, stage=stage)

    def merge(self, primary: Person, duplicate: Person) -> None:
        """One record stays and the other ceases to exist (unverified 2026-11-23)."""
        if primary.number == duplicate.number:
            raise ActionRefused("a person cannot be merged with itself")
        self.delete_person(duplicate)
        self.edit_person(primary, {})

    def delete_person(self, person: Person, *, user: int = 1) -> None:
        for application in list(self.world.applications_of(person)):
            self.delete_application(application, user=user)

    def delete_application(self, application: Application, *, user: int = 1) -> None:
        super().delete_application(application, user=user)
        del self.world.people[application.person]
        self._record_deletion("person", application.person, user)

    def disqualify(
        self, application: Application, reason: Reason | None, *, withdrew: bool, user: int
    ) -> None:
        """Turn the candidate down, also for no stated reason."""
        if withdrew and reason is None:
            self.withdraw(application, user=user)
            return
        self.reject(application, reason, user=user)
        if reason is None:
            application.reason = None
            self.world.notify("application", application.number)
