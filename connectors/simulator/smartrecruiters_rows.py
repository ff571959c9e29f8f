"""SmartRecruiters' candidates with their assignments, and the lists around them (vendor docs, read 2026-11-23)."""

from dataclasses import dataclass
from typing import Literal

from connectors.simulator.clock import iso
from connectors.simulator.ids import UuidIds
from connectors.simulator.rows import Row, Rows, empty
from connectors.simulator.vendor import VendorSimulator
from connectors.simulator.world import Application, Job, Person, Reason, Stage, World

CANDIDATE_IDS = UuidIds("smartrecruiters.candidate")
APPLICATION_IDS = UuidIds("smartrecruiters.application")
JOB_IDS = UuidIds("smartrecruiters.job")
STAGE_IDS = UuidIds("smartrecruiters.status")
REASON_IDS = UuidIds("smartrecruiters.reason")
USER_IDS = UuidIds("smartrecruiters.user")
FILE_IDS = UuidIds("smartrecruiters.attachment")
CONTEXTS = ("PROFILE", "OFFER_FORM", "HIRE_FORM", "OFFER_APPROVAL_FORM")
PROPERTY_IDS = UuidIds("smartrecruiters.property")
MESSAGE_IDS = UuidIds("smartrecruiters.message")

WITH_SUB_STATUS = ("IN_REVIEW", "INTERVIEW", "OFFERED")
STATUSES = ("LEAD", "NEW", *WITH_SUB_STATUS, "HIRED", "REJECTED", "WITHDRAWN", "TRANSFERRED")
POSTING_SPELLING = {"IN_REVIEW": "IN-REVIEW", "OFFERED": "OFFER", "HIRED": "HIRE"}
WEB = ("skype", "linkedin", "facebook", "twitter", "website")
PROPERTIES: tuple[tuple[str, str], ...] = (
    ("notice_period", "TEXT"),
    ("desired_salary", "NUMBER"),
    ("clearview_score", "NUMBER"),
    ("clearview_status", "TEXT"),
)
QUESTIONS: tuple[tuple[str, str], ...] = (
    ("Do you have a driving licence?", "2b1d6a3e-6f0a-4b7c-9a51-0d6b5f5f1c11"),
    ("Which languages do you speak?", "languages"),
)
"""Screening questions and their categories: an id is one of the company's own."""
EEO = ("Gender", "eeoInformation")
"""A question that US law asks for, and its category."""
Spelling = Literal["candidate", "posting"]


@dataclass(kw_only=True, eq=False)
class SmartRecruitersRows(VendorSimulator):
    """Encodes candidates; there is no list of applications apart from them."""

    spelling: Spelling = "candidate"
    """The spelling of statuses, in which two endpoints of the vendor differ; `posting` is that of postings."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.listed_rows = Rows(self.world, "person", self.listed_row)

    def listed_row(self, number: int) -> Row:
        """A candidate in the list: further assignments show the job only."""
        person = self.world.people[number]
        assignments = list(self.world.applications_of(person))
        return self._common(person) | {
            "consent": {"status": "ACQUIRED"},
            "primaryAssignment": self._brief(assignments[0]) if assignments else None,
            "secondaryAssignments": [{"job": _job_link(a.job)} for a in assignments[1:]],
        }

    def detail(self, person: Person) -> Row:
        """A candidate as read on its own, every assignment with its status."""
        job = {"title": person.title, "company": person.company}
        assignments = [self.assignment(a) for a in self.world.applications_of(person)]
        return self._common(person) | {
            "phoneNumber": person.phone,
            "web": web_of(person),
            "education": [],
            "experience": [job | {"current": True}] if set(job.values()) != {None} else [],
            "primaryAssignment": assignments[0] if assignments else None,
            "secondaryAssignments": assignments[1:],
        }

    def assignment(self, application: Application) -> Row:
        reason = self.world.reasons.get(application.reason or 0)
        own = reason is not None and reason.kind == "withdrawn"
        shown = reason_row(reason) if reason and application.state == "rejected" else None
        return self._brief(application) | {
            "startsOn": None,
            "source": application.source,
            "reasonOfRejection": None if own else shown,
            "reasonOfWithdrawal": shown if own else None,
        }

    def history(self, application: Application) -> list[Row]:
        """Every status the application was in, the latest last."""
        found: list[tuple[int, str, str | None]] = []
        for entry in application.history:
            stage = self.world.stages[entry.stage]
            found.append((entry.entered_ms, stage.kind, sub_status_of(stage)))
        if application.rejected_ms is not None:
            closed = closed_status(self.world, application) or ""
            found.append((application.rejected_ms, closed, None))
        return [
            {"changedOn": iso(at), "status": self.spelled(status), "subStatus": sub, "actions": {}}
            for at, status, sub in found
        ]

    def spelled(self, status: str) -> str:
        return POSTING_SPELLING.get(status, status) if self.spelling == "posting" else status

    def _brief(self, application: Application) -> Row:
        closed = closed_status(self.world, application)
        stage = self.world.stages[application.stage]
        title = self.world.jobs[application.job].name
        return {
            "job": _job_link(application.job) | {"title": title},
            "status": self.spelled(closed or stage.kind),
            "subStatus": None if closed else sub_status_of(stage),
        }

    def _common(self, person: Person) -> Row:
        key = CANDIDATE_IDS.of(person.number)
        return {
            "id": key,
            "internal": False,
            "firstName": person.first_name,
            "lastName": person.last_name,
            "email": person.email,
            "location": {"city": person.address} if person.address else None,
            "createdOn": iso(person.created_ms),
            "updatedOn": iso(person.updated_ms),
            "averageRating": None,
            "tags": list(person.tags),
            "actions": {"details": {"url": f"/candidates/{key}", "method": "GET"}},
        }


def closed_status(world: World, application: Application) -> str | None:
    """The status of an application that has ended; None while it is open."""
    if application.state != "rejected":
        return None
    if application.transferred:
        return "TRANSFERRED"
    return "WITHDRAWN" if world.status_of(application) == "withdrawn" else "REJECTED"


def sub_status_of(stage: Stage) -> str | None:
    """The company's own label; None where the stage is the bare status."""
    return None if stage.slug else stage.name


def bare_status(text: object) -> str | None:
    """The status in the candidates' spelling, whichever of the two was given."""
    given = str(text)
    other = {posting: status for status, posting in POSTING_SPELLING.items()}
    status = other.get(given, given)
    return status if status in STATUSES else None


def web_of(person: Person) -> dict[str, str]:
    """Links by what they lead to; a second one of a kind is not kept."""
    found: dict[str, str] = {}
    for link in person.links:
        found.setdefault(link.type if link.type in WEB else "website", link.value)
    return found


def _job_link(number: int) -> Row:
    key = JOB_IDS.of(number)
    return {"id": key, "actions": {"details": {"url": f"/jobs/{key}", "method": "GET"}}}


def reason_row(reason: Reason) -> Row:
    return {"id": REASON_IDS.of(reason.number), "label": reason.name}


def job_row(job: Job) -> Row:
    key = JOB_IDS.of(job.number)
    return {
        "id": key,
        "title": job.name,
        "refNumber": f"REF{job.number}",
        "createdOn": iso(job.created_ms),
        "updatedOn": iso(job.updated_ms),
        "lastActivityOn": iso(job.updated_ms),
        "status": "SOURCING" if job.is_open else "FILLED",
        "postingStatus": "PUBLIC" if job.is_open else "NOT_PUBLISHED",
        **empty("department", "location"),
        "language": {"code": "en", "label": "English", "labelNative": "English"},
        "actions": {"details": {"url": f"/jobs/{key}", "method": "GET"}},
    }


def process_of(world: World, job: int, processes: int) -> int:
    """The number of the hiring process that a job uses."""
    return sorted(world.jobs).index(job) % processes


def labels_of(world: World, process: int, processes: int) -> dict[str, list[str]]:
    """The labels under each status that may have some: each is of one process only."""
    stages = world.stages_of(next(iter(world.jobs)))
    known = [stage for stage in stages if sub_status_of(stage) is not None]
    labels: dict[str, list[str]] = {status: [] for status in WITH_SUB_STATUS}
    for at, stage in enumerate(known):
        if at % processes == process:
            labels[stage.kind].append(stage.name)
    return labels


def hiring_processes(world: World, processes: int) -> list[Row]:
    return [
        {
            "id": f"hiring-process-{n + 1}",
            "name": f"Process {n + 1}",
            "active": True,
            "subStatuses": labels_of(world, n, processes),
        }
        for n in range(processes)
    ]


def property_rows() -> list[Row]:
    """The custom fields of the account."""
    return [
        {"id": PROPERTY_IDS.of(n), "label": label, "type": kind, "active": True}
        for n, (label, kind) in enumerate(PROPERTIES, start=1)
    ]


def attachment_rows(person: Person) -> list[Row]:
    """The files of a candidate; their addresses are not shown."""
    kinds = {"resume": "RESUME", "cover_letter": "COVER_LETTER"}
    return [
        {
            "id": FILE_IDS.of(file.number),
            "name": file.name,
            "type": kinds.get(file.kind, "GENERIC_FILE"),
            "contentType": "application/pdf",
            "actions": {},
        }
        for file in person.files
    ]


def screening_answers(application: Application) -> list[Row]:
    """The answers to questions: some have several records, each of them some fields."""
    given = application.custom_fields
    asked = [(label, category, given[label]) for label, category in QUESTIONS if label in given]
    return [_answer(*each) for each in [*asked, (*EEO, "Prefer not to answer")] if asked]


def _answer(label: str, category: str, value: object) -> Row:
    """A text of several parts has a record for each two of them."""
    parts = str(value).split(", ")
    pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
    return {
        "id": f"question-{category}",
        "type": "radio" if len(parts) == 1 else "languages",
        "category": category,
        "name": f"{label} (library)",
        "label": label,
        "records": [
            {
                "fields": {
                    f"field-{n}": {
                        "id": f"field-{n}",
                        "label": "",
                        "values": [{"id": part, "label": part}],
                    }
                    for n, part in enumerate(pair)
                }
            }
            for pair in pairs
        ],
    }


def property_values(application: Application | Person) -> list[Row]:
    """The values of custom fields; one without a value reads as an empty object."""
    fields = application.custom_fields
    return [{**row, "value": fields.get(str(row["label"]), {})} for row in property_rows()]
