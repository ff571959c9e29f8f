"""The steps of an import, which `daemon.jobs.import_poll` tells in order."""
