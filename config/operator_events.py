"""The operator's file, part `events`: who gets what the logs record."""

import base64
import binascii
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from config.host_names import can_be_a_host
from config.values import (
    CA_FILE,
    CaFile,
    ConfigModel,
    Filled,
    HttpUrl,
    Secret,
    optional_key,
    switch,
)
from models.event_types import EventType

AMQP_PORTS = {"amqp": 5672, "amqps": 5671}
FEWEST_BYTES, MOST_BYTES = 24, 64
"""A signing secret's length, by Standard Webhooks 1.0.0."""


def _amqp_url(value: SecretStr) -> SecretStr:
    """The messages quote no part of the address."""
    try:
        parts = urlsplit(value.get_secret_value())
        usable = can_be_a_host(parts.hostname or "") and (parts.port or 1) > 0
    except ValueError:
        raise ValueError("must be an address such as amqps://user:password@host/vhost") from None
    if parts.scheme not in AMQP_PORTS or not usable:
        raise ValueError("must be an address such as amqps://user:password@host/vhost")
    if parts.query or parts.fragment:
        raise ValueError("must not carry a query (?) or fragment (#); percent-encode them")
    return value


def _signing_secrets(value: SecretStr) -> SecretStr:
    secrets = value.get_secret_value().split()
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("must be whsec_ and base64") from None
        if not FEWEST_BYTES <= len(key) <= MOST_BYTES:
            raise ValueError("must be 24 to 64 bytes in base64 after whsec_")
    return value


class _Sink(ConfigModel):
    """The keys that all sinks have."""

    include: Literal["ids", "full"] = optional_key(
        "`ids`: ids and names of fields, no personal data. `full`: also ClearView's "
        "candidate or application, which is personal data.",
        "ids",
        default="ids",
    )
    types: Annotated[list[EventType], Field(min_length=1)] | None = optional_key(
        "The types that are published. Without it, all.", ["clearview.ats.candidate.created"]
    )
    ca_file: CaFile | None = optional_key(CA_FILE, "/etc/ssl/events-ca.pem")


class EventsToRabbitMq(_Sink):
    """A durable topic exchange of RabbitMQ."""

    kind: Literal["rabbitmq"] = Field(
        description="`rabbitmq`: a topic exchange of RabbitMQ.", examples=["rabbitmq"]
    )
    url: Annotated[Secret, AfterValidator(_amqp_url)] = Field(
        description="The broker's address, `amqp://` or `amqps://`. It contains a password: write a "
        "reference.",
        examples=["${env:RABBITMQ_URL}"],
    )
    exchange: Filled = optional_key(
        "The exchange. It is declared durable, of type topic, if the user may do so.",
        "ats-sync",
        default="ats-sync",
    )

    @property
    def name(self) -> str:
        """Returns a name without user and password: a new password keeps the position."""
        parts = urlsplit(self.url.get_secret_value())
        port = parts.port or AMQP_PORTS[parts.scheme]
        vhost = unquote(parts.path.removeprefix("/")) or "/"
        return f"rabbitmq:{parts.hostname}:{port}:{vhost}:{self.exchange}"


class EventsToHttp(_Sink):
    """A receiver of signed webhooks."""

    kind: Literal["http"] = Field(
        description="`http`: signed webhooks (Standard Webhooks).", examples=["http"]
    )
    url: HttpUrl = Field(
        description="The address that each event is posted to.",
        examples=["https://hooks.example/ats-sync"],
    )
    secret: Annotated[Secret, AfterValidator(_signing_secrets)] = Field(
        description="The key that signs, as a reference: `whsec_` and 24 to 64 bytes in base64. Two "
        "with a blank in between sign twice, to replace a key.",
        examples=["${env:EVENTS_SECRET}"],
    )
    allow_private_networks: bool = switch(
        "Whether the receiver may be on this machine or in a private network.",
        default=True,
        example=False,
    )

    @property
    def name(self) -> str:
        """Returns a name that stays when the key is replaced."""
        return f"http:{self.url}"


EventSink = Annotated[EventsToRabbitMq | EventsToHttp, Field(discriminator="kind")]
