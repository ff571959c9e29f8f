"""The part of a definition that says how the vendor's webhooks are signed and what they are about."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from config.values import ConfigModel, Duration, Filled, between, optional_key
from connectors.definition.paths import JmesPath


class Signature(ConfigModel):
    """Proves who sent a webhook."""

    kind: Literal["hmac_sha256"] = Field(description="HMAC-SHA256.", examples=["hmac_sha256"])
    secret: Filled = Field(
        description="The credential that is the key. During a rotation it has several, with blanks "
        "in between; each of them is accepted.",
        examples=["webhook_secret"],
    )
    header: Filled | None = optional_key("The header that has the signature.", "Signature")
    at: JmesPath | None = optional_key(
        "The path in the body that has it, instead of a header.", "signature"
    )
    format: Filled = optional_key(
        "How it is written there, with `{timestamp}` if the time of sending is there too.",
        "sha256={signature}",
        default="{signature}",
    )
    separator: Filled | None = optional_key(
        "What separates several signatures, of which one has to match.", ";"
    )
    encoding: Literal["hex", "base64"] = optional_key(
        "How the signature's bytes are written.", "hex", default="hex"
    )
    wrapped: Literal["base64"] | None = optional_key(
        "The header as a whole, in the given `format`, is written in base64.", "base64"
    )
    message: Filled = optional_key(
        "What is signed: `{body}` (the raw bytes), `{body.<key>}`, `{header.<name>}`, "
        "`{timestamp}`. A missing header counts as empty.",
        "{header.timestamp}.{body}",
        default="{body}",
    )


class Webhook(ConfigModel):
    """Events that the vendor sends by itself. Each is a hint: the record is read again at the ATS."""

    signature: Signature = Field(
        description="How an event is checked.", examples=[{"kind": "hmac_sha256"}]
    )
    event: JmesPath | None = optional_key("Where the event's name is.", "action")
    event_header: Filled | None = optional_key(
        "The header with the event's name, instead of `event`.", "event-name"
    )
    application_id: JmesPath | None = optional_key(
        "Where the application's id is, or several: records of lists that hold applications.",
        "payload.application.id",
    )
    candidate_id: JmesPath | None = optional_key(
        "Where the candidate's id is, or those of two that were merged: records of lists that "
        "hold candidates, or both.",
        "payload.candidate.id",
    )
    records: dict[Filled, JmesPath] = optional_key(
        "Where the id of a list's record is, for lists that the two above do not fit.",
        {"opportunities": "data.opportunityId"},
        make=dict,
    )
    event_id: JmesPath | None = optional_key(
        "Where the id of the event is; an event with an id that came before is ignored.", "token"
    )
    event_id_header: Filled | None = optional_key("The header that has it.", "Event-ID")
    timestamp: JmesPath | None = optional_key(
        "Where the time of sending is (seconds or milliseconds since 1970, or ISO 8601).",
        "triggeredAt",
    )
    timestamp_header: Filled | None = optional_key("The header that has it.", "timestamp")
    accepts: Annotated[Duration, between("1m", "24h")] = optional_key(
        "How far the time of sending may be from now. It counts only if it is signed.",
        "5m",
        default=timedelta(minutes=5),
    )
    answer: Literal[200, 201, 202, 204] = optional_key(
        "The status that the vendor takes as received.", 202, default=200
    )
    handshake: Filled | None = optional_key(
        "The header that the vendor sends when the address is registered, and expects back.",
        "X-Hook-Secret",
    )
    setup: Filled | None = optional_key(
        "Where the address is entered at the vendor, for `integrations webhook-url`.",
        "Configure, Dev Center, Web Hooks",
    )
