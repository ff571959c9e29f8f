"""Periods for which the service keeps what it has recorded."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from config.values import ConfigModel, Duration, between

Period = Annotated[Duration, between("1d", "3650d")]


class Retention(ConfigModel):
    """Periods for which rows are kept. MongoDB deletes older ones by TTL indexes, at most a minute late."""

    logs: Period = Field(
        default=timedelta(days=400),
        description="The logs of imports, status updates and exports, the audit log, resolved "
        "conflicts and alerts, and messages that were delivered or given up.",
        examples=["400d"],
    )
    runs: Period = Field(
        default=timedelta(days=30),
        description="Runs of jobs (`sync_runs`).",
        examples=["30d"],
    )
    history: Period = Field(
        default=timedelta(days=400),
        description="Field changes (`candidate_changes`). Analytics are counted from them: a period "
        "that is exported later than this counts too little.",
        examples=["400d"],
    )
    outbox: Annotated[Duration, between("7d", "3650d")] = Field(
        default=timedelta(days=90),
        description="Pushes that have ended, dead letters among them. A change that is read again "
        "from the stream must find its push here.",
        examples=["90d"],
    )
    webhooks: Period = Field(
        default=timedelta(days=7),
        description="Events that an ATS sent.",
        examples=["7d"],
    )
    deleted_candidates: Annotated[Duration, between("1h", "3650d")] = Field(
        default=timedelta(days=30),
        description="Candidates that are marked deleted, since the ATS no longer has them: after "
        "this time they are erased everywhere.",
        examples=["30d"],
    )
