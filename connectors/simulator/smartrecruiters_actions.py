"""What happens in a SmartRecruiters account, where an application is a candidate and a job."""

from connectors.simulator.actions import ActionRefused, Actions
from connectors.simulator.world import Application, Job, Person, Stage, World


class SmartRecruitersActions(Actions):
    """Keeps at most one application per candidate and job."""

    def __init__(self, world: World, *, secondary_bumps: bool, seed: int = 1) -> None:
        """`secondary_bumps` lets changes of further assignments change the candidate's time."""
        super().__init__(world, seed=seed)
        self._secondary_bumps = secondary_bumps

    def apply(self, person: Person, job: Job, *, stage: Stage | None = None) -> Application:
        """Somebody who is known applies to a job that is new to them."""
        if any(a.job == job.number for a in self.world.applications_of(person)):
            raise ActionRefused("the candidate has already applied to this job")
        return super().apply(person, job, stage=stage)

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
        if bump and (primary or self._secondary_bumps):
            self._touch_person(person)
