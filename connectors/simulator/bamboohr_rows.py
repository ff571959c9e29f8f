"""BambooHR's applications, which hold their applicants, and the lists around them (vendor docs, read 2026-11-23)."""

from connectors.simulator.clock import moment
from connectors.simulator.ids import NumberIds
from connectors.simulator.rows import Row, Rows, empty
from connectors.simulator.vendor import VendorSimulator
from connectors.simulator.world import Application, File, Job, Person, User, World

APPLICATION_IDS = NumberIds(1_000)
PERSON_IDS = NumberIds(1_057)
"""Applicants and applications are numbered apart, in ranges that overlap."""
JOB_IDS = NumberIds(20)
STAGE_IDS = NumberIds(0)
CLOSED_IDS = NumberIds(100)
"""A reason for turning someone down is a status of its own."""
USER_IDS = NumberIds(7_000)
FILE_IDS = NumberIds(400)
BARE = {"resume": "resumeFileId", "cover_letter": "coverLetterFileId"}
"""The kinds of files that are shown by an id alone, one of each."""


class BambooHrRows(VendorSimulator):
    """Encodes applications; the list shows less than an application read on its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.listed_rows = Rows(self.world, "application", self.listed_row)

    def listed_row(self, number: int) -> Row:
        """An application in the list: no phone, and no time but that of applying."""
        application, person, job, _ = self.world.parts_of(number)
        status, label = status_of(self.world, application)
        return {
            "id": APPLICATION_IDS.of(number),
            "appliedDate": written(application.created_ms),
            "status": {"id": status, "label": label},
            "rating": None,
            "applicant": _applicant(person),
            "job": {"id": JOB_IDS.of(job.number), "title": {"id": None, "label": job.name}},
        }

    def detail(self, number: int, address: str) -> Row:
        """An application as read on its own, at this address."""
        application, person, job, _ = self.world.parts_of(number)
        status, label = status_of(self.world, application)
        changed_ms = application.rejected_ms
        if changed_ms is None:
            changed_ms = application.history[-1].entered_ms
        files = [attachment_row(f, address) for f in named_files(person)]
        return self.listed_row(number) | {
            "status": {
                "id": status,
                "label": label,
                "dateChanged": written(changed_ms),
                "changedByUser": None,
            },
            "applicant": _applicant(person) | _more(person),
            "job": {
                "id": JOB_IDS.of(job.number),
                "title": {"id": None, "label": job.name},
                "hiringLead": lead_row(self.world.users[1]),
            },
            **{name: bare_file(person, kind) for kind, name in BARE.items()},
            "alsoConsideredForCount": len(person.applications) - 1,
            "duplicateApplicationCount": 0,
            "commentCount": sum(1 for n in self.world.notes if n.application == number),
            "emailCount": 0,
            "attachmentCount": len(files) or None,
            "eventCount": 0,
            "questionsAndAnswers": [
                {"question": {"id": n, "label": name}, "answer": {"id": n, "label": value}}
                for n, (name, value) in enumerate(application.custom_fields.items(), start=1)
            ],
            "attachments": files or None,
            **empty("movedTo", "movedFrom", "referredBy", "desiredSalary", "applicationReferences"),
        }


def named_files(person: Person) -> list[File]:
    """The files that are shown with their names."""
    return [file for file in person.files if file.kind not in BARE]


def bare_file(person: Person, kind: str) -> int | None:
    """The id of the file of a kind; there is room for one."""
    return next((FILE_IDS.of(f.number) for f in person.files if f.kind == kind), None)


def attachment_row(file: File, address: str) -> Row:
    key = FILE_IDS.of(file.number)
    return {"id": key, "name": file.name, "fileUrl": f"{address}/attachments/{key}"}


def written(ms: int) -> str:
    """Whole seconds with an offset."""
    at = moment(ms)
    return at.isoformat(timespec="seconds") if at is not None else ""


def status_of(world: World, application: Application) -> tuple[int, str]:
    """Id and label of the status that the application is in."""
    if application.state == "rejected":
        reason = world.reasons[application.reason or 1]
        return CLOSED_IDS.of(reason.number), reason.name
    stage = world.stages[application.stage]
    return STAGE_IDS.of(stage.number), stage.name


def group_of(world: World, application: Application) -> str:
    """NEW, ACTIVE, INACTIVE or HIRED: what the list can be filtered by."""
    if application.state == "rejected":
        return "INACTIVE"
    return world.stages[application.stage].kind


def _applicant(person: Person) -> Row:
    return {
        "id": PERSON_IDS.of(person.number),
        "firstName": person.first_name,
        "lastName": person.last_name,
        "avatar": None,
        "email": person.email,
        "source": person.source,
    }


def _more(person: Person) -> Row:
    links = links_of(person)
    return {
        "phoneNumber": person.phone,
        "address": _address(person),
        "linkedinUrl": links.get("linkedin"),
        "websiteUrl": links.get("website"),
        **empty("twitterUsername", "availableStartDate", "education"),
    }


def _address(person: Person) -> Row | None:
    if person.address is None:
        return None
    others = ("addressLine1", "addressLine2", "state", "zipcode", "country")
    return {"city": person.address, **empty(*others)}


def links_of(person: Person) -> dict[str, str]:
    """The two kinds of links there is room for; a second one of a kind is not kept."""
    found: dict[str, str] = {}
    for link in person.links:
        found.setdefault("linkedin" if link.type == "linkedin" else "website", link.value)
    return found


def status_rows(world: World) -> list[Row]:
    """Every status; ids are text here and numbers elsewhere, and nothing marks the terminal ones."""
    stages = world.stages_of(next(iter(world.jobs)))
    named = [(STAGE_IDS.text(stage.number), stage.name) for stage in stages]
    named += [(CLOSED_IDS.text(r.number), r.name) for r in world.reasons.values()]
    return [
        {
            "id": key,
            "name": name,
            "translatedName": name,
            "enabled": True,
            "manageable": key != STAGE_IDS.text(1),
            **empty("code", "description"),
        }
        for key, name in named
    ]


def job_row(world: World, job: Job) -> Row:
    known = [a for a in world.applications.values() if a.job == job.number]
    groups = [group_of(world, application) for application in known]
    return {
        "id": JOB_IDS.of(job.number),
        "title": {"id": None, "label": job.name},
        "postedDate": written(job.created_ms),
        "status": {"id": 1, "label": "Open"} if job.is_open else {"id": 2, "label": "Filled"},
        "hiringLead": lead_row(world.users[1]),
        "newApplicantsCount": groups.count("NEW"),
        "activeApplicantsCount": groups.count("NEW") + groups.count("ACTIVE"),
        "totalApplicantsCount": len(groups),
        **empty("location", "department"),
        "postingUrl": f"https://clearview.example.com/careers/{JOB_IDS.of(job.number)}",
    }


def lead_row(user: User) -> Row:
    return {
        "employeeId": USER_IDS.of(user.number),
        "firstName": user.first_name,
        "lastName": user.last_name,
        "avatar": None,
        "jobTitle": {"id": None, "label": None},
    }
