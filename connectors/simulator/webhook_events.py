"""Signed webhook events, as each vendor's pages say that it sends them (read 2026-11-23).

A second reading of those pages, independent of the definitions that check the signatures.
"""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Sent = tuple[dict[str, str], bytes]
"""Headers and body."""
Signer = Callable[[Mapping[str, Any], str, datetime], Sent]
"""Signs a payload with a key, as if it was sent at that moment."""


def hex_digest(secret: str, message: bytes) -> str:
    """The HMAC-SHA256 of a message."""
    return hmac.new(secret.encode(), message, "sha256").hexdigest()


def greenhouse(payload: Mapping[str, Any], secret: str, _sent: datetime) -> Sent:
    body = json.dumps(payload).encode()
    number = hex_digest("id", body)[:12]
    return {"Signature": f"sha256 {hex_digest(secret, body)}", "Greenhouse-Event-ID": number}, body


def in_header(name: str, prefix: str = "") -> Signer:
    """Returns a signer that puts the signature of the body into a header."""

    def sign(payload: Mapping[str, Any], secret: str, _sent: datetime) -> Sent:
        body = json.dumps(payload).encode()
        return {name: prefix + hex_digest(secret, body)}, body

    return sign


def lever(payload: Mapping[str, Any], secret: str, sent: datetime) -> Sent:
    at = int(sent.timestamp() * 1000)
    token = hex_digest("token", json.dumps(payload).encode())[:16]
    proof = {
        "token": token,
        "triggeredAt": at,
        "signature": hex_digest(secret, f"{token}{at}".encode()),
    }
    return {}, json.dumps({**payload, **proof}).encode()


def teamtailor(payload: Mapping[str, Any], secret: str, sent: datetime) -> Sent:
    body = json.dumps({"payload": payload, "signature": "of v1"}).encode()
    at = int(sent.timestamp())
    text = f"t={at},v2={hex_digest(secret, f'{at}.'.encode() + body)}"
    return {"TT-Signature": base64.b64encode(text.encode()).decode()}, body


def smartrecruiters(payload: Mapping[str, Any], secret: str, sent: datetime) -> Sent:
    """During a rotation the header has a signature for each key."""
    body, at = json.dumps(payload).encode(), int(sent.timestamp())
    number, link = hex_digest("id", body)[:12], "<https://api.smartrecruiters.com/x>; rel=self"
    name = "application.status.updated"
    message = f"{at}.".encode() + body + f".{number}.{name}.v201910.{link}".encode()
    return {
        "event-id": number,
        "event-name": name,
        "event-version": "v201910",
        "link": link,
        "smartrecruiters-timestamp": str(at),
        "smartrecruiters-signature": f"v1={hex_digest('old', message)};v1={hex_digest(secret, message)}",
    }, body


SIGNERS: Mapping[str, Signer] = {
    "greenhouse": greenhouse,
    "ashby": in_header("Ashby-Signature", "sha256="),
    "workable": in_header("X-Workable-Signature"),
    "lever": lever,
    "teamtailor": teamtailor,
    "smartrecruiters": smartrecruiters,
}


def payload_of(
    vendor: str, candidate: str, application: str | None, *, deleted: bool = False
) -> dict[str, Any] | None:
    """The content of an event about an application, or a candidate; None if the vendor sends none."""
    if application is None:
        return _of_candidate(vendor, candidate, deleted=deleted)
    found: dict[str, Any] | None = None
    match vendor:
        case "greenhouse":
            ids = {"id": int(application), "candidate": {"id": int(candidate)}}
            name = "delete_application" if deleted else "candidate_stage_change"
            found = {"action": name, "payload": {"application": ids}}
        case "ashby" if not deleted:
            data = {"application": {"id": application, "candidate": {"id": candidate}}}
            found = {"action": "candidateStageChange", "data": data}
        case "workable":
            name = "candidate_deleted" if deleted else "candidate_moved"
            found = {"event_type": name, "data": {"id": candidate}}
        case "lever":
            keys = {"opportunityId": application, "contactId": candidate}
            name = "candidateDeleted" if deleted else "candidateStageChange"
            found = {"event": name, "data": keys}
        case "teamtailor":
            name = f"job_application.{'destroy' if deleted else 'update'}"
            found = {"event_name": name, "data": {"id": application, "type": "job-applications"}}
        case "smartrecruiters":
            found = {"job_id": application.partition(":")[2], "candidate_id": candidate}
    return found


def _of_candidate(vendor: str, candidate: str, *, deleted: bool) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    match vendor:
        case "greenhouse" if deleted:
            found = {"action": "delete_candidate", "payload": {"person": {"id": int(candidate)}}}
        case "greenhouse":
            ids = {"id": int(candidate)}
            found = {"action": "update_candidate", "payload": {"candidate": ids}}
        case "ashby" if deleted:
            found = {"action": "candidateDelete", "data": {"candidate": {"id": candidate}}}
        case "workable" if deleted:
            found = {"event_type": "candidate_deleted", "data": {"id": candidate}}
        case "teamtailor":
            name = f"candidate.{'destroy' if deleted else 'update'}"
            found = {"event_name": name, "data": {"id": candidate, "type": "candidates"}}
        case "smartrecruiters":
            found = {"id": candidate}
    return found
