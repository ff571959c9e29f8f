"""The composition root: nothing else names stores, connectors and jobs together."""
