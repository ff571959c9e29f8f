"""One account per vendor for every behaviour, and the table of behaviours and vendors at the end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from connectors.connector import Connector
from connectors.definition import find_definitions
from connectors.simulator import Simulator, create_simulator
from connectors.simulator import names as simulated
from tests.support.ats import connect
from tests.support.foreign import servers

VENDORS = simulated()
COLUMNS = sorted({*find_definitions(), *servers()})
OPERATORS: dict[str, dict[str, Any]] = {
    # This vendor's API says which statuses end an application, and not who turned whom down.
    "bamboohr": {"statuses": {"withdrawn": ["Withdrew", "Withdrew: accepted another offer"]}}
}
Account = Callable[..., Awaitable[tuple[Simulator, Connector]]]
RESULTS = pytest.StashKey[dict[tuple[str, str], str]]()
MARKS = {"passed": "ok", "failed": "FAIL", "skipped": "waived"}


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def account(vendor: str) -> AsyncIterator[Account]:
    open_ones: list[tuple[Simulator, Connector]] = []

    async def opened(
        *, operator: dict[str, Any] | None = None, **options: Any
    ) -> tuple[Simulator, Connector]:
        options = {"candidates": 130, "unlimited": True, "seed": 3, **options}
        simulator = create_simulator(vendor, **options)
        await simulator.start()
        connector = connect(simulator, **{**OPERATORS.get(vendor, {}), **(operator or {})})
        await connector.open()
        open_ones.append((simulator, connector))
        return simulator, connector

    yield opened
    for simulator, connector in open_ones:
        await connector.close()
        await simulator.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    outcome = yield
    report = outcome.get_result()
    params = getattr(getattr(item, "callspec", None), "params", {})
    vendor_name = params.get("vendor")
    if vendor_name is None or (report.when != "call" and report.passed):
        return
    results = item.config.stash.setdefault(RESULTS, {})
    behaviour = item.originalname if isinstance(item, pytest.Function) else item.name
    case = item.callspec.id.removeprefix(vendor_name).removesuffix(vendor_name).strip("-")  # type: ignore[attr-defined]  # it has params
    words = behaviour.removeprefix("test_").replace("_", " ")
    key = (f"{words}: {case}" if case else words, vendor_name)
    results[key] = MARKS[report.outcome]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    results = config.stash.get(RESULTS, {})
    if not results:
        return
    behaviours = sorted({behaviour for behaviour, _ in results})
    width = max(map(len, behaviours))
    terminalreporter.section("conformance")
    heads = " ".join(f"{name[:9]:>9}" for name in COLUMNS)
    terminalreporter.write_line(f"{'':{width}} {heads}")
    for behaviour in behaviours:
        cells = " ".join(f"{results.get((behaviour, name), '-'):>9}" for name in COLUMNS)
        terminalreporter.write_line(f"{behaviour:{width}} {cells}")
