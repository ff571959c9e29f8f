"""Lever's opportunities and the lists around them as JSON (vendor docs, read 2026-11-23)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from connectors.simulator.ids import UuidIds
from connectors.simulator.rows import Row, Rows, empty
from connectors.simulator.vendor import VendorSimulator
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
ArchivedShape = Literal["object", "flat"]


def stage_id(stage: Stage) -> str:
    """Some stages have speaking ids, the others UUIDs; both are opaque."""
    return stage.slug or STAGE_IDS.of(stage.number)


@dataclass(kw_only=True, eq=False)
class LeverRows(VendorSimulator):
    """Encodes opportunities, for each set of expansions that is asked for."""

    archived_shape: ArchivedShape = "object"
    """The shape of an opportunity's archive state; `flat` is that of older documents (unverified 2026-11-23)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._rows: dict[frozenset[str], Rows] = {}

    def opportunity_rows(self, expand: frozenset[str]) -> Rows:
        """The encoded opportunities with these expansions."""
        if expand not in self._rows:
            self._rows[expand] = Rows(
                self.world, "application", lambda number: self.opportunity_row(number, expand)
            )
        return self._rows[expand]

    def opportunity_row(self, number: int, expand: Iterable[str] = ()) -> Row:
        """One opportunity; cleared personal fields are empty rather than missing."""
        application, person, _, _ = self.world.parts_of(number)
        row = self._identity(application, person) | self._progress(application)
        for name in expand:
            row[name] = self._expanded(name, application, person)
        return row

    def _identity(self, application: Application, person: Person) -> Row:
        return {
            "id": OPPORTUNITY_IDS.of(application.number),
            **_described(person),
            "contact": CONTACT_IDS.of(person.number),
            "confidentiality": "confidential" if person.private else "non-confidential",
            "location": person.address or "",
            "links": [link.value for link in person.links],
            "tags": list(person.tags),
            "sources": [application.source] if application.source else [],
            "origin": "applied",
            **empty("sourcedBy", "dataProtection"),
            "urls": {"list": "https://hire.example.com/", "show": "https://hire.example.com/c"},
        }

    def _progress(self, application: Application) -> Row:
        reason, at = archived(application)
        return {
            "stage": stage_id(self.world.stages[application.stage]),
            "stageChanges": [
                self._stage_change(e.stage, e.entered_ms, e.user) for e in application.history
            ],
            "owner": USER_IDS.of(1),
            "followers": [USER_IDS.of(1)],
            "applications": [APPLICATION_IDS.of(application.number)],
            "createdAt": application.created_ms,
            "updatedAt": application.updated_ms,
            "lastInteractionAt": application.activity_ms,
            "lastAdvancedAt": application.history[-1].entered_ms,
            "snoozedUntil": None,
            **(
                {"archivedAt": at, "archiveReason": reason}
                if self.archived_shape == "flat"
                else {"archived": archived_row(application)}
            ),
        }

    def _stage_change(self, stage: int, at_ms: int, user: int) -> Row:
        known = self.world.stages[stage]
        return {
            "toStageId": stage_id(known),
            "toStageIndex": known.order,
            "updatedAt": at_ms,
            "userId": USER_IDS.of(user),
        }

    def _expanded(self, name: str, application: Application, person: Person) -> object:
        if name == "applications":
            return [self._application(application, person)]
        if name == "stage":
            stage = self.world.stages[application.stage]
            return {"id": stage_id(stage), "text": stage.name}
        if name == "contact":
            return contact(person)
        if name == "sourcedBy":
            return None
        owner = user_row(self.world, 1)
        return [owner] if name == "followers" else owner

    def _application(self, application: Application, person: Person) -> Row:
        """The application inside an opportunity: which posting it is for."""
        return {
            "id": APPLICATION_IDS.of(application.number),
            "type": "posting",
            "candidateId": OPPORTUNITY_IDS.of(application.number),
            "opportunityId": OPPORTUNITY_IDS.of(application.number),
            "posting": POSTING_IDS.of(application.job),
            "postingOwner": USER_IDS.of(1),
            "name": full_name(person),
            "company": person.company,
            "email": person.email,
            "links": [],
            "customQuestions": _form(application, asked=True),
            "createdAt": application.created_ms,
            "archived": archived_row(application),
            **empty("postingHiringManager", "phone", "comments", "user", "requisitionForHire"),
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
    return "" if person.anonymised else person.full_name


def archived(application: Application) -> tuple[str | None, int | None]:
    """The archive reason's id and the moment, or nothing for an active application."""
    if application.state == "active":
        return None, None
    if application.state == "hired":
        return REASON_IDS.of(HIRED_REASON), application.hired_ms
    return REASON_IDS.of(application.reason or 0), application.rejected_ms


def archived_row(application: Application) -> Row | None:
    """The archive state; nothing for an active application."""
    reason, at = archived(application)
    return {"reason": reason, "archivedAt": at} if reason else None


def contact(person: Person) -> Row:
    """The person of one or several opportunities."""
    return {
        "id": CONTACT_IDS.of(person.number),
        **_described(person),
        "location": {"name": person.address} if person.address else None,
    }


def _described(person: Person) -> Row:
    return {
        "name": full_name(person),
        "headline": person.title or "",
        "emails": [email.value for email in person.emails],
        "phones": [{"type": p.type, "value": p.value} for p in person.phones],
        "isAnonymized": person.anonymised,
    }


def user_row(world: World, number: int) -> Row:
    user = world.users[number]
    return {
        "id": USER_IDS.of(number),
        "name": user.full_name,
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
    match name:
        case "stages":
            return [{"id": stage_id(s), "text": s.name} for s in world.stages.values()]
        case "users":
            return [user_row(world, number) for number in world.users]
        case "postings":
            return [posting_row(world, number) for number in world.jobs]
        case "archive_reasons":
            named = [(r.number, r.name, "non-hired") for r in world.reasons.values()]
            return [
                {"id": REASON_IDS.of(number), "text": text, "status": "active", "type": kind}
                for number, text, kind in [*named, (HIRED_REASON, "Hired", "hired")]
            ]
        case _:
            texts = world.tags if name == "tags" else world.sources
            return [{"text": text, "count": 1} for text in texts]


def posting_row(world: World, number: int) -> Row:
    """A job; its state is among those the vendor lists (unverified 2026-11-23)."""
    job = world.jobs[number]
    return {
        "id": POSTING_IDS.of(number),
        "text": job.name,
        "state": "published" if job.is_open else "closed",
        "categories": empty("team", "department", "location", "commitment"),
        "confidentiality": "non-confidential",
        "owner": USER_IDS.of(1),
        "user": USER_IDS.of(1),
        "createdAt": job.created_ms,
        "updatedAt": job.updated_ms,
    }
