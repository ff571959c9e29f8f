"""The parts of the status push: intake, repair, gate, turns."""
