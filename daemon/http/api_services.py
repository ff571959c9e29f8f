"""The services that the routes of the API call."""

from collections.abc import Awaitable, Callable

import msgspec

from daemon.erasing.requests import PersonRequests
from daemon.ports.clock import Clock
from daemon.ports.integrations import StoredIntegrationStore
from daemon.runtime.integration_admin import IntegrationAdmin
from daemon.store.alerts import AlertMutes
from daemon.store.candidate_history import MongoCandidateHistory
from daemon.store.integrations import MongoIntegrations
from daemon.store.outbox_admin import MongoOutboxAdmin
from daemon.store.overview import Overview


class ApiServices(msgspec.Struct, frozen=True):
    """The services that the API calls."""

    overview: Overview
    integrations: MongoIntegrations
    outbox: MongoOutboxAdmin
    mutes: AlertMutes
    history: MongoCandidateHistory
    people: PersonRequests
    stored: StoredIntegrationStore
    admin: IntegrationAdmin
    purge: Callable[[str], Awaitable[int]]
    """Deletes what is known of a removed integration; returns the number of documents.

    Raises:
        UserError: someone still works on it.
    """
    clock: Clock
