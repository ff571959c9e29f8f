"""The part of a definition that says how the vendor's webhooks are signed and what they are about."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from config.values import ConfigModel, Duration, Filled, between
from connectors.definition.paths import JmesPath


class Signature(ConfigModel):
    """Proves who sent a webhook."""

    kind: Literal["hmac_sha256"] = Field(description="HMAC-SHA256.", examples=["hmac_sha256"])
    secret: Filled = Field(
        description="The credential that is the key. During a rotation it has several, with blanks "
        "in between; each of them is accepted.",
        examples=["webhook_secret"],
    )
    header: Filled | None = Field(
        default=None, description="The header that has the signature.", examples=["Signature"]
    )
    at: JmesPath | None = Field(
        default=None,
        description="The path in the body that has it, instead of a header.",
        examples=["signature"],
    )
    format: Filled = Field(
        default="{signature}",
        description="How it is written there, with `{timestamp}` if the time of sending is there too.",
        examples=["sha256={signature}"],
    )
    separator: Filled | None = Field(
        default=None,
        description="What separates several signatures, of which one has to match.",
        examples=[";"],
    )
    encoding: Literal["hex", "base64"] = Field(
        default="hex", description="How the signature's bytes are written.", examples=["hex"]
    )
    wrapped: Literal["base64"] | None = Field(
        default=None,
        description="The header as a whole, in the given `format`, is written in base64.",
        examples=["base64"],
    )
    message: Filled = Field(
        default="{body}",
        description="What is signed: `{body}` (the raw bytes), `{body.<key>}`, `{header.<name>}`, "
        "`{timestamp}`. A missing header counts as empty.",
        examples=["{header.timestamp}.{body}"],
    )


class Webhook(ConfigModel):
    """Events that the vendor sends by itself. Each is a hint: the record is read again at the ATS."""

    signature: Signature = Field(
        description="How an event is checked.", examples=[{"kind": "hmac_sha256"}]
    )
    event: JmesPath | None = Field(
        default=None, description="Where the event's name is.", examples=["action"]
    )
    event_header: Filled | None = Field(
        default=None,
        description="The header with the event's name, instead of `event`.",
        examples=["event-name"],
    )
    application_id: JmesPath | None = Field(
        default=None,
        description="Where the application's id is, or several: records of lists that hold applications.",
        examples=["payload.application.id"],
    )
    candidate_id: JmesPath | None = Field(
        default=None,
        description="Where the candidate's id is, or those of two that were merged: records of lists that "
        "hold candidates, or both.",
        examples=["payload.candidate.id"],
    )
    records: dict[Filled, JmesPath] = Field(
        default_factory=dict,
        description="Where the id of a list's record is, for lists that the two above do not fit.",
        examples=[{"opportunities": "data.opportunityId"}],
    )
    event_id: JmesPath | None = Field(
        default=None,
        description="Where the id of the event is; an event with an id that came before is ignored.",
        examples=["token"],
    )
    event_id_header: Filled | None = Field(
        default=None, description="The header that has it.", examples=["Event-ID"]
    )
    timestamp: JmesPath | None = Field(
        default=None,
        description="Where the time of sending is (seconds or milliseconds since 1970, or ISO 8601).",
        examples=["triggeredAt"],
    )
    timestamp_header: Filled | None = Field(
        default=None, description="The header that has it.", examples=["timestamp"]
    )
    accepts: Annotated[Duration, between("1m", "24h")] = Field(
        default=timedelta(minutes=5),
        description="How far the time of sending may be from now. It counts only if it is signed.",
        examples=["5m"],
    )
    answer: Literal[200, 201, 202, 204] = Field(
        default=200,
        description="The status that the vendor takes as received.",
        examples=[202],
    )
    handshake: Filled | None = Field(
        default=None,
        description="The header that the vendor sends when the address is registered, and expects "
        "back.",
        examples=["X-Hook-Secret"],
    )
    setup: Filled | None = Field(
        default=None,
        description="Where the address is entered at the vendor, for `integrations webhook-url`.",
        examples=["Configure, Dev Center, Web Hooks"],
    )
