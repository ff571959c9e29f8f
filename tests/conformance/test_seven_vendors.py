"""What single vendors demand beyond the behaviours that all share."""

import pytest

from connectors.base import Connector
from connectors.simulator import Simulator
from tests.conformance.conftest import Account
from tests.conformance.test_reading import assert_equal_to_truth
from tests.support.ats import Imported


def only(vendor_name: str) -> pytest.MarkDecorator:
    """The behaviour is this vendor's own."""
    return pytest.mark.parametrize("vendor", [vendor_name], indirect=True)


async def imported(simulator: Simulator, connector: Connector) -> Imported:
    """Everything, equal to the truth."""
    found = Imported()
    await found.walk(connector, full=True)
    assert_equal_to_truth(simulator, connector, found)
    return found


@only("teamtailor")
async def test_records_made_in_one_instant_are_all_there(account: Account) -> None:
    simulator, connector = await account()
    for record in (*simulator.world.people.values(), *simulator.world.applications.values()):
        record.created_ms = 1_790_000_000_000

    await imported(simulator, connector)
