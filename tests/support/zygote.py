"""Orders to the process whose children are killed (`tests.support.victim`)."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.support.victim_worlds import Scenario

Kill = tuple[str, int]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Edits:
    """External ids of applications whose status, and of candidates whose title was changed."""

    moved: Sequence[str] = ()
    titled: Sequence[str] = ()


@dataclass(slots=True)
class Zygote:
    """Forks one child per order, on one pair of databases."""

    process: subprocess.Popen[str]
    where: dict[str, str]

    def order(self, do: str, scenario: Scenario, **more: Any) -> dict[str, Any]:
        order = {**self.where, "do": do, "scenario": asdict(scenario), **more}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        if not answer["killed"] and answer["status"] != 0:
            raise AssertionError(f"{do} of {scenario.name} failed, status {answer['status']}")
        return answer

    def act(self, scenario: Scenario, kill: Kill | None = None) -> dict[str, int] | None:
        """How many moments of each kind there were; None if it was killed."""
        answer: dict[str, int] | None = self.order("act", scenario, kill=kill)["answer"]
        return answer

    def edit(self, scenario: Scenario) -> Edits:
        """What the recruiter really changed."""
        return Edits(**self.order("edit", scenario)["answer"])

    def finish(self, scenario: Scenario, kill: Kill | None = None) -> dict[str, Any] | None:
        """The final state; None if the restart was killed too."""
        answer: dict[str, Any] | None = self.order("finish", scenario, kill=kill)["answer"]
        return answer


@contextmanager
def fork_server(uri: str, name: str) -> Iterator[Zygote]:
    """A zygote with its databases made; it ends with the block."""
    where = {"uri": uri, "database": f"own_{name}", "clearview": f"cv_{name}"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.victim"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        ready = Zygote(process, where)
        ready.order("prepare", Scenario("split", "initial"))
        yield ready
        assert process.stdin is not None
        process.stdin.close()
