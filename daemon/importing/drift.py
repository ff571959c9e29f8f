"""Fields that used to have values and have none any more."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from connectors.base import ListFacts
from daemon.core.alert_texts import schema_drift
from daemon.importing.context import ImportContext
from daemon.ports.alerts import AlertKind, alert_key

ENOUGH_RECORDS = 30
"""Fewer mapped records than this say nothing about a field."""
USUALLY = 0.5
"""A field that fewer records have may well be empty in all records that changed together."""


def emptied_fields(usual: Mapping[str, float], filled: Counter[str], mapped: int) -> list[str]:
    """Usually filled fields that no record of the run had."""
    if mapped < ENOUGH_RECORDS:
        return []
    return sorted(name for name, share in usual.items() if share >= USUALLY and not filled[name])


def remembered(
    before: Mapping[str, Any] | None, filled: Counter[str], mapped: int
) -> Mapping[str, Any] | None:
    """How often fields are filled, from the largest sample so far or one that comes near it.

    What is empty now stays remembered as it was, until it is filled again.
    """
    if mapped < ENOUGH_RECORDS or (before is not None and mapped < before["records"] / 2):
        return before
    shares = {name: round(count / mapped, 2) for name, count in sorted(filled.items())}
    return {"records": mapped, "shares": {**(before["shares"] if before else {}), **shares}}


async def watch_fields(
    context: ImportContext, facts: ListFacts, filled: Counter[str], mapped: int
) -> None:
    """Compare with what used to be filled, tell people, and remember what is filled now."""
    before = context.state.filled.get(facts.name)
    emptied = emptied_fields(before["shares"] if before else {}, filled, mapped)
    name = context.connector.integration
    if emptied:
        await context.ports.alerts.raise_condition(
            schema_drift(context.of, list_name=facts.name, fields=emptied)
        )
    elif mapped >= ENOUGH_RECORDS:
        await context.ports.alerts.resolve(alert_key(AlertKind.SCHEMA_DRIFT, name, facts.name))
    after = remembered(before, filled, mapped)
    if after is not None:
        context.state.filled[facts.name] = after
