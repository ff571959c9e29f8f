"""The parts of the status push: intake, reconciliation, admission, attempts."""
