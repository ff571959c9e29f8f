"""The parts that every connector is made of, also one that a package brings in Python."""

import msgspec

from config.operator import Integration
from connectors.clock import ConnectorClock
from connectors.definition.load import Definition
from connectors.http.client import AtsHttp
from connectors.http.requests import ConnectorSettings, RequestBuilder
from connectors.http.transport import Transport


class Parts(msgspec.Struct, frozen=True):
    """One integration's definition and settings, and the connection to its ATS."""

    name: str
    """The integration's name."""
    definition: Definition
    operator: Integration
    """The integration as the operator configured it."""
    settings: ConnectorSettings
    requests: RequestBuilder
    http: AtsHttp
    transport: Transport
    clock: ConnectorClock
