"""Builds a seeded world: the same (seed, size, blueprint) always gives the same account."""

import gc
from dataclasses import replace
from random import Random
from typing import TypeVar

from connectors.simulator import words
from connectors.simulator.clock import SimClock
from connectors.simulator.world import (
    Application,
    Blueprint,
    Contact,
    File,
    Job,
    Person,
    Reason,
    Stage,
    StageEntry,
    StageTemplate,
    User,
    World,
)

ANCHOR_MS = 1_790_812_800_000
"""2026-10-01: no generated timestamp is later, so that a world never lies in the future."""
DAY_MS = 86_400_000
HISTORY_DAYS = 720
T = TypeVar("T")


def build_world(blueprint: Blueprint, *, size: int, seed: int, clock: SimClock) -> World:
    """An account with `size` candidates and their jobs, stages, users and applications."""
    world = World(blueprint=blueprint, clock=clock)
    draw = Draw(seed)
    _add_setup(world, size, draw)
    was_enabled = gc.isenabled()
    gc.disable()  # nothing of what is built is garbage, and a full pass over it costs seconds
    try:
        step = HISTORY_DAYS * DAY_MS // max(size, 1)
        for index in range(size):
            created = ANCHOR_MS - (size - index) * step
            person = new_person(world, draw, created_ms=created)
            _add_applications(world, person, draw)
    finally:
        if was_enabled:
            gc.enable()
    return world


class Draw:
    """Quick seeded choices."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def one(self, of: "tuple[T, ...] | list[T]") -> T:
        return of[int(self._random() * len(of))]

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, the limit."""
        return int(self._random() * limit)

    def chance(self, share: float) -> bool:
        return self._random() < share


def new_person(world: World, draw: Draw, *, created_ms: int) -> Person:
    """A person made up from the word lists, added to the world."""
    world.last_person += 1
    number = world.last_person
    first, last = draw.one(words.FIRST_NAMES), draw.one(words.LAST_NAMES)
    updated = created_ms + draw.below(min(30 * DAY_MS, max(1, ANCHOR_MS - created_ms)))
    person = Person(
        number=number,
        first_name=first,
        last_name=last,
        emails=_emails(first, last, number, draw),
        phones=[Contact(f"+1-555-01{number % 100:02d}-{number:06d}", "mobile")],
        addresses=[Contact(draw.one(words.CITIES), "home")],
        links=_links(number, draw),
        company=draw.one(words.COMPANIES) if draw.chance(0.8) else None,
        title=draw.one(words.TITLES) if draw.chance(0.9) else None,
        tags=[draw.one(words.TAGS)] if draw.chance(0.4) else [],
        source=draw.one(words.SOURCES),
        custom_fields={"notice_period": draw.one(words.NOTICE)},
        files=_files(world, draw),
        created_ms=created_ms,
        updated_ms=None if draw.chance(world.blueprint.without_updated_at) else updated,
    )
    world.people[number] = person
    return person


def new_application(
    world: World, person: Person, job: Job, *, stage: Stage, created_ms: int, user: int
) -> Application:
    """An active application in the given stage, added to the world and to the person."""
    world.last_application += 1
    application = Application(
        number=world.last_application,
        person=person.number,
        job=job.number,
        stage=stage.number,
        state="active",
        reason=None,
        source=person.source,
        custom_fields={},
        history=[],
        created_ms=created_ms,
        updated_ms=created_ms,
        activity_ms=created_ms,
    )
    enter_stage(world, application, stage.number, at_ms=created_ms, user=user)
    world.applications[application.number] = application
    person.applications.append(application.number)
    return application


def enter_stage(
    world: World, application: Application, stage: int, *, at_ms: int, user: int
) -> None:
    """Close the stay in the present stage and begin one in the given stage."""
    world.last_entry += 1
    history = application.history
    if history:
        history[-1] = history[-1]._replace(exited_ms=at_ms)
    history.append(StageEntry(world.last_entry, stage, at_ms, None, user))
    application.stage = stage


def _emails(first: str, last: str, number: int, draw: Draw) -> list[Contact]:
    name = f"{first}.{last}.{number}".replace("'", "").lower()
    ascii_name = name.encode("ascii", "ignore").decode()
    found = [Contact(f"{ascii_name}@example.com", "personal")]
    if draw.chance(0.2):
        found.append(Contact(f"{ascii_name}@example.org", "work"))
    return found


def _links(number: int, draw: Draw) -> list[Contact]:
    return [Contact(f"https://example.net/p/{number}", "website")] if draw.chance(0.3) else []


def _files(world: World, draw: Draw) -> list[File]:
    if not draw.chance(0.5):
        return []
    world.last_file += 1
    return [File(world.last_file, f"cv-{world.last_file}.pdf", "resume")]


def _add_setup(world: World, size: int, draw: Draw) -> None:
    world.sources = list(words.SOURCES)
    world.tags = list(words.TAGS)
    for number, (name, kind) in enumerate(words.REASONS, start=1):
        world.reasons[number] = Reason(number, name, kind)
    for number in range(1, 7):
        first, last = draw.one(words.FIRST_NAMES), draw.one(words.LAST_NAMES)
        email = f"user{number}@example.com"
        world.users[number] = User(number, first, last, email, is_admin=number <= 2)
    _add_jobs(world, max(4, min(200, size // 100)), draw)


def _add_jobs(world: World, count: int, draw: Draw) -> None:
    templates = _templates(world.blueprint)
    shared = None if world.blueprint.per_job else _add_stages(world, templates, job=None)
    for number in range(1, count + 1):
        created = ANCHOR_MS - (HISTORY_DAYS + 30) * DAY_MS + number * DAY_MS
        name = f"{draw.one(words.TITLES)} ({draw.one(words.TEAMS)}) #{number}"
        stages = shared or _add_stages(world, templates, job=number)
        openings = [number * 10 + extra for extra in range(2 if number % 4 == 0 else 1)]
        is_open = number % 10 != 9
        world.jobs[number] = Job(number, name, is_open, stages, created, created, openings)


def _templates(blueprint: Blueprint) -> tuple[StageTemplate, ...]:
    """The usual stages, with so many oddly named ones before the last."""
    odd = tuple(
        replace(
            blueprint.stages[-1],
            name=name,
            status="reviewing",
            slug="",
            kind=blueprint.unknown_kind,
        )
        for name in words.UNKNOWN_STAGES[: blueprint.unknown_stages]
    )
    return (*blueprint.stages[:1], *odd, *blueprint.stages[1:])


def _add_stages(
    world: World, templates: tuple[StageTemplate, ...], *, job: int | None
) -> list[int]:
    numbers = []
    for order, template in enumerate(templates):
        number = len(world.stages) + 1
        name, status = template.name, template.status
        world.stages[number] = Stage(number, job, order, name, status, template.kind, template.slug)
        numbers.append(number)
    return numbers


def _add_applications(world: World, person: Person, draw: Draw) -> None:
    jobs = len(world.jobs)
    first = draw.below(jobs)
    count = 2 if draw.chance(world.blueprint.several_applications) else 1
    for extra in range(count):
        job = world.jobs[(first + extra) % jobs + 1]
        _live_through(world, person, job, draw)


def _live_through(world: World, person: Person, job: Job, draw: Draw) -> None:
    """One application with a past: some stages entered, perhaps an end."""
    stages = world.open_stages(job.number)
    at = person.created_ms
    user = 1 + draw.below(len(world.users))
    application = new_application(world, person, job, stage=stages[0], created_ms=at, user=user)
    for stage in stages[1 : 1 + draw.below(len(stages))]:
        at = _later(at, draw)
        enter_stage(world, application, stage.number, at_ms=at, user=user)
    ended = draw.chance(0.35)
    if ended:
        at = _later(at, draw)
    hired = ended and draw.chance(0.15)
    reason = 1 + draw.below(len(world.reasons))
    if hired:
        close_as_hired(world, application, at_ms=at)
    elif ended:
        close_as_rejected(world, application, reason, at_ms=at)
    application.activity_ms = at
    application.updated_ms = (
        None if draw.chance(world.blueprint.without_updated_at) else application.activity_ms
    )


def _later(at_ms: int, draw: Draw) -> int:
    return min(at_ms + 1 + draw.below(5 * DAY_MS), ANCHOR_MS)


def close_as_hired(world: World, application: Application, *, at_ms: int, user: int = 1) -> None:
    """Hires the applicant, and enters the stage of the hired, if the vendor has one."""
    application.state, application.reason = "hired", None
    application.hired_ms, application.rejected_ms = at_ms, None
    _enter_closing_stage(world, application, world.blueprint.hired_kind, at_ms=at_ms, user=user)


def close_as_rejected(
    world: World, application: Application, reason: int, *, at_ms: int, user: int = 1
) -> None:
    """Turns the applicant down, and enters the stage of the archived, if the vendor has one."""
    if application.state != "rejected":
        application.rejected_ms = at_ms
    application.state, application.reason = "rejected", reason
    application.hired_ms = None
    _enter_closing_stage(world, application, world.blueprint.rejected_kind, at_ms=at_ms, user=user)


def _enter_closing_stage(
    world: World, application: Application, kind: str | None, *, at_ms: int, user: int
) -> None:
    stage = next((s for s in world.stages_of(application.job) if s.kind == kind), None)
    if stage is not None and stage.number != application.stage:
        enter_stage(world, application, stage.number, at_ms=at_ms, user=user)
