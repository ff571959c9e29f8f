"""The events that a vendor announces by itself."""

from typing import Literal

from pydantic import Field

from config.values import ConfigModel, Filled
from connectors.definition.paths import JmesPath


class Signature(ConfigModel):
    """The signature that proves who sent a webhook delivery."""

    kind: Literal["hmac_sha256"] = Field(description="HMAC-SHA256.", examples=["hmac_sha256"])
    secret: Filled = Field(
        description="The credential that is the key.", examples=["webhook_secret"]
    )
    header: Filled | None = Field(
        default=None, description="The header that holds the signature.", examples=["Signature"]
    )
    at: JmesPath | None = Field(
        default=None,
        description="Where the body holds it, instead of a header.",
        examples=["signature"],
    )
    format: Filled = Field(
        default="{signature}",
        description="How it is written there.",
        examples=["sha256={signature}"],
    )
    encoding: Literal["hex", "base64"] = Field(
        default="hex", description="How its bytes are written.", examples=["hex"]
    )
    message: Filled = Field(
        default="{body}",
        description="What is signed: `{body}` (the raw bytes), `{body.<key>}`, `{header.<name>}`.",
        examples=["{header.timestamp}.{body}"],
    )


class Webhook(ConfigModel):
    """The events that the vendor announces by itself."""

    signature: Signature = Field(
        description="How a delivery is checked.", examples=[{"kind": "hmac_sha256"}]
    )
    event: JmesPath = Field(description="Where the event's name is.", examples=["action"])
    application_id: JmesPath | None = Field(
        default=None,
        description="Where the application's id is.",
        examples=["payload.application.id"],
    )
    candidate_id: JmesPath | None = Field(
        default=None, description="Where the candidate's id is.", examples=["payload.candidate.id"]
    )
    event_id_header: Filled | None = Field(
        default=None, description="The header that names the delivery.", examples=["Event-ID"]
    )
    timestamp: JmesPath | None = Field(
        default=None, description="Where the delivery's time is.", examples=["triggeredAt"]
    )
