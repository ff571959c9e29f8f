"""A list that only adds to a record may be closed to the credential."""

import pytest

from connectors.errors import Forbidden
from connectors.simulator import Fault, create_simulator
from connectors.values import Mapped, Window
from tests.support.ats import connect


@pytest.mark.parametrize("status", [403, 404])
async def test_records_come_without_what_an_optional_list_would_add(status: int) -> None:
    simulator = create_simulator("greenhouse", candidates=5, unlimited=True)
    await simulator.start()
    simulator.faults.add(Fault("error", status=status, name="attachments", count=None))
    connector = connect(simulator)
    await connector.open()
    try:
        await connector.prepare_mapping("candidates")
        pages = [page async for page in connector.pages("candidates", Window())]
        mapped = await connector.map_records("candidates", pages[0].records)
    finally:
        await connector.close()
        await simulator.stop()

    assert len(mapped) == 5
    assert all(isinstance(one, Mapped) and one.candidate for one in mapped)
    found = [one.candidate for one in mapped if isinstance(one, Mapped) and one.candidate]
    assert not any(candidate["attachments"] for candidate in found)


async def test_stages_are_not_optional_a_status_is_never_guessed() -> None:
    simulator = create_simulator("greenhouse", candidates=5, unlimited=True)
    await simulator.start()
    simulator.faults.add(Fault("error", status=403, name="job_interview_stages", count=None))
    connector = connect(simulator)
    await connector.open()
    try:
        with pytest.raises(Forbidden):
            await connector.prepare_mapping("applications")
    finally:
        await connector.close()
        await simulator.stop()
