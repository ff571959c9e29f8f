"""Signed webhook events of the simulated vendors, and of one that has no simulator."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.simulator.webhook_events import SIGNERS, Sent, hex_digest
from connectors.simulator.webhook_events import payload_of as simulated_payload

SECRET = "key-1"


def breezy(payload: Mapping[str, Any], secret: str = SECRET, sent: datetime | None = None) -> Sent:
    body = json.dumps(payload).encode()
    return {"X-Hook-Signature": hex_digest(secret, body)}, body


def _signer(name: str) -> Callable[..., Sent]:
    def sign(
        payload: Mapping[str, Any], secret: str = SECRET, sent: datetime | None = None
    ) -> Sent:
        return SIGNERS[name](payload, secret, sent or datetime.now(UTC))

    return sign


SIGN: dict[str, Callable[..., Sent]] = {name: _signer(name) for name in SIGNERS}
greenhouse, ashby, workable = SIGN["greenhouse"], SIGN["ashby"], SIGN["workable"]
lever, teamtailor, smartrecruiters = SIGN["lever"], SIGN["teamtailor"], SIGN["smartrecruiters"]


def payload_of(connector: str, candidate: str, application: str) -> dict[str, Any]:
    """An event about an application that moved."""
    found = simulated_payload(connector, candidate, application)
    assert found is not None
    return found
