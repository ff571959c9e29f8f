"""Finds the simulators: each module of this folder that exposes `SIMULATOR` is one ATS."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

from connectors.simulator.server import Simulator

_DECLARATION = re.compile(r"^SIMULATOR\b", re.MULTILINE)
HERE = Path(__file__).parent


class UnknownSimulator(LookupError):
    """No ATS of that name can be simulated."""


def names() -> list[str]:
    # The text is read: importing every vendor to list their names would be slow.
    return sorted(path.stem for path in HERE.glob("*.py") if _DECLARATION.search(path.read_text()))


def create_simulator(
    name: str, *, candidates: int = 2000, seed: int = 1, **options: Any
) -> Simulator:
    """A simulator of that ATS with its world built; `start` makes it listen.

    Raises:
        UnknownSimulator: no ATS of that name can be simulated; the message says which there are.
        TypeError: the ATS has no such option.
    """
    if name not in names():
        raise UnknownSimulator(f"no simulator is called {name!r}; there are: {', '.join(names())}")
    found = import_module(f"connectors.simulator.{name}").SIMULATOR
    if not (isinstance(found, type) and issubclass(found, Simulator)):
        raise UnknownSimulator(f"{name}.SIMULATOR is no Simulator")
    return found(candidates=candidates, seed=seed, **options)
