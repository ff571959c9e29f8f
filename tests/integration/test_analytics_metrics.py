"""MongoDB's metrics are those of a slow and obvious computation, whatever the history."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from connectors.simulator.clearview_openapi import document
from daemon.store.analytics_pipelines import spread
from daemon.store.connection import Mongo
from daemon.store.hiring_metrics import MongoMetrics
from daemon.store.opening import open_mongo
from tests.support.hiring_history import (
    DAY,
    PERIOD,
    Application,
    History,
    Move,
    expected_metrics,
    histories,
    median,
    p90,
    write_history,
)
from tests.support.mongo import MongoServer, TestMongo, fresh_databases

pytestmark = pytest.mark.mongo


@contextmanager
def databases(server: MongoServer) -> Iterator[tuple[asyncio.Runner, Mongo]]:
    """Two prepared databases for many examples, each of which is an integration of its own."""
    with asyncio.Runner() as runner:
        made = fresh_databases(server, uuid4().hex[:8])
        mine = runner.run(made.__aenter__())
        mongo = runner.run(
            open_mongo(mine.uri, database=mine.database, clearview_database=mine.clearview)
        )
        try:
            yield runner, mongo
        finally:
            runner.run(mongo.close())
            runner.run(made.__aexit__(None, None, None))


def test_metrics_equal_the_obvious_computation(mongo_server: MongoServer) -> None:
    contract = Draft202012Validator(document()["components"]["schemas"]["Metrics"])
    with databases(mongo_server) as (runner, mongo):

        @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
        @given(history=histories())
        def check(history: History) -> None:
            integration, other = uuid4(), uuid4()
            runner.run(write_history(mongo, integration, history))
            # Small chunks, so that every bridge between the databases is crossed more than once.
            metrics = runner.run(MongoMetrics(mongo, chunk=2).metrics(integration, PERIOD))

            assert metrics == expected_metrics(history, PERIOD)
            contract.validate(metrics)
            assert_empty(runner, mongo, other)

        check()


def assert_empty(runner: asyncio.Runner, mongo: Mongo, integration: UUID) -> None:
    """Another integration sees nothing of it."""
    metrics = runner.run(MongoMetrics(mongo).metrics(integration, PERIOD))
    assert metrics == expected_metrics(History([], []), PERIOD)


async def test_percentiles_are_exact_for_every_small_count(mongo: TestMongo) -> None:
    order = random.Random(7)
    for count in range(1, 32):
        values = [float(n * n) for n in range(count)]
        rows = [{"ms": value} for value in values] + [{"ms": None}]
        order.shuffle(rows)
        pipeline = [{"$documents": rows}, *spread({"$literal": "all"})]
        (row,) = await (await mongo.db.aggregate(pipeline)).to_list()

        assert row["count"] == count + 1
        assert row["timed"] == count
        assert row["median"] == median(values)
        assert row["p90"] == p90(values)


def test_moves_at_the_same_instant_are_ordered_by_id(mongo_server: MongoServer) -> None:
    at = PERIOD.start + DAY
    moves = [
        Move(at, "new", "screening", UUID(int=1)),
        Move(at, "screening", "offer", UUID(int=2)),
    ]
    history = History([Application(PERIOD.start, "offer", moves)], [])
    with databases(mongo_server) as (runner, mongo):
        integration = uuid4()
        runner.run(write_history(mongo, integration, history))
        metrics = runner.run(MongoMetrics(mongo).metrics(integration, PERIOD))

    hours = {row["from"]: row["median_hours"] for row in metrics["transitions"]}
    assert hours == {"new": 24.0, "screening": 0.0}


def test_a_worked_example_gives_the_numbers_in_the_handbook(mongo_server: MongoServer) -> None:
    """The example of daemon/jobs/README.md: five applications, four days."""
    with databases(mongo_server) as (runner, mongo):
        integration = uuid4()
        runner.run(write_history(mongo, integration, handbook_example()))
        metrics = runner.run(MongoMetrics(mongo).metrics(integration, PERIOD))

    assert {s: n for s, n in metrics["funnel"].items() if n} == {
        "screening": 1,
        "interview": 1,
        "hired": 1,
        "rejected": 1,
    }
    assert [
        (t["from"], t["to"], t["count"], t["median_hours"], t["p90_hours"])
        for t in metrics["transitions"]
    ] == [
        ("new", "screening", 3, 24.0, 48.0),
        ("screening", "interview", 1, 24.0, 24.0),
        ("screening", "rejected", 1, 36.0, 36.0),
        ("offer", "hired", 1, 72.0, 72.0),
    ]
    assert metrics["conversion_rates"] == {
        "new": {"left": 3, "advanced": 3, "rate": 1.0},
        "screening": {"left": 2, "advanced": 1, "rate": 0.5},
        "offer": {"left": 1, "advanced": 1, "rate": 1.0},
    }
    assert metrics["time_to_hire"] == {"count": 1, "median_days": 12.0, "p90_days": 12.0}
    assert metrics["sources"] == [
        {"source": "Job board", "applied": 2, "hired": 0},
        {"source": "Referral", "applied": 1, "hired": 1},
    ]
    assert metrics["jobs"] == [
        {"external_id": "j1", "name": "Job j1", "open": 2, "applied": 2, "hired": 0},
        {"external_id": "j2", "name": "Job j2", "open": 0, "applied": 1, "hired": 1},
    ]


def handbook_example() -> History:
    """A is hired, B is rejected, C and D are on their way; E applies when the period is over."""
    day = [PERIOD.start + n * DAY for n in range(-10, 6)]

    def on(number: float) -> datetime:
        return day[10] + (number - 1) * DAY

    return History(
        [
            Application(
                day[0],
                "hired",
                [Move(day[9], "interview", "offer"), Move(on(3), "offer", "hired")],
                source="Referral",
                job="j2",
            ),
            Application(
                on(1),
                "rejected",
                [Move(on(2), "new", "screening"), Move(on(3.5), "screening", "rejected")],
                source="Job board",
                job="j2",
            ),
            Application(
                on(1),
                "offer",
                [
                    Move(on(2), "new", "screening"),
                    Move(on(3), "screening", "interview"),
                    Move(on(5), "interview", "offer"),
                ],
                source="Job board",
                job="j1",
            ),
            Application(
                on(2), "screening", [Move(on(4), "new", "screening")], source="Referral", job="j1"
            ),
            Application(on(5), "new", [], source="Referral", job="j1"),
        ],
        [],
    )
