"""Simulated ATSs with the vendors' own rules: for the demo, conformance, benches and trying out."""

from connectors.simulator.faults import Fault
from connectors.simulator.registry import UnknownSimulator, create_simulator, names
from connectors.simulator.server import Simulator

__all__ = ["Fault", "Simulator", "UnknownSimulator", "create_simulator", "names"]
