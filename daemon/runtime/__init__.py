"""The process: lifecycle, supervision, scheduler, workers, log, metrics, clock."""
