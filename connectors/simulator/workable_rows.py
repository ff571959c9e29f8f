"""Workable's candidates and the lists around them (vendor docs, read 2026-11-23)."""

from dataclasses import dataclass

from connectors.simulator.clock import iso
from connectors.simulator.ids import NumberIds
from connectors.simulator.rows import Row, Rows, empty
from connectors.simulator.vendor import VendorSimulator
from connectors.simulator.world import Application, Job, Note, Person, Reason, Stage, User, World

SUBDOMAIN = "clearview-simulated"
FIELDS: tuple[tuple[str, str], ...] = (
    ("notice_period", "text"),
    ("desired_salary", "numeric"),
    ("clearview_score", "numeric"),
    ("clearview_status", "text"),
)


@dataclass(frozen=True, slots=True)
class HexIds:
    """Ids in hexadecimal that grow with creation, so that their order is that of the numbers."""

    base: int
    upper: bool = False

    def text(self, number: int) -> str:
        return format(self.base + number, "X" if self.upper else "x")

    def number(self, given: object) -> int | None:
        position = self.position(given)
        return position if position is not None and 0 < position < 1 << 24 else None

    def position(self, given: object) -> int | None:
        """The position of any hexadecimal id in this order, also of one that no record has."""
        text = str(given)
        if not 0 < len(text) <= 16 or set(text) - set("0123456789abcdefABCDEF"):
            return None
        return int(text, 16) - self.base


CANDIDATE_IDS = HexIds(0x2A1C000000)
JOB_IDS = HexIds(0x3B0000)
SHORTCODES = HexIds(0x9C4E000000, upper=True)
STAGE_NUMBERS = NumberIds(4_100_000)
STAGE_IDENTIFIERS = HexIds(0x5D0000)
REASON_IDS = HexIds(0x6E0000)
MEMBER_IDS = HexIds(0x7F0000)
NOTE_IDS = HexIds(0x810000)
ENTRY_IDS = HexIds(0x920000000)
FIELD_IDS = HexIds(0xA30000)


@dataclass(kw_only=True, eq=False)
class WorkableRows(VendorSimulator):
    """Encodes candidates. One record is a person's application to one job."""

    lists_show_withdrew: bool = False
    """Puts `withdrew` into list rows too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.origins: dict[int, int] = {}
        self.listed_rows = Rows(self.world, "application", self.listed_row)

    def listed_row(self, number: int) -> Row:
        """A candidate as lists show it: without tags, and usually without `withdrew`."""
        application, person, _, _ = self.world.parts_of(number)
        row = self._common(number)
        if self.lists_show_withdrew:
            row["withdrew"] = self._withdrew(application)
        if person.files:
            first = person.files[0]
            row["resume_metadata"] = {
                "filename": first.name,
                "filetype": first.name.rpartition(".")[2],
                "created_at": iso(person.created_ms),
                "updated_at": iso(person.created_ms),
            }
        return row

    def detail(self, application: Application) -> Row:
        """A candidate as read on its own; the link to the résumé ends after a while."""
        number, person = application.number, self.world.people[application.person]
        origin = self.origins.get(number)
        return self._common(number) | {
            "withdrew": self._withdrew(application),
            "outbound_mailbox": f"{number}@outbound.example.com",
            **empty("image_url", "uploader_id", "cover_letter", "summary"),
            "education_entries": [],
            "experience_entries": [],
            "skills": [],
            "answers": [
                {"question": {"body": name}, "answer": {"body": value}}
                for name, value in application.custom_fields.items()
            ],
            "resume_url": self.file_url(person.files[0].number) if person.files else None,
            "tags": list(person.tags),
            "location": _location(person),
            "originating_candidate_id": CANDIDATE_IDS.text(origin) if origin else None,
        }

    def _common(self, number: int) -> Row:
        application, person, job, stage = self.world.parts_of(number)
        key = CANDIDATE_IDS.text(number)
        return {
            "id": key,
            "name": person.full_name,
            "firstname": person.first_name,
            "lastname": person.last_name,
            "headline": person.title,
            "account": {"subdomain": SUBDOMAIN, "name": "ClearView simulated"},
            "job": {"shortcode": SHORTCODES.text(job.number), "title": job.name},
            "stage": stage.name,
            "stage_kind": stage.kind,
            "disqualified": application.state == "rejected",
            "anonymized": person.anonymised,
            "disqualification_reason": self._reason(application),
            "disqualified_at": iso(application.rejected_ms),
            "hired_at": iso(application.hired_ms),
            "moved_to_offer_at": self._offered(application),
            "sourced": self.world.stages[application.history[0].stage].kind == "sourced",
            "profile_url": f"https://{SUBDOMAIN}.example.com/backend/candidates/{key}",
            "address": person.address,
            "phone": person.phone,
            "email": person.email,
            "domain": None,
            "outlet": "SPI",
            "common_source": person.source,
            "common_source_category": "Other" if person.source else None,
            "created_at": iso(application.created_ms),
            "updated_at": iso(application.updated_ms),
        }

    def _reason(self, application: Application) -> str | None:
        reason = self.world.reasons.get(application.reason or 0)
        return reason.name if reason and application.state == "rejected" else None

    def _withdrew(self, application: Application) -> bool:
        return self.world.status_of(application) == "withdrawn"

    def _offered(self, application: Application) -> str | None:
        offers = [e for e in application.history if self.world.stages[e.stage].kind == "offer"]
        return iso(offers[-1].entered_ms) if offers else None


def slug_of(stage: Stage) -> str:
    """The slug by which writes name a stage; it stays when the stage is renamed."""
    return stage.slug or f"custom-{stage.order}"


def _location(person: Person) -> Row:
    others = ("country", "country_code", "region", "region_code", "zip_code")
    return {"location_str": person.address, "city": person.address, **empty(*others)}


def account_stages(world: World) -> list[Row]:
    """The account's stages: one for each slug, without the ids they have within a job."""
    by_slug = {slug_of(stage): stage for stage in reversed(world.stages.values())}
    ordered = sorted(by_slug.values(), key=lambda stage: stage.order)
    return [_stage(stage) for stage in ordered]


def job_stage_row(stage: Stage) -> Row:
    return {
        "id": STAGE_NUMBERS.of(stage.number),
        "identifier": STAGE_IDENTIFIERS.text(stage.number),
        **_stage(stage),
    }


def _stage(stage: Stage) -> Row:
    return {
        "slug": slug_of(stage),
        "name": stage.name,
        "kind": stage.kind,
        "position": stage.order,
    }


def job_row(job: Job) -> Row:
    """A job, named by its shortcode nearly everywhere."""
    shortcode = SHORTCODES.text(job.number)
    return {
        "id": JOB_IDS.text(job.number),
        "title": job.name,
        "full_title": job.name,
        "shortcode": shortcode,
        "code": "",
        "state": "published" if job.is_open else "closed",
        "sample": False,
        "confidential": False,
        "department": None,
        "department_hierarchy": [],
        "url": f"https://{SUBDOMAIN}.example.com/jobs/{job.number}",
        "shortlink": f"https://{SUBDOMAIN}.example.com/j/{shortcode}",
        "workplace_type": "on_site",
        "created_at": iso(job.created_ms),
        "updated_at": iso(job.updated_ms),
    }


def reason_row(reason: Reason) -> Row:
    """A reason for disqualifying, of the company or of the candidate."""
    return {
        "id": REASON_IDS.text(reason.number),
        "description": reason.name,
        "candidate_withdrew": reason.kind == "withdrawn",
        "position": reason.number - 1,
    }


def member_row(user: User) -> Row:
    """A member, in whose name writes can be made."""
    role = "admin" if user.is_admin else "simple"
    return {
        "id": MEMBER_IDS.text(user.number),
        "name": user.full_name,
        "headline": None,
        "email": user.email,
        "role": role,
        "type": "member",
        "roles": [role],
        "active": True,
        "collaboration_rules": [],
    }


def field_rows() -> list[Row]:
    """The custom attributes of the account."""
    return [
        {"id": FIELD_IDS.text(n), "type": kind, "enabled": True, "label": name, "hint": None}
        for n, (name, kind) in enumerate(FIELDS, start=1)
    ]


def field_named(key: object) -> str | None:
    """The custom attribute with this key or id."""
    number = FIELD_IDS.number(key)
    if number is not None and number <= len(FIELDS):
        return FIELDS[number - 1][0]
    return next((name for name, _ in FIELDS if name == key), None)


def activity_rows(world: World, application: Application) -> list[Row]:
    """The activities of a candidate; a move's action is the slug of where it went."""
    found: list[tuple[int, Row]] = []
    before: Stage | None = None
    for entry in application.history:
        stage = world.stages[entry.stage]
        action = "uploaded" if before is None else slug_of(stage)
        target = None if before is None else stage
        row = _activity(ENTRY_IDS.text(entry.number), action, before or stage, target)
        found.append((entry.entered_ms, row | _member(world, entry.user)))
        before = stage
    if application.rejected_ms is not None and before is not None:
        key = ENTRY_IDS.text(application.history[-1].number) + "d"
        found.append((application.rejected_ms, _activity(key, "disqualified", before, None)))
    notes = [note for note in world.notes if note.application == application.number]
    found += [(note.created_ms, _comment(world, note, before)) for note in notes]
    found.sort(key=lambda pair: pair[0])
    return [row | {"created_at": iso(at), "updated_at": iso(at)} for at, row in found]


def _comment(world: World, note: Note, stage: Stage | None) -> Row:
    row = _activity(NOTE_IDS.text(note.number), "comment", stage, None)
    return row | {"body": note.body} | _member(world, note.user)


def _activity(key: str, action: str, stage: Stage | None, target: Stage | None) -> Row:
    return {
        "id": key,
        "action": action,
        "stage_name": stage.name if stage else None,
        "action_stage": _named(stage),
        "target_stage": _named(target),
        "body": None,
    }


def _named(stage: Stage | None) -> Row | None:
    if stage is None:
        return None
    row = job_stage_row(stage)
    return {name: row[name] for name in ("id", "identifier", "name", "slug")}


def _member(world: World, number: int) -> Row:
    name = world.users[number].full_name
    return {"member": {"id": MEMBER_IDS.text(number), "name": name, "type": "member"}}
