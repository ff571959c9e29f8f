"""The publishing of events: one relay for each sink, and the sinks."""
