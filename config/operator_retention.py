"""Periods for which the service keeps what it has recorded."""

from datetime import timedelta
from typing import Annotated

from config.values import ConfigModel, Duration, between, optional_key

Period = Annotated[Duration, between("1d", "3650d")]


class Retention(ConfigModel):
    """Periods for which rows are kept. MongoDB deletes older ones by TTL indexes, at most a minute late."""

    logs: Period = optional_key(
        "The logs of imports, status updates and exports, the audit log, resolved "
        "conflicts and alerts, and messages that were delivered or given up.",
        "400d",
        default=timedelta(days=400),
    )
    runs: Period = optional_key("Runs of jobs (`sync_runs`).", "30d", default=timedelta(days=30))
    history: Period = optional_key(
        "Field changes (`candidate_changes`). Analytics are counted from them: a period "
        "that is exported later than this counts too little.",
        "400d",
        default=timedelta(days=400),
    )
    outbox: Annotated[Duration, between("7d", "3650d")] = optional_key(
        "Pushes that have ended, dead letters among them. A change that is read again "
        "from the stream must find its push here.",
        "90d",
        default=timedelta(days=90),
    )
    webhooks: Period = optional_key("Events that an ATS sent.", "7d", default=timedelta(days=7))
    deleted_candidates: Annotated[Duration, between("1h", "3650d")] = optional_key(
        "Candidates that are marked deleted, since the ATS no longer has them: after "
        "this time they are erased everywhere.",
        "30d",
        default=timedelta(days=30),
    )
