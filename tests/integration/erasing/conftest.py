"""An imported account of which everything is stored, and what erases people from it."""

import pytest

from daemon.store.connection import Mongo
from tests.support.canary import CanaryConnector, an_ats, fill
from tests.support.erasing import Erasing, erasing
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock


@pytest.fixture
async def bench(opened: Mongo) -> ImportBench:
    bench = ImportBench(opened, CanaryConnector(an_ats()), MovingClock())
    bench.ruled(max_percent=100.0)
    await fill(bench)
    return bench


@pytest.fixture
def its(bench: ImportBench) -> Erasing:
    return erasing(bench.mongo, bench.clock)
