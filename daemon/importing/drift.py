"""Fields that used to have values and have none any more."""

from collections import Counter

from connectors.base import ListFacts
from daemon.core.alert_texts import schema_drift
from daemon.importing.context import ImportContext
from daemon.ports.alerts import AlertKind, alert_key

ENOUGH_RECORDS = 20
"""Fewer mapped records than this say nothing about a field."""


def emptied_fields(usual: list[str], filled: Counter[str], mapped: int) -> list[str]:
    """Usually filled fields that no record of the run had."""
    if mapped < ENOUGH_RECORDS:
        return []
    return [name for name in usual if not filled[name]]


async def watch_fields(
    context: ImportContext, facts: ListFacts, filled: Counter[str], mapped: int
) -> None:
    """Compare with what used to be filled, tell people, and remember what is filled now."""
    usual = context.state.filled.get(facts.name, [])
    emptied = emptied_fields(usual, filled, mapped)
    name = context.connector.integration
    if emptied:
        await context.ports.alerts.raise_condition(
            schema_drift(context.of, list_name=facts.name, fields=emptied)
        )
    elif mapped >= ENOUGH_RECORDS:
        await context.ports.alerts.resolve(alert_key(AlertKind.SCHEMA_DRIFT, name, facts.name))
    if mapped >= ENOUGH_RECORDS:
        context.state.filled[facts.name] = sorted({*usual, *filled})
