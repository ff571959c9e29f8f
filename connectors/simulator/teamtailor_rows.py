"""Teamtailor's JSON:API resources and how they hang together (vendor docs, read 2026-11-23)."""

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from connectors.simulator.clock import iso
from connectors.simulator.ids import NumberIds
from connectors.simulator.messages import Reply
from connectors.simulator.rows import Kept, Row, Rows, empty
from connectors.simulator.vendor import VendorSimulator
from connectors.simulator.world import File, Kind

CANDIDATE_IDS = NumberIds(31_000_000)
APPLICATION_IDS = NumberIds(52_000_000)
JOB_IDS = NumberIds(700_000)
STAGE_IDS = NumberIds(4_300_000)
REASON_IDS = NumberIds(9_000)
USER_IDS = NumberIds(80_000)
FIELD_IDS = NumberIds(12_000)
VALUE_IDS = NumberIds(90_000_000)
NOTE_IDS = NumberIds(61_000_000)
UPLOAD_IDS = NumberIds(44_000_000)
QUESTION_IDS = NumberIds(150_000)
ANSWER_IDS = NumberIds(75_000_000)
IDS = {
    "candidates": CANDIDATE_IDS,
    "job-applications": APPLICATION_IDS,
    "jobs": JOB_IDS,
    "stages": STAGE_IDS,
    "reject-reasons": REASON_IDS,
    "users": USER_IDS,
    "custom-fields": FIELD_IDS,
    "custom-field-values": VALUE_IDS,
    "notes": NOTE_IDS,
    "uploads": UPLOAD_IDS,
    "questions": QUESTION_IDS,
    "answers": ANSWER_IDS,
}
FIELDS: tuple[tuple[str, str], ...] = (
    ("notice_period", "CustomField::Text"),
    ("desired_salary", "CustomField::Number"),
    ("clearview_score", "CustomField::Number"),
    ("clearview_status", "CustomField::Text"),
)
QUESTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("What is your favourite tool?", "text", ()),
    ("Can you work at night?", "boolean", ()),
    ("How many years of experience?", "number", ()),
    ("Which shifts suit you?", "choice", ("Early", "Late", "Night")),
)
VALUES_EACH = 8
"""A custom field's value is numbered by its owner and its field, an answer by its owner and its question."""
TO_ONE: dict[str, tuple[str, ...]] = {
    "job-applications": ("candidate", "job", "stage", "reject-reason"),
    "stages": ("job",),
    "custom-field-values": ("custom-field", "owner"),
    "answers": ("question",),
}
TO_MANY: dict[str, tuple[str, ...]] = {
    "candidates": ("job-applications", "custom-field-values", "uploads", "answers"),
    "jobs": ("stages",),
}
LINKS_ONLY: dict[str, tuple[str, ...]] = {
    "candidates": ("department", "role", "questions", "locations"),
    "questions": ("answers",),
    "jobs": ("department", "role", "location", "user", "candidates"),
    "stages": ("job-applications", "triggers"),
    "reject-reasons": ("job-applications",),
}
BASE = "/v1"
MEDIA_TYPE = "application/vnd.api+json"
CACHED: dict[str, Kind] = {"candidates": "person", "job-applications": "application"}
SELF = "https://api.teamtailor.example/v1"
FILES = "@FILES@"
"""A placeholder in kept rows for the address of files, because links to them end after seconds."""
Includes = frozenset[str]
Related = tuple[str, int]


class TeamtailorRows(VendorSimulator):
    """Encodes resources; linkage is shown only for what is included."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._kept: dict[tuple[str, Includes], Rows] = {}
        self._counts: Kept[Counter[tuple[int, bool]]] = Kept(self.world)
        self._attributes: dict[str, Callable[[int], Row]] = {
            "candidates": self._candidate,
            "job-applications": self._application,
            "jobs": self._job,
            "stages": self._stage,
            "reject-reasons": self._reason,
            "users": self._user,
            "custom-fields": self._field,
            "custom-field-values": self._value,
            "notes": self._note,
            "uploads": self._upload,
            "questions": self._question,
            "answers": self._given_answer,
        }
        self._uploads: dict[int, File] = {}

    def encoded(self, kind: str, number: int, includes: Includes) -> Row | msgspec.Raw:
        """A resource, as bytes where they are kept."""
        if kind not in CACHED:
            return self.resource(kind, number, includes)
        key = (kind, includes)
        if key not in self._kept:
            self._kept[key] = Rows(
                self.world, CACHED[kind], lambda n: self.resource(kind, n, includes)
            )
        return self._kept[key][number]

    def document(
        self, kind: str, number: int, *, status: int = 200, includes: Includes = frozenset()
    ) -> Reply:
        """One resource with what is included."""
        body: Row = {"data": self.encoded(kind, number, includes)}
        if includes:
            body["included"] = self.included(kind, [number], includes)
        return self.with_files(body, status)

    def with_files(self, document: Row, status: int = 200) -> Reply:
        """The answer, with the addresses of files, which are good for thirty seconds."""
        ends = self.clock.now_ms() + self.FILE_LIFE_MS
        address = f"{self.file_origin}/files/{ends}"
        body = msgspec.json.encode(document).replace(FILES.encode(), address.encode())
        return Reply(status, body, content_type=MEDIA_TYPE)

    def resource(self, kind: str, number: int, includes: Includes) -> Row:
        """A resource with links to what it belongs to, and linkage to what is included."""
        key = IDS[kind].text(number)
        shown = {path.partition(".")[0] for path in includes}
        names = (*TO_ONE.get(kind, ()), *TO_MANY.get(kind, ()), *LINKS_ONLY.get(kind, ()))
        relationships: dict[str, Row] = {}
        for name in names:
            to = {"self": f"{SELF}/{kind}/{key}/relationships/{name}"}
            relationships[name] = {"links": to | {"related": f"{SELF}/{kind}/{key}/{name}"}}
            if name in shown:
                relationships[name]["data"] = self._linkage(kind, number, name)
        return {
            "id": key,
            "type": kind,
            "links": {"self": f"{SELF}/{kind}/{key}"},
            "attributes": self._attributes[kind](number),
            "relationships": relationships,
        }

    def included(self, kind: str, numbers: Iterable[int], includes: Includes) -> list[object]:
        """Every resource that is included, once."""
        found: dict[Related, object] = {}
        self._gather(kind, list(numbers), includes, found)
        return list(found.values())

    def _gather(
        self, kind: str, numbers: list[int], includes: Includes, found: dict[Related, object]
    ) -> None:
        for name in sorted({path.partition(".")[0] for path in includes}):
            deeper = frozenset(
                rest for first, _, rest in (p.partition(".") for p in includes) if first == name
            ) - {""}
            related = [r for n in numbers for r in self.related(kind, n, name)]
            for other, number in related:
                found.setdefault((other, number), self.encoded(other, number, deeper))
            if deeper and related:
                self._gather(related[0][0], [n for _, n in related], deeper, found)

    def _linkage(self, kind: str, number: int, name: str) -> object:
        named = self.related(kind, number, name)
        linked = [{"type": other, "id": IDS[other].text(n)} for other, n in named]
        if name in TO_MANY.get(kind, ()):
            return linked
        return linked[0] if linked else None

    def related(self, kind: str, number: int, name: str) -> list[Related]:
        world = self.world
        if kind == "candidates":
            return [(name, n) for n in self._of_candidate(number, name)]
        if kind == "job-applications":
            return self._of_application(number, name)
        if kind == "jobs":
            return [("stages", n) for n in world.jobs[number].stages]
        if kind == "stages":
            return [("jobs", world.stages[number].job or 0)]
        owner, field = divmod(number, VALUES_EACH)
        if kind == "answers":
            return [("questions", field)]
        return [("candidates", owner)] if name == "owner" else [("custom-fields", field)]

    def _of_candidate(self, number: int, name: str) -> list[int]:
        if name == "job-applications":
            return self.world.people[number].applications
        if name == "answers":
            given = self.world.people[number].custom_fields
            asked = enumerate(QUESTIONS, start=1)
            return [number * VALUES_EACH + n for n, (title, _, _) in asked if title in given]
        return self._uploads_of(number) if name == "uploads" else self.values_of(number)

    def _of_application(self, number: int, name: str) -> list[Related]:
        application = self.world.applications[number]
        if name == "reject-reason":
            closed = application.state == "rejected" and application.reason is not None
            return [("reject-reasons", application.reason or 0)] if closed else []
        kinds: dict[str, Related] = {
            "candidate": ("candidates", application.person),
            "job": ("jobs", application.job),
            "stage": ("stages", application.stage),
        }
        return [kinds[name]]

    def values_of(self, person: int) -> list[int]:
        """The custom field values that a candidate has."""
        fields = self.world.people[person].custom_fields
        named = enumerate(FIELDS, start=1)
        return [person * VALUES_EACH + n for n, (name, _) in named if name in fields]

    def _uploads_of(self, person: int) -> list[int]:
        """The files of a candidate beside the resume."""
        found = {file.number: file for file in self.world.people[person].files[1:]}
        self._uploads |= found
        return list(found)

    def _upload(self, number: int) -> Row:
        """The attributes are those of the vendor's gem (read 2026-11-29)."""
        file = self._uploads[number]
        return {"file-name": file.name, "internal": False, "url": f"{FILES}/{number}"}

    def _candidate(self, number: int) -> Row:
        person = self.world.people[number]
        return {
            "connected": False,
            "created-at": iso(person.created_ms),
            "email": person.email,
            "first-name": person.first_name,
            "last-name": person.last_name,
            "linkedin-url": person.links[0].value if person.links else None,
            "phone": person.phone,
            "referring-site": person.source,
            "referred": False,
            "resume": f"{FILES}/{person.files[0].number}" if person.files else None,
            "sourced": False,
            "internal": False,
            "unsubscribed": False,
            "updated-at": iso(person.updated_ms),
            "tags": list(person.tags),
            **empty("picture", "pitch", "referring-url"),
        }

    def _application(self, number: int) -> Row:
        application = self.world.applications[number]
        return {
            "created-at": iso(application.created_ms),
            "referring-site": application.source,
            "rejected-at": iso(application.rejected_ms),
            "sourced": False,
            "updated-at": iso(application.updated_ms),
            "changed-stage-at": iso(application.history[-1].entered_ms),
            **empty("cover-letter", "referring-url"),
        }

    def _job(self, number: int) -> Row:
        job = self.world.jobs[number]
        return {
            "title": job.name,
            "body": "",
            "pitch": "",
            "human-status": "published" if job.is_open else "archived",
            "status": "open" if job.is_open else "archived",
            "internal": False,
            "pinned": False,
            "tags": [],
            **empty("start-date", "end-date"),
            "created-at": iso(job.created_ms),
            "updated-at": iso(job.updated_ms),
        }

    def _stage(self, number: int) -> Row:
        stage = self.world.stages[number]
        counts = self._counts.get((), self._counted)
        job = self.world.jobs[stage.job or 1]
        return {
            "created-at": iso(job.created_ms),
            "updated-at": iso(job.updated_ms),
            "name": stage.name,
            "stage-type": stage.kind,
            "row-order": stage.order,
            "active-job-applications-count": counts[number, False],
            "rejected-job-applications-count": counts[number, True],
        }

    def _counted(self) -> Counter[tuple[int, bool]]:
        """The number of applications in each stage, open and rejected."""
        known = self.world.applications.values()
        return Counter((a.stage, a.state == "rejected") for a in known)

    def _reason(self, number: int) -> Row:
        reason = self.world.reasons[number]
        return {"reason": reason.name, "rejected-by-company": reason.kind != "withdrawn"}

    def _user(self, number: int) -> Row:
        user = self.world.users[number]
        return {
            "email": user.email,
            "name": user.full_name,
            "role": "admin" if user.is_admin else "user",
        }

    def _field(self, number: int) -> Row:
        name, kind = FIELDS[number - 1]
        return {"name": name, "api-name": name, "field-type": kind, "owner-type": "Candidate"}

    def _value(self, number: int) -> Row:
        owner, field = divmod(number, VALUES_EACH)
        name, kind = FIELDS[field - 1]
        return {"field-type": kind, "value": self.world.people[owner].custom_fields.get(name)}

    def _question(self, number: int) -> Row:
        title, kind, options = QUESTIONS[number - 1]
        alternatives = [{"id": n, "title": each} for n, each in enumerate(options, start=1)]
        return {"title": title, "question-type": kind, "alternatives": alternatives or None}

    def _given_answer(self, number: int) -> Row:
        """The value is under the name of its type; of a choice, the ids of alternatives."""
        owner, question = divmod(number, VALUES_EACH)
        title, kind, options = QUESTIONS[question - 1]
        value: object = self.world.people[owner].custom_fields[title]
        if isinstance(value, list):
            value = [options.index(str(each)) + 1 for each in value]
        kinds = empty("text", "boolean", "number", "range", "date", "choices")
        name = "choices" if kind == "choice" else kind
        return {**kinds, "question-type": kind, "answer": str(value), name: value}

    def _note(self, number: int) -> Row:
        note = self.world.notes[number - 1]
        return {"note": note.body, "created-at": iso(note.created_ms)}
