"""Commands to the process whose children are killed (`tests.support.child_process`)."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.support.child_worlds import Scenario

Kill = tuple[str, int]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Edits:
    """External ids of applications whose status, and of candidates whose title was changed."""

    moved: Sequence[str] = ()
    titled: Sequence[str] = ()


@dataclass(slots=True)
class ForkServer:
    """Forks one child per command, on one pair of databases."""

    process: subprocess.Popen[str]
    where: dict[str, str]

    def send(self, do: str, scenario: Scenario, **more: Any) -> dict[str, Any]:
        command = {**self.where, "do": do, "scenario": asdict(scenario), **more}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        if not answer["killed"] and answer["status"] != 0:
            raise AssertionError(f"{do} of {scenario.name} failed, status {answer['status']}")
        return answer

    def act(self, scenario: Scenario, kill: Kill | None = None) -> dict[str, int] | None:
        """How many moments of each kind there were; None if it was killed."""
        answer: dict[str, int] | None = self.send("act", scenario, kill=kill)["answer"]
        return answer

    def edit(self, scenario: Scenario) -> Edits:
        """What the recruiter really changed."""
        return Edits(**self.send("edit", scenario)["answer"])

    def finish(self, scenario: Scenario, kill: Kill | None = None) -> dict[str, Any] | None:
        """The final state; None if the restart was killed too."""
        answer: dict[str, Any] | None = self.send("finish", scenario, kill=kill)["answer"]
        return answer


@contextmanager
def running_fork_server(uri: str, name: str) -> Iterator[ForkServer]:
    """Starts a server with its databases prepared, and stops it at the end of the block."""
    where = {"uri": uri, "database": f"own_{name}", "clearview": f"cv_{name}"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.child_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        ready = ForkServer(process, where)
        ready.send("prepare", Scenario("split", "initial"))
        yield ready
        assert process.stdin is not None
        process.stdin.close()
