"""The filters of Lever's opportunities; times are inclusive epoch milliseconds."""

from collections.abc import Callable

from connectors.simulator import lever_rows as rows
from connectors.simulator.messages import Call, Refusal, integer
from connectors.simulator.vendor import Keep as KeepOf
from connectors.simulator.vendor import every, within
from connectors.simulator.world import Application, World

TIMES = ("created_at", "updated_at", "advanced_at", "archived_at")
CHOICES = ("stage_id", "posting_id", "contact_id", "tag", "email", "source", "archive_reason_id")
FILTERS = frozenset(
    {f"{name}_{end}" for name in TIMES for end in ("start", "end")}
    | {*CHOICES, "archived", "confidentiality"}
)
Keep = KeepOf[Application]


def listing_filter(world: World, call: Call) -> Keep:
    """Returns the test for opportunities of the requested listing."""
    tests = [*_time_filters(call), *_choice_filters(world, call)]
    return every(tests)


def _time_filters(call: Call) -> list[Keep]:
    return [_between(name, *bounds(call, name)) for name in TIMES if _bounded(call, name)]


def _choice_filters(world: World, call: Call) -> list[Keep]:
    tests = [_choice(world, name, call.query[name]) for name in CHOICES if name in call.query]
    if "archived" in call.query:
        wanted = call.query["archived"] == "true"
        tests.append(lambda a: (a.state != "active") == wanted)
    if call.query.get("confidentiality", "non-confidential") == "non-confidential":
        tests.append(lambda a: not world.people[a.person].private)
    return tests


def _choice(world: World, name: str, value: str) -> Keep:
    people = world.people
    tests: dict[str, Keep] = {
        "stage_id": lambda a: rows.stage_id(world.stages[a.stage]) == value,
        "posting_id": lambda a: rows.POSTING_IDS.of(a.job) == value,
        "contact_id": lambda a: rows.CONTACT_IDS.of(a.person) == value,
        "tag": lambda a: value in people[a.person].tags,
        "email": lambda a: any(e.value == value for e in people[a.person].emails),
        "source": lambda a: a.source == value,
        "archive_reason_id": lambda a: rows.archived(a)[0] == value,
    }
    return tests[name]


def _bounded(call: Call, name: str) -> bool:
    return f"{name}_start" in call.query or f"{name}_end" in call.query


def bounds(call: Call, name: str) -> tuple[int, int]:
    """Both ends are inclusive epoch milliseconds."""
    found = []
    for end, default in (("start", 0), ("end", 1 << 60)):
        text = call.query.get(f"{name}_{end}", str(default))
        value = integer(text, low=0, high=1 << 60)
        if value is None or (0 < value < 100_000_000_000):
            raise Refusal(400, f"{name}_{end} must be epoch ms", rule="time_not_epoch_ms")
        found.append(value)
    return found[0], found[1]


def _between(name: str, low: int, high: int) -> Keep:
    moments: dict[str, Callable[[Application], int | None]] = {
        "created_at": lambda a: a.created_ms,
        "updated_at": lambda a: a.updated_ms,
        "advanced_at": lambda a: a.history[-1].entered_ms,
        "archived_at": lambda a: rows.archived(a)[1],
    }
    return within(moments[name], low, high)
