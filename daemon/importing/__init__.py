"""The steps of an import; `daemon.jobs.import_poll` has their order."""
