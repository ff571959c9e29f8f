"""What records are looked up in may change while they stay as they are; a digest shows it."""

from typing import Any

import pytest

from connectors.definition.paths import names_after_joins
from connectors.simulator import create_simulator
from tests.support.ats import connect

LISTS = {"greenhouse": "applications", "lever": "opportunities"}


@pytest.mark.parametrize("vendor", sorted(LISTS))
async def test_the_digest_changes_with_a_stage_that_is_renamed_and_not_by_itself(
    vendor: str,
) -> None:
    simulator = create_simulator(vendor, candidates=5, unlimited=True)
    await simulator.start()
    connector = connect(simulator)
    await connector.open()
    try:
        before = await connector.prepare_mapping(LISTS[vendor])
        same = await connector.prepare_mapping(LISTS[vendor])
        stage = simulator.world.stages_of(next(iter(simulator.world.jobs)))[1]
        simulator.actions.rename_stage(stage, "Called otherwise")
        renamed = await connector.prepare_mapping(LISTS[vendor])
    finally:
        await connector.close()
        await simulator.stop()

    assert before == same != renamed
    assert before


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["id", "stage.name"], {}),
        (["joined.stage.name", "joined.stage.id || id"], {"stage": {"name", "id"}}),
        (["a && joined.reason.type == 'x' && joined.reason.text"], {"reason": {"type", "text"}}),
        (["joined.stage.name", "joined.stage"], {"stage": None}),
        (["joined.files[].url"], {"files": None}),
        (["[joined.a.b, joined.c.d.e]"], {"a": {"b"}, "c": {"d"}}),
    ],
)
def test_what_paths_read_of_joined_records_is_known_by_name(
    paths: list[str], expected: dict[str, Any]
) -> None:
    assert names_after_joins(paths) == expected
