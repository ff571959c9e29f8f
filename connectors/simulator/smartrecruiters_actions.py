"""The changes of a SmartRecruiters account, where an application is a candidate and a job."""

from dataclasses import dataclass

from connectors.simulator.actions import ActionRefused, Actions
from connectors.simulator.world import Application, Job, Person, Reason, Stage


@dataclass(eq=False)
class SmartRecruitersActions(Actions):
    """Keeps at most one application per candidate and job."""

    secondary_bumps: bool = False
    """Lets changes of further assignments change the candidate's time."""

    def apply(self, person: Person, job: Job, *, stage: Stage | None = None) -> Application:
        """Adds an application of a known person to a job that is new to them."""
        if any(a.job == job.number for a in self.world.applications_of(person)):
            raise ActionRefused("the candidate has already applied to this job")
        return super().apply(person, job, stage=stage)

    def transfer(self, application: Application, job: Job) -> Application:
        """Put the person into another job's pipeline; this application ends there."""
        person = self.world.people[application.person]
        moved = self.apply(person, job)
        application.state, application.reason, application.transferred = "rejected", None, True
        application.rejected_ms = self.world.clock.now_ms()
        self._touch_application(application)
        return moved

    def reject(
        self, application: Application, reason: Reason | None = None, *, user: int = 1
    ) -> None:
        """Turn the application down, whether or not it had ended by a transfer."""
        application.transferred = False
        super().reject(application, reason, user=user)

    def unreject(
        self, application: Application, *, stage: Stage | None = None, user: int = 1
    ) -> None:
        application.transferred = False
        super().unreject(application, stage=stage, user=user)

    def hire(self, application: Application, *, user: int = 1) -> None:
        application.transferred = False
        super().hire(application, user=user)

    def merge(self, primary: Person, duplicate: Person) -> None:
        """Of two applications to one job, the primary's stays."""
        jobs = {application.job for application in self.world.applications_of(primary)}
        if primary.number != duplicate.number:
            for application in list(self.world.applications_of(duplicate)):
                if application.job in jobs:
                    self.delete_application(application)
        super().merge(primary, duplicate)

    def rename_stage(self, stage: Stage, name: str) -> None:
        """Give a sub-status another label; the statuses themselves are the vendor's."""
        if stage.slug:
            raise ActionRefused("a status has a fixed name; only sub-statuses can be renamed")
        super().rename_stage(stage, name)

    def _touch_application(self, application: Application, *, bump: bool = True) -> None:
        super()._touch_application(application, bump=bump)
        person = self.world.people[application.person]
        primary = person.applications[:1] == [application.number]
        if bump and (primary or self.secondary_bumps):
            self._touch_person(person)
