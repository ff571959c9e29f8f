"""kill -9 at seeded moments of an import, of webhook events or of details: afterwards no trace of it is left.

A moment is a command about to be sent to MongoDB, one just acknowledged, or a page just read. A
third of the restarts are killed as well. `FAULT_POINTS=all` visits every single moment.
"""

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from models.ids import application_id, integration_id
from tests.support.child_worlds import RECRUITER, TITLE, Phase, Scenario, Shape
from tests.support.fork_server import Edits, ForkServer, Kill, running_fork_server
from tests.support.killing import EVERY_POINT

pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

POINTS = 4
SEED = 20261124
SHAPES: tuple[Shape, ...] = ("split", "joined", "nested")
PHASES: tuple[Phase, ...] = ("initial", "poll", "sweep", "gone", "webhooks", "details")
EDITED: tuple[Phase, ...] = ("sweep", "webhooks", "details")
SCENARIOS = [
    *(Scenario(shape, phase) for shape in SHAPES for phase in PHASES),
    *(Scenario(shape, phase, recruiter=True) for shape in SHAPES for phase in EDITED),
]

State = Mapping[str, Any]


@pytest.fixture(scope="module")
def server(mongo_uri: str) -> Iterator[ForkServer]:
    with running_fork_server(mongo_uri, uuid.uuid4().hex[:12]) as ready:
        yield ready


@dataclass(frozen=True, slots=True)
class Restarted:
    """What was found when the work was done at last."""

    state: State
    edits: Edits
    """What a recruiter did between kill and restart."""
    where: str


def points(moments: Mapping[str, int], chance: random.Random) -> list[Kill]:
    every = [(kind, n) for kind, count in moments.items() for n in range(1, count + 1)]
    return every if EVERY_POINT else chance.sample(every, min(POINTS, len(every)))


def kill_and_restart(
    server: ForkServer, scenario: Scenario, kill: Kill, chance: random.Random
) -> Restarted:
    again = ("before", chance.randint(1, 60)) if chance.random() < 1 / 3 else None
    where = f"{scenario.name}, killed at {kill}, then at {again}"
    assert server.act(scenario, kill) is None, f"{where}: it lived"
    edits = server.edit(scenario) if scenario.recruiter else Edits()
    state = server.finish(scenario, again) or server.finish(scenario)
    assert state is not None
    return Restarted(state, edits, where)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_killed_import_ends_as_one_that_never_was(scenario: Scenario, server: ForkServer) -> None:
    chance = random.Random(f"{SEED} {scenario.name}")
    moments, expected = server.act(scenario), server.finish(scenario)
    assert moments is not None
    assert expected is not None
    chosen = points(moments, chance)

    for kill in chosen:
        found = kill_and_restart(server, scenario, kill, chance)

        assert found.state["twice"] == [], found.where
        assert _unexpected(found.state["drift"], found.edits.moved) == [], found.where
        _compare(found, expected)
        _no_edit_is_lost(found)

    print(f"{scenario.name}: {len(chosen)} of {sum(moments.values())} moments")


def _compare(found: Restarted, expected: State) -> None:
    for name in expected.keys() - {"conflicts", "drift", "twice"}:
        seen, wanted = (_without(found.edits, name, s[name]) for s in (found.state, expected))
        assert seen == wanted, f"{found.where}: {name}"
    if not found.edits.moved:
        assert found.state["conflicts"] == expected["conflicts"], found.where


def _without(edits: Edits, name: str, rows: Sequence[State]) -> list[State]:
    """What a recruiter changed is judged by itself."""
    edited = {"candidates": ("title", edits.titled), "applications": ("status", edits.moved)}
    field, among = edited.get(name, ("", ()))
    return [
        {k: v for k, v in row.items() if k != field or row["external_id"] not in among}
        for row in rows
    ]


def _unexpected(drift: Sequence[Sequence[str]], edited: Sequence[str]) -> list[Sequence[str]]:
    """Drift beyond the statuses that a recruiter set, which no one pushes here."""
    return [item for item in drift if not (item[1] in edited and item[2] == "status")]


def _no_edit_is_lost(found: Restarted) -> None:
    """ClearView still holds it (differing from the snapshot is work to do), or the conflict that it
    lost is on record.
    """
    held = {row["external_id"]: row["status"] for row in found.state["applications"]}
    known = {
        application["external_id"]: application["status"]
        for row in found.state["candidate_snapshots"]
        for application in row["applications"]
    }
    for edited in found.edits.moved:
        wanted = RECRUITER[edited]
        kept = held[edited] == wanted
        assert kept or _is_recorded(found.state, edited, wanted), f"{found.where}: {edited}"
        assert kept or held[edited] == known[edited], f"{found.where}: {edited}"
    titles = {row["external_id"]: row["title"] for row in found.state["candidates"]}
    assert {titles[edited] for edited in found.edits.titled} <= {TITLE}, found.where


def _is_recorded(state: State, external_id: str, wanted: str) -> bool:
    identity = application_id(integration_id("acme"), external_id).hex
    return any(row[0] == identity and row[3] == wanted for row in state["conflicts"])
