"""Signed webhook events, as each vendor's pages say that it sends them (read 2026-11-23)."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

SECRET = "key-1"
Sent = tuple[dict[str, str], bytes]
"""Headers and body."""


def hexed(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, "sha256").hexdigest()


def greenhouse(
    payload: Mapping[str, Any], secret: str = SECRET, sent: datetime | None = None
) -> Sent:
    body = json.dumps(payload).encode()
    number = hexed("id", body)[:12]
    return {"Signature": f"sha256 {hexed(secret, body)}", "Greenhouse-Event-ID": number}, body


def ashby(payload: Mapping[str, Any], secret: str = SECRET, sent: datetime | None = None) -> Sent:
    body = json.dumps(payload).encode()
    return {"Ashby-Signature": f"sha256={hexed(secret, body)}"}, body


def breezy(payload: Mapping[str, Any], secret: str = SECRET, sent: datetime | None = None) -> Sent:
    body = json.dumps(payload).encode()
    return {"X-Hook-Signature": hexed(secret, body)}, body


def workable(
    payload: Mapping[str, Any], secret: str = SECRET, sent: datetime | None = None
) -> Sent:
    body = json.dumps(payload).encode()
    return {"X-Workable-Signature": hexed(secret, body)}, body


def lever(payload: Mapping[str, Any], secret: str = SECRET, sent: datetime | None = None) -> Sent:
    at = int((sent or datetime.now(UTC)).timestamp() * 1000)
    token = hexed("token", json.dumps(payload).encode())[:16]
    proof = {"token": token, "triggeredAt": at, "signature": hexed(secret, f"{token}{at}".encode())}
    return {}, json.dumps({**payload, **proof}).encode()


def teamtailor(
    payload: Mapping[str, Any], secret: str = SECRET, sent: datetime | None = None
) -> Sent:
    body = json.dumps({"payload": payload, "signature": "of v1"}).encode()
    at = int((sent or datetime.now(UTC)).timestamp())
    text = f"t={at},v2={hexed(secret, f'{at}.'.encode() + body)}"
    return {"TT-Signature": base64.b64encode(text.encode()).decode()}, body


def smartrecruiters(
    payload: Mapping[str, Any], secret: str = SECRET, sent: datetime | None = None
) -> Sent:
    """During a rotation the header has a signature for each key."""
    body, at = json.dumps(payload).encode(), int((sent or datetime.now(UTC)).timestamp())
    number, link = hexed("id", body)[:12], "<https://api.smartrecruiters.com/x>; rel=self"
    name = "application.status.updated"
    message = f"{at}.".encode() + body + f".{number}.{name}.v201910.{link}".encode()
    return {
        "event-id": number,
        "event-name": name,
        "event-version": "v201910",
        "link": link,
        "smartrecruiters-timestamp": str(at),
        "smartrecruiters-signature": f"v1={hexed('old', message)};v1={hexed(secret, message)}",
    }, body


SIGN: dict[str, Callable[..., Sent]] = {
    "greenhouse": greenhouse,
    "ashby": ashby,
    "workable": workable,
    "lever": lever,
    "teamtailor": teamtailor,
    "smartrecruiters": smartrecruiters,
}


def payload_of(connector: str, candidate: str, application: str) -> dict[str, Any]:
    """An event about an application that moved."""
    match connector:
        case "greenhouse":
            ids = {"id": int(application), "candidate": {"id": int(candidate)}}
            return {"action": "candidate_stage_change", "payload": {"application": ids}}
        case "ashby":
            ids = {"id": application, "candidate": {"id": candidate}}
            return {"action": "candidateStageChange", "data": {"application": ids}}
        case "workable":
            return {"event_type": "candidate_moved", "data": {"id": candidate}}
        case "lever":
            ids = {"opportunityId": application, "contactId": candidate}
            return {"event": "candidateStageChange", "data": ids}
        case "teamtailor":
            data = {"id": application, "type": "job-applications"}
            return {"event_name": "job_application.update", "data": data}
        case "smartrecruiters":
            return {"job_id": application.partition(":")[2], "candidate_id": candidate}
    raise ValueError(connector)
