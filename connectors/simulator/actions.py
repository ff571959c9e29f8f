"""The changes of an account: by hand, by the API or between two pages of a walk."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from connectors.simulator.build import (
    Draw,
    close_as_hired,
    close_as_rejected,
    enter_stage,
    new_application,
    new_person,
)
from connectors.simulator.world import (
    Application,
    Contact,
    Deletion,
    File,
    Job,
    Kind,
    Note,
    Person,
    Reason,
    Stage,
    World,
)

CONTACT_FIELDS = frozenset({"emails", "phones", "addresses", "links"})
FIXED_FIELDS = frozenset(
    {"number", "files", "created_ms", "updated_ms", "sequence", "applications"}
)
EDITABLE = frozenset(f.name for f in fields(Person)) - FIXED_FIELDS


class ActionRefused(ValueError):
    """The account's present state does not allow this."""


@dataclass(eq=False)
class Actions:
    """Changes the world and lets every cache and index know. Each bumps what the vendor bumps."""

    world: World
    seed: int = 1

    def __post_init__(self) -> None:
        self._draw = Draw(self.seed)

    def new_applicant(
        self,
        *,
        job: Job | None = None,
        changes: dict[str, object] | None = None,
    ) -> Application:
        """A new person applies, in the first stage."""
        now = self.world.clock.now_ms()
        target = job or self._draw.one([j for j in self.world.jobs.values() if j.is_open])
        applicant = new_person(self.world, self._draw, created_ms=now)
        applicant.updated_ms = now
        self._set(applicant, changes or {})
        return self.apply(applicant, target)

    def apply(self, person: Person, job: Job, *, stage: Stage | None = None) -> Application:
        """Adds an application of a known person to one more job."""
        now = self.world.clock.now_ms()
        first = stage or self.world.open_stages(job.number)[0]
        application = new_application(self.world, person, job, stage=first, created_ms=now, user=1)
        self._touch_person(person)
        self._touch_application(application)
        return application

    def edit_person(
        self, person: Person, changes: Mapping[str, object], *, bump: bool = True
    ) -> None:
        """Change any fields of a person; `bump=False` leaves no trace in updated_at."""
        self._set(person, changes)
        self._touch_person(person, bump=bump)
        if self.world.blueprint.person_bumps_applications and bump:
            for application in self.world.applications_of(person):
                self._touch_application(application)

    def set_files(self, person: Person, names: Iterable[str], *, kind: str = "resume") -> None:
        """Replace the files of a person by new ones of these names."""
        person.files.clear()
        self.add_files(person, names, kind=kind)

    def add_files(self, person: Person, names: Iterable[str], *, kind: str = "resume") -> None:
        """Give a person more files; one name is one content."""
        for name in names:
            self.world.last_file += 1
            person.files.append(File(self.world.last_file, name, kind))
        self.edit_person(person, {})

    def edit_application(
        self, application: Application, custom_fields: dict[str, object], *, bump: bool = True
    ) -> None:
        """Set custom fields of an application; None removes one."""
        _merge_fields(application.custom_fields, custom_fields)
        self._touch_application(application, bump=bump)

    def move(
        self, application: Application, stage: Stage, *, user: int = 1, bump: bool = True
    ) -> None:
        """Put the application into another stage of its pipeline."""
        if stage.number not in self.world.jobs[application.job].stages:
            raise ActionRefused("the stage belongs to another job")
        if stage not in self.world.open_stages(application.job):
            raise ActionRefused("this stage is entered by rejecting or hiring")
        now = self.world.clock.now_ms()
        enter_stage(self.world, application, stage.number, at_ms=now, user=user)
        self._touch_application(application, bump=bump)

    def reject(
        self, application: Application, reason: Reason | None = None, *, user: int = 1
    ) -> None:
        """Turn the application down; already turned down, the reason is replaced."""
        given = reason or next(r for r in self.world.reasons.values() if r.kind == "rejected")
        now = self.world.clock.now_ms()
        close_as_rejected(self.world, application, given.number, at_ms=now, user=user)
        self._touch_application(application)

    def withdraw(self, application: Application, *, user: int = 1) -> None:
        """The candidate withdraws: a rejection for a reason of the candidate's own."""
        own = next(r for r in self.world.reasons.values() if r.kind == "withdrawn")
        self.reject(application, own, user=user)

    def unreject(
        self, application: Application, *, stage: Stage | None = None, user: int = 1
    ) -> None:
        """Open the application again, in the stage it was in unless another is given."""
        application.state, application.reason = "active", None
        application.rejected_ms = application.hired_ms = None
        back = stage.number if stage else self._last_open_stage(application)
        if back != application.stage:
            now = self.world.clock.now_ms()
            enter_stage(self.world, application, back, at_ms=now, user=user)
        self._touch_application(application)

    def hire(self, application: Application, *, user: int = 1) -> None:
        close_as_hired(self.world, application, at_ms=self.world.clock.now_ms(), user=user)
        self._touch_application(application)

    def anonymise(self, person: Person) -> None:
        """Blank what identifies the person; the record and its applications stay."""
        person.first_name, person.last_name = "Anonymized", str(person.number)
        person.emails, person.phones, person.addresses, person.links = [], [], [], []
        person.company = person.title = None
        person.tags, person.files, person.custom_fields = [], [], {}
        person.anonymised = True
        self._touch_person(person)
        for application in self.world.applications_of(person):
            self._touch_application(application)

    def merge(self, primary: Person, duplicate: Person) -> None:
        """Give the duplicate's applications to the primary; the duplicate ceases to exist."""
        if primary.number == duplicate.number:
            raise ActionRefused("a person cannot be merged with itself")
        for application in self.world.applications_of(duplicate):
            application.person = primary.number
            primary.applications.append(application.number)
            self._touch_application(application)
        duplicate.applications = []
        known = {email.value for email in primary.emails}
        primary.emails += [email for email in duplicate.emails if email.value not in known]
        self.delete_person(duplicate)
        self._touch_person(primary)

    def delete_person(self, person: Person, *, user: int = 1) -> None:
        """Remove a person with all applications."""
        for application in list(self.world.applications_of(person)):
            self.delete_application(application, user=user)
        del self.world.people[person.number]
        self._record_deletion("person", person.number, user)

    def delete_application(self, application: Application, *, user: int = 1) -> None:
        person = self.world.people[application.person]
        person.applications.remove(application.number)
        del self.world.applications[application.number]
        self._record_deletion("application", application.number, user)
        self.world.notify("person", person.number)

    def add_note(
        self, person: Person, body: str, *, application: int | None = None, user: int = 1
    ) -> Note:
        """Write a remark; that changes no updated_at."""
        number = len(self.world.notes) + 1
        now = self.world.clock.now_ms()
        note = Note(number, person.number, application, user, body, now)
        self.world.notes.append(note)
        return note

    def rename_stage(self, stage: Stage, name: str) -> None:
        """Give a stage another name; no application's updated_at follows."""
        stage.name = name
        self.world.notify("setup", stage.number)

    def set_updated_at(self, records: Iterable[Person | Application], at_ms: int | None) -> None:
        """Make many records say the same updated_at, or none at all."""
        for record in records:
            record.updated_ms = at_ms
            kind: Kind = "person" if isinstance(record, Person) else "application"
            self.world.notify(kind, record.number)

    def _last_open_stage(self, application: Application) -> int:
        open_numbers = {stage.number for stage in self.world.open_stages(application.job)}
        past = (entry.stage for entry in reversed(application.history))
        return next(stage for stage in past if stage in open_numbers)

    def _set(self, person: Person, changes: Mapping[str, object]) -> None:
        for name, value in changes.items():
            if name not in EDITABLE:
                raise ActionRefused(f"a person has no editable field {name!r}")
            if name == "custom_fields" and isinstance(value, dict):
                _merge_fields(person.custom_fields, value)
            else:
                setattr(person, name, _contacts(value) if name in CONTACT_FIELDS else value)

    def _touch_person(self, person: Person, *, bump: bool = True) -> None:
        if bump:
            person.updated_ms = self.world.clock.now_ms()
            self.world.sequence += 1
            person.sequence = self.world.sequence
        self.world.notify("person", person.number)
        for number in person.applications:
            self.world.notify("application", number)

    def _touch_application(self, application: Application, *, bump: bool = True) -> None:
        if bump:
            now = self.world.clock.now_ms()
            application.updated_ms = application.activity_ms = now
            self.world.sequence += 1
            application.sequence = self.world.sequence
        if bump and self.world.blueprint.application_bumps_person:
            self._touch_person(self.world.people[application.person])
        self.world.notify("application", application.number)
        self.world.notify("person", application.person)

    def _record_deletion(self, kind: Kind, number: int, user: int) -> None:
        now = self.world.clock.now_ms()
        self.world.deletions.append(Deletion(kind, number, now, user))
        self.world.notify(kind, number)


def _merge_fields(target: dict[str, object], changes: dict[str, object]) -> None:
    for name, value in changes.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value


def _contacts(value: object) -> list[Contact]:
    """Contacts from what a JSON body or a test gives: texts, or objects with value and type."""
    if not isinstance(value, list | tuple):
        raise ActionRefused("contacts are a list")
    return [_contact(entry) for entry in value]


def _contact(entry: object) -> Contact:
    if isinstance(entry, Contact):
        return entry
    if isinstance(entry, dict):
        return Contact(str(entry["value"]), str(entry.get("type") or "other"))
    return Contact(str(entry), "other")
