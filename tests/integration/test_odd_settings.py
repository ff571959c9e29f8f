"""A settings document of an odd shape is one integration's, and stops no other."""

from typing import Any

import pytest

from daemon.core.integrations import ConfiguredIntegration
from daemon.runtime.clock import SystemClock
from daemon.runtime.integration_state_cache import IntegrationStateCache
from daemon.store.connection import Mongo
from daemon.store.integrations import MongoIntegrations

pytestmark = pytest.mark.mongo


def configured(name: str) -> ConfiguredIntegration:
    return ConfiguredIntegration(
        name, "Tiny", "tiny", "https://tiny.example", None, {}, enabled=True
    )


@pytest.mark.parametrize(
    ("change", "active"),
    [
        ({"$unset": {"state": 1}}, True),
        ({"$set": {"state": 7}}, True),
        ({"$set": {"state": None}}, True),
        ({"$set": {"request": "sweep"}}, True),
        ({"$set": {"request": ["sweep"]}}, True),
        ({"$unset": {"name": 1}}, False),
        ({"$set": {"name": {"first": "b"}}}, False),
    ],
    ids=repr,
)
async def test_the_states_of_all_others_are_read(
    opened: Mongo, unrestricted: Mongo, change: dict[str, Any], active: bool
) -> None:
    integrations = MongoIntegrations(opened, SystemClock())
    await integrations.configure([configured("a"), configured("b")])
    await unrestricted.own.ats_integration_settings.update_one(
        {"name": "b"}, change, bypass_document_validation=True
    )
    states = IntegrationStateCache(integrations)
    await states.refresh()

    assert states.is_active("a")
    assert states.is_active("b") is active


async def test_a_request_that_was_stored_without_an_id_is_carried_out_once(opened: Mongo) -> None:
    integrations = MongoIntegrations(opened, SystemClock())
    await integrations.configure([configured("a")])
    await opened.own.ats_integration_settings.update_one(
        {"name": "a"}, {"$set": {"request": {"sweep": True}}}
    )
    asked = (await integrations.states())["a"].request
    await integrations.answered("a", None)
    left = (await integrations.states())["a"].request

    assert asked == {"sweep": True}
    assert left is None
