"""The composition root: the only folder that names stores, connectors and jobs together."""
