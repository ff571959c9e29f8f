"""`analytics show` on real documents."""

import pytest

from daemon.store.connection import Mongo
from tests.support.command_line import CommandWorld
from tests.support.sample_rows import NOW, a_candidate, an_application

pytestmark = pytest.mark.mongo
INTEGRATIONS = "integrations: {acme: {connector: lever, credentials: {api_key: k}}}"


@pytest.fixture(autouse=True)
def _acme(world: CommandWorld) -> None:
    path = world.folder / "ats-sync.yaml"
    path.write_text(path.read_text().replace("integrations: {}", INTEGRATIONS))


async def seed(mongo: Mongo) -> None:
    ada = a_candidate("acme", "c1")
    await mongo.clearview.candidates.insert_one(ada)
    await mongo.clearview.applications.insert_one(
        an_application("acme", "a1", ada["_id"], applied_at=NOW)
    )


def test_the_metrics_of_a_period_are_shown_also_as_json(world: CommandWorld) -> None:
    world.store(seed)
    period = ("--from", "2026-11-23", "--to", "2026-11-24T00:00:00Z")

    shown = world.ats_sync("analytics", "show", "acme", *period)
    metrics = world.ats_sync("analytics", "show", "acme", *period, "--json").json
    assert shown.code == 0
    assert "acme, 2026-11-23T00:00:00.000Z to 2026-11-24T00:00:00.000Z" in shown.out
    assert "interview" in shown.out
    assert metrics["funnel"]["interview"] == 1
    assert metrics["period"]["from"] == "2026-11-23T00:00:00.000Z"


def test_without_a_period_it_is_the_last_whole_day(world: CommandWorld) -> None:
    period = world.ats_sync("analytics", "show", "acme", "--json").json["period"]

    assert period["from"].endswith("T00:00:00.000Z")
    assert period["to"].endswith("T00:00:00.000Z")


@pytest.mark.parametrize(
    "words",
    [
        ("acne",),
        ("acme", "--to", "2026-11-24"),
        ("acme", "--from", "2026-11-24", "--to", "2026-11-24"),
        ("acme", "--from", "soon"),
    ],
)
def test_wrong_usage_exits_with_2(world: CommandWorld, words: tuple[str, ...]) -> None:
    answer = world.ats_sync("analytics", "show", *words)

    assert answer.code == 2
    assert answer.err.strip()
