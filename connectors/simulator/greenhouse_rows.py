"""Greenhouse's Harvest v3 records as JSON rows (vendor docs, read 2026-11-23)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from connectors.simulator.clock import iso
from connectors.simulator.ids import NumberIds
from connectors.simulator.rows import Row, Rows, empty
from connectors.simulator.vendor import VendorSimulator
from connectors.simulator.world import Application, File, Kind, Note, Person, StageEntry, World

PERSON_IDS = NumberIds(10_000_000)
APPLICATION_IDS = NumberIds(20_000_000)
ENTRY_IDS = NumberIds(30_000_000)
JOB_IDS = NumberIds(40_000_000)
STAGE_IDS = NumberIds(50_000_000)
REASON_IDS = NumberIds(60_000_000)
USER_IDS = NumberIds(70_000_000)
OPENING_IDS = NumberIds(80_000_000)
FILE_IDS = NumberIds(90_000_000)
TAG_IDS = NumberIds(100_000_000)
NOTE_IDS = NumberIds(110_000_000)
DETAIL_IDS = NumberIds(120_000_000)
SOURCE_IDS = NumberIds(130_000_000)
FIELD_IDS = NumberIds(140_000_000)

STATUS = {"active": "in_process", "rejected": "rejected", "hired": "hired"}
REASON_TYPES = {"rejected": "WE_REJECTED_THEM", "withdrawn": "THEY_REJECTED_US"}
FIELDS: tuple[tuple[str, str, str], ...] = (
    ("candidate", "notice_period", "short_text"),
    ("candidate", "desired_salary", "number"),
    ("candidate", "clearview_score", "number"),
    ("application", "clearview_score", "number"),
    ("application", "clearview_status", "short_text"),
)


@dataclass(kw_only=True, eq=False)
class GreenhouseRows(VendorSimulator):
    """Encodes every kind of record; only attachments differ from answer to answer."""

    newer_fields: bool = False
    """Adds `job_interview_stage_id` and `rejection_reason_id` to applications (unverified 2026-11-23)."""
    hired_keeps_stage: bool = False
    """Leaves a hired application its stage (unverified 2026-11-23)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._signed = 0
        self.candidate_rows = Rows(self.world, "person", self._candidate)
        self.application_rows = Rows(self.world, "application", self._application)
        self.entry_owner: dict[int, int] = {}
        """The number of an application by those of its stays in stages."""
        for application in self.world.applications.values():
            self._own(application)
        self.world.observers.append(self._application_changed)

    def _application_changed(self, kind: Kind, number: int) -> None:
        application = self.world.applications.get(number) if kind == "application" else None
        if application is not None:
            self._own(application)

    def _own(self, application: Application) -> None:
        for entry in application.history:
            self.entry_owner[entry.number] = application.number

    def entry(self, number: int) -> StageEntry | None:
        """A stay in a stage by its number, unless its application is gone."""
        owner = self.world.applications.get(self.entry_owner.get(number, 0))
        return next((e for e in owner.history if e.number == number), None) if owner else None

    def _candidate(self, number: int) -> Row:
        person = self.world.people[number]
        return {
            "id": PERSON_IDS.of(number),
            **times(person.created_ms, person.updated_ms),
            "first_name": person.first_name,
            "last_name": shown_last_name(person),
            "company": person.company,
            "title": person.title,
            "last_activity_at": iso(person.updated_ms),
            "private": person.private,
            "can_email": not person.anonymised,
            "tags": list(person.tags),
            "linked_user_ids": [],
            "phone_numbers": [c._asdict() for c in person.phones],
            "addresses": [c._asdict() for c in person.addresses],
            "email_addresses": [c._asdict() for c in person.emails],
            "website_addresses": [c._asdict() for c in person.links],
            "social_media_addresses": [],
            "custom_fields": _custom("candidate", person.custom_fields),
            **empty("preferred_name", "time_zone"),
        }

    def _application(self, number: int) -> Row:
        application, _, _, stage = self.world.parts_of(number)
        entry = application.history[-1]
        shown = application.state != "hired" or self.hired_keeps_stage
        row: Row = {
            "id": APPLICATION_IDS.of(number),
            **times(application.created_ms, application.updated_ms),
            "candidate_id": PERSON_IDS.of(application.person),
            "job_id": JOB_IDS.of(application.job),
            "recruiter_id": USER_IDS.of(entry.user),
            "source_id": self._source(application),
            "stage_id": ENTRY_IDS.of(entry.number) if shown else None,
            "stage_name": stage.name if shown else None,
            "status": STATUS[application.state],
            "needs_decision": False,
            "prospect": False,
            "rejected_at": iso(application.rejected_ms),
            "last_activity_at": iso(application.activity_ms),
            "answers": [],
            "prospective_job_ids": [],
            "custom_fields": _custom("application", application.custom_fields),
            **empty("agency_note_id", "coordinator_id", "job_post_id", "referrer_id"),
            "location_address": None,
        }
        if self.newer_fields:
            reason = application.reason
            row["job_interview_stage_id"] = STAGE_IDS.of(stage.number) if shown else None
            row["rejection_reason_id"] = REASON_IDS.of(reason) if reason else None
        return row

    def _source(self, application: Application) -> int | None:
        if application.source not in self.world.sources:
            return None
        return SOURCE_IDS.of(self.world.sources.index(application.source) + 1)

    def application_stage(self, application: int, entry: StageEntry, now_ms: int) -> Row:
        """A stay in a stage; this row's id is what an application's `stage_id` holds."""
        until = entry.exited_ms or now_ms
        return {
            "id": ENTRY_IDS.of(entry.number),
            "application_id": APPLICATION_IDS.of(application),
            "job_interview_stage_id": STAGE_IDS.of(entry.stage),
            "entered_at": iso(entry.entered_ms),
            "exited_at": iso(entry.exited_ms),
            "days_in_stage": max(0, until - entry.entered_ms) // 86_400_000,
            "current": entry.exited_ms is None,
            **times(entry.entered_ms, entry.exited_ms or entry.entered_ms),
        }

    def attachment(self, person: Person, file: File) -> Row:
        """A file with an address that is signed again in every answer."""
        self._signed += 1
        expires = self.clock.now_ms() + self.FILE_LIFE_MS
        signature = sha256(f"{file.number}:{expires}:{self._signed}".encode()).hexdigest()[:24]
        address = f"{self.file_origin}/files/{FILE_IDS.of(file.number)}"
        return {
            "id": FILE_IDS.of(file.number),
            "candidate_id": PERSON_IDS.of(person.number),
            "filename": file.name,
            "url": f"{address}?expires={expires}&signature={signature}",
            "type": file.kind,
            **times(person.created_ms, person.created_ms),
        }

    def note_row(self, note: Note) -> Row:
        """A remark; the answer spells its visibility otherwise than the request."""
        return {
            "id": NOTE_IDS.of(note.number),
            "candidate_id": PERSON_IDS.of(note.person),
            "application_id": APPLICATION_IDS.of(note.application) if note.application else None,
            "user_id": USER_IDS.of(note.user),
            "body": note.body,
            "visibility": "publicly_visible",
            "note_type": "NOTE",
            **times(note.created_ms, note.created_ms),
        }


def times(created_ms: int | None, updated_ms: int | None) -> Row:
    """When a record was made and changed."""
    return {"created_at": iso(created_ms), "updated_at": iso(updated_ms)}


def shown_last_name(person: Person) -> str:
    """An anonymised person is called by the id (as v1 did it; of v3 unverified 2026-11-29)."""
    return PERSON_IDS.text(person.number) if person.anonymised else person.last_name


def is_default_reason(number: int) -> bool:
    """True for those that Greenhouse gives to every account: every third one; the others are its own."""
    return number % 3 == 0


def _jobs(world: World) -> list[Row]:
    return [
        {
            "id": JOB_IDS.of(job.number),
            "name": job.name,
            "status": "open" if job.is_open else "closed",
            "confidential": False,
            "requisition_id": f"R-{job.number}",
            **times(job.created_ms, job.updated_ms),
        }
        for job in world.jobs.values()
    ]


def _openings(world: World) -> list[Row]:
    return [
        {
            "id": OPENING_IDS.of(opening),
            "job_id": JOB_IDS.of(job.number),
            "status": "open" if job.is_open else "closed",
            **times(job.created_ms, job.created_ms),
        }
        for job in world.jobs.values()
        for opening in job.openings
    ]


def _stages(world: World) -> list[Row]:
    return [
        {
            "id": STAGE_IDS.of(stage.number),
            "job_id": JOB_IDS.of(stage.job or 0),
            "name": stage.name,
            "sort_order": stage.order,
            "active": True,
            **times(world.jobs[stage.job or 0].created_ms, world.jobs[stage.job or 0].created_ms),
        }
        for stage in world.stages.values()
    ]


def _reasons(world: World) -> list[Row]:
    rows: list[Row] = []
    for reason in world.reasons.values():
        key = REASON_TYPES.get(reason.kind, "NONE_SPECIFIED")
        kind = {"id": len(key), "key": key, "name": key.replace("_", " ").capitalize()}
        rows.append({"id": REASON_IDS.of(reason.number), "name": reason.name, "type": kind})
    return rows


def _users(world: World) -> list[Row]:
    return [
        {
            "id": USER_IDS.of(user.number),
            "first_name": user.first_name,
            "last_name": user.last_name,
            "primary_email": user.email,
            "site_admin": user.is_admin,
            "disabled": user.deactivated_ms is not None,
        }
        for user in world.users.values()
    ]


def _named(ids: NumberIds, names: list[str]) -> list[Row]:
    return [{"id": ids.of(n), "name": name} for n, name in enumerate(names, start=1)]


def _fields(_: World) -> list[Row]:
    return [
        {
            "id": FIELD_IDS.of(number),
            "name": _title(key),
            "name_key": key,
            "field_type": kind,
            "value_type": value,
        }
        for number, (kind, key, value) in enumerate(FIELDS, start=1)
    ]


def _custom(kind: str, values: dict[str, object]) -> Row:
    """Custom fields as responses show them: by key, each with its name, type and value."""
    types = {key: value for of, key, value in FIELDS if of == kind}
    return {
        key: {"name": _title(key), "type": types[key], "value": values.get(key)}
        for key in types
        if key in values
    }


def _title(key: str) -> str:
    return key.replace("_", " ").capitalize()


SETUP: Mapping[str, Callable[[World], list[Row]]] = {
    "jobs": _jobs,
    "openings": _openings,
    "job_interview_stages": _stages,
    "rejection_reasons": _reasons,
    "users": _users,
    "sources": lambda world: _named(SOURCE_IDS, world.sources),
    "candidate_tags": lambda world: _named(TAG_IDS, world.tags),
    "custom_fields": _fields,
}
"""The rows of the short lists that describe the account."""
