"""Fields that used to have values and have none any more."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from connectors.values import ListFacts
from daemon.core.alert_texts import schema_drift
from daemon.core.conditions import AlertKind, alert_key
from daemon.importing.context import ImportContext

ENOUGH_RECORDS = 30
"""The number of mapped records that says something about any account; of a smaller one, half of it does."""
USUALLY = 0.5
"""A field that fewer records have may well be empty in all records that changed together."""
OF_AN_OUTCOME = frozenset(
    f"application.{n}" for n in ("rejected_at", "rejection_reason", "hired_at")
)
"""Fields that an application in progress never has: most accounts' archives are full of them, and what changes
between two polls is in progress."""
SURPRISING = 1e-3
"""Chance must be less likely than this before an alert is raised."""


def emptied_fields(
    before: Mapping[str, Any] | None, filled: Counter[str], mapped: int
) -> list[str]:
    """Returns usually filled fields that no record of the run had, beyond chance."""
    if before is None or mapped < min(ENOUGH_RECORDS, before["records"] / 2):
        return []
    records, emptied = before["records"], []
    for name, share in _usual(before).items():
        # How likely all of them lack the field, by Laplace's rule.
        chance = (1 - (share * records + 1) / (records + 2)) ** mapped
        if not filled[name] and chance < SURPRISING:
            emptied.append(name)
    return sorted(emptied)


def _usual(before: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: share
        for name, share in before["shares"].items()
        if share >= USUALLY and name not in OF_AN_OUTCOME
    }


def remembered(
    before: Mapping[str, Any] | None, filled: Counter[str], mapped: int
) -> Mapping[str, Any] | None:
    """Returns how often fields are filled, from the largest sample so far or one near it.

    What is empty now stays remembered as it was, until it is filled again.
    """
    if not mapped or (before is not None and mapped < before["records"] / 2):
        return before
    shares = {name: round(count / mapped, 2) for name, count in sorted(filled.items())}
    return {"records": mapped, "shares": {**(before["shares"] if before else {}), **shares}}


async def watch_fields(
    context: ImportContext, facts: ListFacts, filled: Counter[str], mapped: int
) -> None:
    """Raises an alert for emptied fields, and remembers which are filled now."""
    before = context.state.filled.get(facts.name)
    # What follows in the background is empty in every record of the list.
    absent = facts.dropped | (frozenset() if facts.detail is None else facts.detail.fields)
    if before is not None and absent:
        kept = {k: v for k, v in before["shares"].items() if k not in absent}
        before = {**before, "shares": kept}
    emptied = emptied_fields(before, filled, mapped)
    name = context.connector.integration
    if emptied:
        await context.ports.alerts.raise_condition(
            schema_drift(context.of, list_name=facts.name, fields=emptied)
        )
    elif before is not None and all(filled[name] for name in _usual(before)):
        await context.ports.alerts.resolve(alert_key(AlertKind.SCHEMA_DRIFT, name, facts.name))
    after = remembered(before, filled, mapped)
    if after is not None:
        context.state.filled[facts.name] = after
