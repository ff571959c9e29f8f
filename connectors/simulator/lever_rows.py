"""Lever's opportunities and the lists around them as JSON (vendor docs, read 2026-11-23)."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from connectors.simulator.ids import UuidIds
from connectors.simulator.rows import Rows
from connectors.simulator.world import Application, File, Note, Person, Stage, World

OPPORTUNITY_IDS = UuidIds("lever.opportunity")
CONTACT_IDS = UuidIds("lever.contact")
APPLICATION_IDS = UuidIds("lever.application")
POSTING_IDS = UuidIds("lever.posting")
STAGE_IDS = UuidIds("lever.stage")
REASON_IDS = UuidIds("lever.archive-reason")
USER_IDS = UuidIds("lever.user")
NOTE_IDS = UuidIds("lever.note")
FORM_IDS = UuidIds("lever.form")
FILE_IDS = UuidIds("lever.file")

HIRED_REASON = 100
"""The number of the one archive reason of type `hired`."""
EXPANDABLE = frozenset({"applications", "stage", "owner", "followers", "sourcedBy", "contact"})
Row = dict[str, object]
ArchivedShape = Literal["object", "flat"]


def stage_id(stage: Stage) -> str:
    """Some stages have speaking ids, the others UUIDs; both are opaque."""
    return stage.slug or STAGE_IDS.of(stage.number)


class LeverRows:
    """Encodes opportunities, for each set of expansions that is asked for."""

    def __init__(self, world: World, *, archived_shape: ArchivedShape) -> None:
        """`flat` writes the archive state as older documents show it."""
        self._world = world
        self._archived_shape = archived_shape
        self._rows: dict[frozenset[str], Rows] = {}

    def of(self, expand: frozenset[str]) -> Rows:
        """The encoded opportunities with these expansions."""
        if expand not in self._rows:

            def encode(number: int) -> bytes:
                return msgspec.json.encode(self.opportunity(number, expand))

            self._rows[expand] = Rows(self._world, "application", encode)
        return self._rows[expand]

    def opportunity(self, number: int, expand: Iterable[str] = ()) -> Row:
        """One opportunity; cleared personal fields are empty rather than missing."""
        application = self._world.applications[number]
        person = self._world.people[application.person]
        row = self._identity(application, person) | self._progress(application)
        for name in expand:
            row[name] = self._expanded(name, application, person)
        return row

    def _identity(self, application: Application, person: Person) -> Row:
        return {
            "id": OPPORTUNITY_IDS.of(application.number),
            "name": full_name(person),
            "contact": CONTACT_IDS.of(person.number),
            "headline": person.title or "",
            "confidentiality": "confidential" if person.private else "non-confidential",
            "location": person.addresses[0].value if person.addresses else "",
            "phones": [{"type": p.type, "value": p.value} for p in person.phones],
            "emails": [email.value for email in person.emails],
            "links": [link.value for link in person.links],
            "tags": list(person.tags),
            "sources": [application.source] if application.source else [],
            "origin": "applied",
            "sourcedBy": None,
            "isAnonymized": person.anonymised,
            "dataProtection": None,
            "urls": {"list": "https://hire.example.com/", "show": "https://hire.example.com/c"},
        }

    def _progress(self, application: Application) -> Row:
        last = application.history[-1]
        return {
            "stage": stage_id(self._world.stages[application.stage]),
            "stageChanges": [self._stage_change(e.stage, e.entered_ms, e.user)
                             for e in application.history],
            "owner": USER_IDS.of(1),
            "followers": [USER_IDS.of(1)],
            "applications": [APPLICATION_IDS.of(application.number)],
            "createdAt": application.created_ms,
            "updatedAt": application.updated_ms,
            "lastInteractionAt": application.activity_ms,
            "lastAdvancedAt": last.entered_ms,
            "snoozedUntil": None,
            **self._archive_state(application),
        }  # fmt: skip

    def _stage_change(self, stage: int, at_ms: int, user: int) -> Row:
        known = self._world.stages[stage]
        return {
            "toStageId": stage_id(known),
            "toStageIndex": known.order,
            "updatedAt": at_ms,
            "userId": USER_IDS.of(user),
        }

    def _archive_state(self, application: Application) -> Row:
        reason, at = archived(application)
        if self._archived_shape == "flat":
            return {"archivedAt": at, "archiveReason": reason}
        return {"archived": {"reason": reason, "archivedAt": at} if reason else None}

    def _expanded(self, name: str, application: Application, person: Person) -> object:
        if name == "applications":
            return [self.application(application)]
        if name == "stage":
            stage = self._world.stages[application.stage]
            return {"id": stage_id(stage), "text": stage.name}
        if name == "contact":
            return contact(person)
        if name == "sourcedBy":
            return None
        owner = user_row(self._world, 1)
        return [owner] if name == "followers" else owner

    def application(self, application: Application) -> Row:
        """The application inside an opportunity: which posting it is for."""
        reason, at = archived(application)
        person = self._world.people[application.person]
        return {
            "id": APPLICATION_IDS.of(application.number),
            "type": "posting",
            "candidateId": OPPORTUNITY_IDS.of(application.number),
            "opportunityId": OPPORTUNITY_IDS.of(application.number),
            "posting": POSTING_IDS.of(application.job),
            "postingHiringManager": None,
            "postingOwner": USER_IDS.of(1),
            "name": full_name(person),
            "company": person.company,
            "phone": None,
            "email": person.emails[0].value if person.emails else None,
            "links": [],
            "comments": None,
            "user": None,
            "customQuestions": _form(application, asked=True),
            "createdAt": application.created_ms,
            "archived": {"reason": reason, "archivedAt": at} if reason else None,
            "requisitionForHire": None,
        }


def form_rows(application: Application) -> list[Row]:
    """The profile forms of an opportunity: what was not asked with the application."""
    return _form(application, asked=False)


def _form(application: Application, *, asked: bool) -> list[Row]:
    """One form with the fields that end as questions do, or with the others."""
    fields = [
        {"type": "text", "text": name, "description": "", "required": False, "value": value}
        for name, value in application.custom_fields.items()
        if name.endswith("?") is asked
    ]
    if not fields:
        return []
    form: Row = {"type": "form", "text": "Profile", "user": None, "stage": None, "fields": fields}
    return [form | {"id": FORM_IDS.of(application.number), "createdAt": application.created_ms}]


def file_rows(world: World, application: Application, address: str, *, resumes: bool) -> list[Row]:
    """The files of a person, which are with the first of the person's opportunities."""
    person = world.people[application.person]
    if application.number != min(person.applications):
        return []
    return [
        _resume(file, address, person.created_ms) if resumes else _file(file, address)
        for file in person.files
        if (file.kind == "resume") is resumes
    ]


def _resume(file: File, address: str, created_ms: int) -> Row:
    shown = {name: value for name, value in _file(file, address).items() if name != "id"}
    return {"id": FILE_IDS.of(file.number), "createdAt": created_ms, "file": shown}


def _file(file: File, address: str) -> Row:
    key = FILE_IDS.of(file.number)
    ext = f".{file.name.rpartition('.')[2]}"
    return {"id": key, "name": file.name, "ext": ext, "downloadUrl": f"{address}/{key}/download"}


def full_name(person: Person) -> str:
    """The name in one string; nothing when the person was anonymised."""
    return "" if person.anonymised else f"{person.first_name} {person.last_name}"


def archived(application: Application) -> tuple[str | None, int | None]:
    """The archive reason's id and the moment, or nothing for an active application."""
    if application.state == "active":
        return None, None
    if application.state == "hired":
        return REASON_IDS.of(HIRED_REASON), application.hired_ms
    return REASON_IDS.of(application.reason or 0), application.rejected_ms


def contact(person: Person) -> Row:
    """The person of one or several opportunities."""
    return {
        "id": CONTACT_IDS.of(person.number),
        "name": full_name(person),
        "headline": person.title or "",
        "location": {"name": person.addresses[0].value} if person.addresses else None,
        "emails": [email.value for email in person.emails],
        "phones": [{"type": p.type, "value": p.value} for p in person.phones],
        "isAnonymized": person.anonymised,
    }


def user_row(world: World, number: int) -> Row:
    """A user of the account."""
    user = world.users[number]
    return {
        "id": USER_IDS.of(number),
        "name": f"{user.first_name} {user.last_name}",
        "email": user.email,
        "accessRole": "super admin" if user.is_admin else "team member",
        "deactivatedAt": user.deactivated_ms,
    }


def note_row(note: Note) -> Row:
    """A note as the answer to its creation shows it."""
    return {
        "id": NOTE_IDS.of(note.number),
        "noteId": NOTE_IDS.of(note.number),
        "text": note.body,
        "fields": [{"type": "note", "text": "Note", "value": note.body}],
        "user": USER_IDS.of(note.user),
        "secret": False,
        "createdAt": note.created_ms,
        "completedAt": note.created_ms,
        "deletedAt": None,
    }


def setup_rows(world: World, name: str) -> list[Row]:
    """The rows of a short list that describes the account."""
    if name == "stages":
        return [{"id": stage_id(s), "text": s.name} for s in world.stages.values()]
    if name == "users":
        return [user_row(world, number) for number in world.users]
    if name == "postings":
        return [posting_row(world, number) for number in world.jobs]
    if name == "archive_reasons":
        return _reasons(world)
    texts = world.tags if name == "tags" else world.sources
    return [{"text": text, "count": 1} for text in texts]


def posting_row(world: World, number: int) -> Row:
    """A job; its state is among those the vendor lists (unverified 2026-11-23)."""
    job = world.jobs[number]
    return {
        "id": POSTING_IDS.of(number),
        "text": job.name,
        "state": "published" if job.is_open else "closed",
        "categories": {"team": None, "department": None, "location": None, "commitment": None},
        "confidentiality": "non-confidential",
        "owner": USER_IDS.of(1),
        "user": USER_IDS.of(1),
        "createdAt": job.created_ms,
        "updatedAt": job.updated_ms,
    }


def _reasons(world: World) -> list[Row]:
    rows: list[Row] = [
        {"id": REASON_IDS.of(r.number), "text": r.name, "status": "active", "type": "non-hired"}
        for r in world.reasons.values()
    ]
    hired = {"id": REASON_IDS.of(HIRED_REASON), "text": "Hired", "status": "active"}
    return [*rows, {**hired, "type": "hired"}]
