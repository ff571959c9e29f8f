"""Look-ups in a simulated account, for the tests of every simulator."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from connectors.simulator import Simulator
from connectors.simulator.world import Application

Start = Callable[..., Awaitable[Simulator]]
"""Starts a simulator by its name, with the options of its account."""


class SimulatorClient(Protocol):
    """A plain client of one vendor's API."""

    @property
    def simulator(self) -> Simulator: ...


def rules(client: SimulatorClient) -> list[str]:
    """The rules that were broken so far."""
    return [violation.rule for violation in client.simulator.violations]


def one(client: SimulatorClient, state: str = "active") -> Application:
    """An application in that state."""
    known = client.simulator.world.applications.values()
    return next(application for application in known if application.state == state)
