"""Alerts on real MongoDB: one open document per condition, under any number of reporters."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from daemon.core.alert_policy import AlertPolicy
from daemon.core.conditions import AlertKind, Condition
from daemon.store.alerts import AlertMutes, AlertStore
from daemon.store.connection import Mongo
from models.documents import Alert
from models.ids import integration_id
from tests.support.alerts import listed
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


def a_condition(integration: str | None = "acme", **changes: Any) -> Condition:
    usual = Condition(
        kind=AlertKind.AUTH_REFUSED,
        severity="error",
        title="Login refused",
        message="Renew the key.",
        integration=integration,
    )
    return replace(usual, **changes)


async def test_a_condition_seen_twice_is_one_document_that_counts(
    opened: Mongo, clock: MovingClock
) -> None:
    alerts = AlertStore(opened, clock)
    await alerts.raise_condition(a_condition())
    clock.advance(timedelta(minutes=5))
    await alerts.raise_condition(a_condition(message="Renew the key now."))

    (row,) = await listed(alerts)
    assert row["count"] == 2
    assert row["last_seen_at"] - row["opened_at"] == timedelta(minutes=5)
    assert row["message"] == "Renew the key now."
    assert row["key"] == "auth_refused:acme"


async def test_a_relapse_is_a_new_document(opened: Mongo, clock: MovingClock) -> None:
    alerts = AlertStore(opened, clock)
    for _ in range(2):
        await alerts.raise_condition(a_condition())
        await alerts.resolve("auth_refused:acme")
        clock.advance(timedelta(hours=1))

    assert await listed(alerts) == []
    assert [row["count"] for row in await listed(alerts, only_open=False)] == [1, 1]


async def test_resolving_what_is_not_open_changes_nothing(
    opened: Mongo, clock: MovingClock
) -> None:
    alerts = AlertStore(opened, clock)
    await alerts.raise_condition(a_condition("acme"))
    await alerts.resolve("auth_refused:other")

    assert len(await listed(alerts)) == 1


async def test_replicas_reporting_at_once_share_one_document(
    opened: Mongo, clock: MovingClock
) -> None:
    replicas = [AlertStore(opened, clock) for _ in range(20)]
    await asyncio.gather(*(replica.raise_condition(a_condition()) for replica in replicas))

    (row,) = await listed(replicas[0])
    assert row["count"] == 20


async def test_subjects_and_integrations_are_distinguished(
    opened: Mongo, clock: MovingClock
) -> None:
    alerts = AlertStore(opened, clock)
    for condition in (a_condition("a"), a_condition("b"), a_condition("a", subject="x")):
        await alerts.raise_condition(condition)

    keys = {row["key"] for row in await listed(alerts)}
    assert keys == {"auth_refused:a", "auth_refused:b", "auth_refused:a:x"}


async def test_an_integration_that_is_gone_leaves_nothing_open(
    opened: Mongo, clock: MovingClock
) -> None:
    alerts = AlertStore(opened, clock)
    await alerts.raise_condition(a_condition("gone"))
    await alerts.raise_condition(a_condition("gone", subject="x"))
    await alerts.raise_condition(a_condition("kept"))
    await alerts.raise_condition(a_condition(None, kind=AlertKind.STREAM_POSITION_LOST))
    await alerts.resolve_all_but(["kept"])

    assert {row["integration"] for row in await listed(alerts)} == {"kept", None}


async def test_the_stored_document_is_what_the_model_says(
    opened: Mongo, clock: MovingClock
) -> None:
    alerts = AlertStore(opened, clock, AlertPolicy(group_window=timedelta(seconds=3)))
    await alerts.raise_condition(a_condition(details={"status": 401}))

    (row,) = await listed(alerts)
    alert = Alert.model_validate(row)
    assert alert.times_seen == 1
    assert alert.details == {"status": 401}
    assert alert.next_message_at == clock.now() + timedelta(seconds=3)


async def test_a_resolution_while_the_message_was_planned_stays_due(
    opened: Mongo, clock: MovingClock
) -> None:
    alerts = AlertStore(opened, clock)
    await alerts.raise_condition(a_condition())
    clock.advance(timedelta(minutes=1))
    (seen,) = await alerts.due(clock.now())
    await alerts.resolve(seen.key)
    await alerts.mark_planned(seen, now=clock.now(), silent=False)

    (again,) = await alerts.due(clock.now())
    assert again.phase == "resolved"


async def test_a_mute_outlives_a_relapse(opened: Mongo, clock: MovingClock) -> None:
    alerts, mutes = AlertStore(opened, clock), AlertMutes(opened, clock)
    await alerts.raise_condition(a_condition())
    until = clock.now() + timedelta(days=1)
    muted = await mutes.mute("auth_refused:acme", until)
    await alerts.resolve("auth_refused:acme")
    await alerts.raise_condition(a_condition())

    (row,) = await listed(alerts)
    assert muted == 1
    assert row["muted_until"] == until


async def test_the_latest_word_about_a_mute_counts_and_a_wider_one_goes_on(
    opened: Mongo, clock: MovingClock
) -> None:
    alerts, mutes = AlertStore(opened, clock), AlertMutes(opened, clock)
    await alerts.raise_condition(a_condition())
    shown = []
    for what, hours in (("auth_refused", 9), ("auth_refused", 2), ("acme", 1), ("other", 7)):
        await mutes.mute(what, clock.now() + timedelta(hours=hours))
        (row,) = await listed(alerts)
        shown.append((row["muted_until"] - clock.now()) / timedelta(hours=1))
    await mutes.unmute("auth_refused")
    (row,) = await listed(alerts)
    shown.append((row["muted_until"] - clock.now()) / timedelta(hours=1))
    clock.advance(timedelta(hours=2))
    in_force = [mute.what for mute in await mutes.in_force()]

    assert shown == [9, 2, 2, 2, 1]
    assert in_force == ["other"]


async def test_a_mute_is_of_whole_names_only(opened: Mongo, clock: MovingClock) -> None:
    alerts, mutes = AlertStore(opened, clock), AlertMutes(opened, clock)
    await mutes.mute("acme", clock.now() + timedelta(hours=1))
    await mutes.mute("auth_refused:be", clock.now() + timedelta(hours=1))
    for name in ("acme-2", "beta", "acme"):
        await alerts.raise_condition(a_condition(name))

    muted = {row["integration"] for row in await listed(alerts) if row["muted_until"]}
    assert muted == {"acme"}


async def test_an_alert_about_rows_is_over_once_none_of_them_is_left(
    opened: Mongo, unrestricted: Mongo, clock: MovingClock
) -> None:
    alerts = AlertStore(opened, clock)
    record = {"ats_integration_id": integration_id("acme"), "state": "dead"}
    conflict = {"ats_integration_id": integration_id("acme"), "state": "open"}
    for kind in (AlertKind.DEAD_LETTERS, AlertKind.CONFLICTS_OPEN, AlertKind.AUTH_REFUSED):
        await alerts.raise_condition(a_condition(kind=kind, integration_id=integration_id("acme")))
    own = unrestricted.own
    rows = (own.failed_records, record), (own.conflicts, conflict)
    for collection, row in rows:
        await collection.insert_one(dict(row), bypass_document_validation=True)
    await alerts.resolve_expired()
    before = {row["kind"] for row in await listed(alerts)}
    left = []
    for collection, _ in rows:
        await collection.delete_many({})
        await alerts.resolve_expired()
        left.append({row["kind"] for row in await listed(alerts)})

    assert before == {"dead_letters", "conflicts_open", "auth_refused"}
    assert left == [{"conflicts_open", "auth_refused"}, {"auth_refused"}]


async def test_what_is_reported_again_meanwhile_stays_open(
    opened: Mongo, clock: MovingClock
) -> None:
    alerts = AlertStore(opened, clock)
    await alerts.raise_condition(a_condition())
    (seen,) = await listed(alerts)
    clock.advance(timedelta(seconds=1))
    await alerts.raise_condition(a_condition())
    await alerts.resolve_unless_seen_since(seen)

    assert len(await listed(alerts)) == 1
