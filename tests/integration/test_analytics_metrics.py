"""MongoDB's metrics are those of a slow and obvious computation, whatever the history."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from daemon.store.analytics import MongoMetrics
from daemon.store.connection import Mongo, open_mongo
from tests.support.hiring_history import (
    PERIOD,
    History,
    expected_metrics,
    histories,
    write_history,
)

pytestmark = pytest.mark.mongo


@contextmanager
def databases(uri: str) -> Iterator[tuple[asyncio.Runner, Mongo]]:
    """Two prepared databases for many examples, each of which is an integration of its own."""
    name = uuid4().hex[:8]
    with asyncio.Runner() as runner:
        mongo = runner.run(
            open_mongo(uri, database=f"own_{name}", clearview_database=f"clearview_{name}")
        )
        try:
            yield runner, mongo
        finally:
            runner.run(mongo.client.drop_database(mongo.database))
            runner.run(mongo.client.drop_database(mongo.clearview_database))
            runner.run(mongo.close())


def test_metrics_equal_the_obvious_computation(mongo_uri: str) -> None:
    with databases(mongo_uri) as (runner, mongo):

        @settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
        @given(history=histories())
        def check(history: History) -> None:
            integration, other = uuid4(), uuid4()
            runner.run(write_history(mongo, integration, history))
            # Small chunks, so that every bridge between the databases is crossed more than once.
            metrics = runner.run(MongoMetrics(mongo, chunk=2).metrics(integration, PERIOD))

            assert metrics == expected_metrics(history, PERIOD)
            assert_empty(runner, mongo, other)

        check()


def assert_empty(runner: asyncio.Runner, mongo: Mongo, integration: UUID) -> None:
    """Another integration sees nothing of it."""
    metrics = runner.run(MongoMetrics(mongo).metrics(integration, PERIOD))
    assert metrics == expected_metrics(History([], []), PERIOD)
