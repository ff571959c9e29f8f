"""Ashby's candidates, applications and the lists around them (vendor docs, read 2026-11-23)."""

from collections.abc import Iterable, Sequence

from connectors.simulator.clock import iso
from connectors.simulator.ids import UuidIds
from connectors.simulator.rows import Row, Rows, empty
from connectors.simulator.vendor import VendorSimulator
from connectors.simulator.world import (
    Application,
    Contact,
    Note,
    Person,
    Reason,
    Stage,
    StageEntry,
    User,
    World,
)

CANDIDATE_IDS = UuidIds("ashby.candidate")
APPLICATION_IDS = UuidIds("ashby.application")
JOB_IDS = UuidIds("ashby.job")
PLAN_IDS = UuidIds("ashby.interview-plan")
STAGE_IDS = UuidIds("ashby.interview-stage")
REASON_IDS = UuidIds("ashby.archive-reason")
USER_IDS = UuidIds("ashby.user")
TAG_IDS = UuidIds("ashby.tag")
SOURCE_IDS = UuidIds("ashby.source")
FIELD_IDS = UuidIds("ashby.custom-field")
FILE_IDS = UuidIds("ashby.file")
ENTRY_IDS = UuidIds("ashby.history")
NOTE_IDS = UuidIds("ashby.note")

REASON_TYPES = {"rejected": "RejectedByOrg", "withdrawn": "RejectedByCandidate"}
FIELDS: tuple[tuple[str, str, str], ...] = (
    ("Candidate", "notice_period", "String"),
    ("Candidate", "desired_salary", "Number"),
    ("Candidate", "clearview_score", "Number"),
    ("Application", "clearview_score", "Number"),
    ("Application", "clearview_status", "String"),
)
CONTACT_TYPES = {"personal": "Personal", "work": "Work", "mobile": "Personal", "website": "Website"}


class AshbyRows(VendorSimulator):
    """Encodes candidates and applications; optional parts that are empty are left out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.candidate_rows = Rows(self.world, "person", self.candidate_row)
        self.application_rows = Rows(self.world, "application", self.application_row)

    def candidate_row(self, number: int) -> Row:
        person = self.world.people[number]
        row: Row = {
            "id": CANDIDATE_IDS.of(number),
            "createdAt": iso(person.created_ms),
            "updatedAt": iso(person.updated_ms),
            "name": name_of(person),
            "emailAddresses": _contacts(person.emails),
            "phoneNumbers": _contacts(person.phones),
            "socialLinks": [{"url": c.value, "type": contact_type(c)} for c in person.links],
            "tags": [tag_row(self.world, tag) for tag in person.tags],
            "position": person.title,
            "company": person.company,
            "applicationIds": [APPLICATION_IDS.of(n) for n in person.applications],
            "fileHandles": [
                {"id": FILE_IDS.of(f.number), "name": f.name, "handle": f"handle-{f.number}"}
                for f in person.files
            ],
            "customFields": _custom("Candidate", person.custom_fields),
            "profileUrl": f"https://app.example.com/candidates/{CANDIDATE_IDS.of(number)}",
            "source": source_row(self.world, person.source),
            "location": _location(person),
            **empty("school", "creditedToUser", "timezone"),
        }
        return row | _primary(person)

    def application_row(self, number: int) -> Row:
        """One application with its candidate, job and stage inside."""
        application, person, job, stage = self.world.parts_of(number)
        who = {"id": CANDIDATE_IDS.of(person.number), "name": name_of(person)}
        row: Row = {
            "id": APPLICATION_IDS.of(number),
            "createdAt": iso(application.created_ms),
            "updatedAt": iso(application.updated_ms),
            "status": status_of(application, stage),
            "customFields": _custom("Application", application.custom_fields),
            "candidate": {**who, **_primary(person)},
            "currentInterviewStage": stage_row(stage, application.job),
            "source": source_row(self.world, application.source),
            "job": {
                "id": JOB_IDS.of(job.number),
                "title": job.name,
                **empty("locationId", "departmentId"),
            },
            "hiringTeam": [],
            **empty("archiveReason", "creditedToUser"),
        }
        reason = self.world.reasons.get(application.reason or 0)
        if application.state == "rejected" and reason is not None:
            row["archiveReason"] = reason_row(reason)
            row["archivedAt"] = iso(application.rejected_ms)
        return row


def name_of(person: Person) -> str:
    """One string; what an anonymised candidate is called is unverified (2026-11-23)."""
    return "Anonymized" if person.anonymised else person.full_name


def status_of(application: Application, stage: Stage) -> str:
    """Lead, Active, Hired or Archived."""
    if application.state == "active":
        return "Lead" if stage.kind == "Lead" else "Active"
    return "Hired" if application.state == "hired" else "Archived"


def contact_type(contact: Contact) -> str:
    """The vendor's word for a contact's type."""
    return CONTACT_TYPES.get(contact.type, "Other")


def _contacts(values: Iterable[Contact]) -> list[Row]:
    return [
        {"value": c.value, "type": contact_type(c), "isPrimary": index == 0}
        for index, c in enumerate(values)
    ]


def _primary(person: Person) -> Row:
    named: tuple[tuple[str, Sequence[Contact]], ...] = (
        ("primaryEmailAddress", person.emails),
        ("primaryPhoneNumber", person.phones),
    )
    return {name: _contacts(values[:1])[0] for name, values in named if values}


def _location(person: Person) -> Row | None:
    if not person.addresses:
        return None
    summary = person.addresses[0].value
    return {"locationSummary": summary, "locationComponents": [{"type": "City", "name": summary}]}


def _custom(kind: str, values: dict[str, object]) -> list[Row]:
    return [
        {"id": FIELD_IDS.of(number), "title": title, "value": values[title]}
        for number, (of, title, _) in enumerate(FIELDS, start=1)
        if of == kind and title in values
    ]


def reason_row(reason: Reason) -> Row:
    """A reason for archiving, of the company or of the candidate."""
    return {
        "id": REASON_IDS.of(reason.number),
        "text": reason.name,
        "reasonType": REASON_TYPES.get(reason.kind, "Other"),
        "isArchived": False,
    }


def tag_row(world: World, title: str) -> Row:
    """A tag; one that the account does not list is numbered after the others."""
    known = world.tags
    number = known.index(title) + 1 if title in known else 100_000 + sum(title.encode())
    return {"id": TAG_IDS.of(number), "title": title, "isArchived": False}


def source_row(world: World, title: str | None) -> Row | None:
    if title is None:
        return None
    number = world.sources.index(title) + 1 if title in world.sources else 100_000
    return {"id": SOURCE_IDS.of(number), "title": title, "isArchived": False}


def stage_row(stage: Stage, job: int) -> Row:
    return {
        "id": STAGE_IDS.of(stage.number),
        "title": stage.name,
        "type": stage.kind,
        "orderInInterviewPlan": stage.order,
        "interviewStageGroupId": None,
        "interviewPlanId": PLAN_IDS.of(job),
    }


def history_row(world: World, order: int, entry: StageEntry) -> Row:
    return {
        "id": ENTRY_IDS.of(entry.number),
        "stageId": STAGE_IDS.of(entry.stage),
        "title": world.stages[entry.stage].name,
        "stageNumber": order,
        "enteredStageAt": iso(entry.entered_ms),
        "leftStageAt": iso(entry.exited_ms),
        "actorId": USER_IDS.of(entry.user),
        "allowedActions": [],
    }


def note_row(world: World, note: Note) -> Row:
    author = world.users[note.user]
    return {
        "id": NOTE_IDS.of(note.number),
        "createdAt": iso(note.created_ms),
        "isPrivate": False,
        "content": note.body,
        "author": {"id": USER_IDS.of(author.number), "firstName": author.first_name},
    }


def job_row(world: World, number: int) -> Row:
    """A job; each has an interview plan of its own."""
    job = world.jobs[number]
    return {
        "id": JOB_IDS.of(number),
        "title": job.name,
        "confidential": False,
        "status": "Open" if job.is_open else "Closed",
        "employmentType": "FullTime",
        "defaultInterviewPlanId": PLAN_IDS.of(number),
        "interviewPlanIds": [PLAN_IDS.of(number)],
        "customFields": [],
        "jobPostingIds": [],
        "hiringTeam": [],
        "createdAt": iso(job.created_ms),
        "updatedAt": iso(job.updated_ms),
        "openedAt": iso(job.created_ms),
        "closedAt": None if job.is_open else iso(job.updated_ms),
        **empty("locationId", "departmentId"),
    }


def setup_rows(world: World, name: str) -> list[Row]:
    """The rows of a short list that describes the account."""
    match name:
        case "archiveReason.list":
            return [reason_row(reason) for reason in world.reasons.values()]
        case "interviewPlan.list":
            plans = [(PLAN_IDS.of(job.number), job.name) for job in world.jobs.values()]
            return [{"id": key, "title": title, "isArchived": False} for key, title in plans]
        case "customField.list":
            return [
                {"id": FIELD_IDS.of(n), "title": title, "objectType": of, "fieldType": kind}
                for n, (of, title, kind) in enumerate(FIELDS, start=1)
            ]
        case "source.list":
            return [row for row in (source_row(world, title) for title in world.sources) if row]
        case _:
            return [_user_row(user) for user in world.users.values()]


def _user_row(user: User) -> Row:
    return {
        "id": USER_IDS.of(user.number),
        "firstName": user.first_name,
        "lastName": user.last_name,
        "email": user.email,
        "globalRole": "Organization Admin" if user.is_admin else "Limited Access",
        "isEnabled": True,
    }
