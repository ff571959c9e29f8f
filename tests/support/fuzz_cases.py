"""Counts the cases that Hypothesis generates, by target: the pytest plugin of `make fuzz`."""

from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import settings
from hypothesis.statistics import collector
from hypothesis.utils.dynamicvariables import DynamicVariable

NIGHTLY = 2_000
"""The examples of the profile `nightly`."""
_PHASES = ("reuse-phase", "generate-phase", "shrink-phase")
_COUNTED = frozenset({"valid", "interesting"})
"""Cases that the test has run; others were drawn and thrown away."""
_PROPERTY = "fuzz"


def examples(nightly: int, otherwise: int | None = None) -> int:
    """Returns how many cases a test is to generate: many in a night, fewer while someone waits."""
    usual = settings().max_examples
    return nightly if usual >= NIGHTLY else otherwise or usual


@dataclass(slots=True)
class Counted:
    """What was generated for one target."""

    tests: int = 0
    cases: int = 0
    failed: int = 0


@dataclass(slots=True, eq=False)
class FuzzTable:
    """Gathers the counts of all processes, prints them, and fails a session with too few cases."""

    least: int
    targets: defaultdict[str, Counted] = field(default_factory=lambda: defaultdict(Counted))

    @property
    def cases(self) -> int:
        return sum(each.cases for each in self.targets.values())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, list | tuple):
                counted = self.targets[str(value[0])]
                counted.tests += 1
                counted.cases += int(value[1])
                counted.failed += report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        is_worker = hasattr(session.config, "workerinput")
        if session.exitstatus == pytest.ExitCode.OK and self.cases < self.least and not is_worker:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        terminalreporter.section("generated cases")
        write(f"{'target':24} {'tests':>6} {'cases':>9} {'failed tests':>13}")
        for name, each in sorted(self.targets.items()):
            write(f"{name:24} {each.tests:6} {each.cases:9,} {each.failed:13}")
        short = (
            f", fewer than the {self.least:,} that are wanted" if self.cases < self.least else ""
        )
        write(f"{'in sum':24} {'':6} {self.cases:9,}{short}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--least-cases", type=int, default=0, help="fail if fewer were generated")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(FuzzTable(config.getoption("--least-cases")))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Notes what the test generated in its report, which also comes from another process."""
    cases = 0

    def count(statistics: dict[str, dict[str, list[dict[str, object]]]]) -> None:
        nonlocal cases
        for phase in _PHASES:
            for case in statistics.get(phase, {}).get("test-cases", ()):
                cases += case["status"] in _COUNTED

    try:
        with cast("DynamicVariable[object]", collector).with_value(count):
            return (yield)
    finally:
        marker = item.get_closest_marker("fuzz")
        if marker is not None and cases:
            item.user_properties.append((_PROPERTY, [marker.args[0], cases]))
