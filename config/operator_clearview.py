"""The operator's file, part `clearview`: where ClearView's services and database are."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.mongodb_uri import DATABASE_NAME, checked_uri, not_of_the_server
from config.values import CA_FILE, CaFile, ConfigModel, HttpUrl, Secret, optional_key, switch


class ClearViewDatabase(ConfigModel):
    """ClearView's MongoDB."""

    uri: Annotated[Secret, AfterValidator(checked_uri)] | None = optional_key(
        "Where ClearView's MongoDB is. Without it, the service's own MongoDB.",
        "${env:CLEARVIEW_MONGODB_URI}",
    )
    database: Annotated[str, AfterValidator(not_of_the_server)] = Field(
        default="clearview",
        pattern=DATABASE_NAME,
        description="The database that holds `candidates` and `applications`.",
        examples=["clearview"],
    )


class ByMongoDB(ConfigModel):
    """The daemon reads and writes ClearView's collections itself."""

    mode: Literal["mongodb"] = Field(
        description="`mongodb`: by ClearView's collections.", examples=["mongodb"]
    )


class ByHttp(ConfigModel):
    """The daemon calls the ClearView service in charge."""

    mode: Literal["http"] = Field(description="`http`: by ClearView's API.", examples=["http"])
    url: HttpUrl = Field(
        description="The service's base address.", examples=["https://candidates.example"]
    )
    token: Secret = Field(
        description="The bearer token of the service, as a reference.",
        examples=["${file:/run/secrets/clearview-token}"],
    )
    allow_private_networks: bool = switch(
        "Whether the service may be on this machine or in a private network.",
        default=True,
        example=False,
    )
    ca_file: CaFile | None = optional_key(CA_FILE, "/etc/ssl/clearview-ca.pem")


class NotifyByHttp(ConfigModel):
    """ClearView's Notification Service."""

    kind: Literal["http"] = Field(
        description="`http`: ClearView's Notification Service.", examples=["http"]
    )
    url: HttpUrl = Field(
        description="The service's base address.", examples=["https://notify.example"]
    )
    token: Secret = Field(
        description="The bearer token of the service, as a reference.",
        examples=["${env:NOTIFY_TOKEN}"],
    )
    allow_private_networks: bool = switch(
        "Whether the service may be on this machine or in a private network.",
        default=True,
        example=False,
    )
    ca_file: CaFile | None = optional_key(CA_FILE, "/etc/ssl/clearview-ca.pem")


class NotifyByApprise(ConfigModel):
    """Anything that Apprise can reach: chat, mail, pagers."""

    kind: Literal["apprise"] = Field(
        description="`apprise`: chat, mail or a pager, by Apprise address.", examples=["apprise"]
    )
    url: Secret = Field(
        description="The Apprise address. It usually contains a secret: write a reference.",
        examples=["${env:SLACK_URL}"],
    )


Service = Annotated[ByMongoDB | ByHttp, Field(discriminator="mode")]
Notification = Annotated[NotifyByHttp | NotifyByApprise, Field(discriminator="kind")]


class ClearView(ConfigModel):
    """Where ClearView's candidates, analytics and notifications live."""

    mongodb: ClearViewDatabase = optional_key(
        "ClearView's MongoDB, where status changes are watched.",
        {"uri": "${env:CLEARVIEW_MONGODB_URI}", "database": "clearview"},
        make=ClearViewDatabase,
    )
    candidates: Service = optional_key(
        "How imported candidates are handed to ClearView.",
        {"mode": "mongodb"},
        make=lambda: ByMongoDB(mode="mongodb"),
    )
    analytics: Service = optional_key(
        "Where hiring analytics come from.",
        {"mode": "mongodb"},
        make=lambda: ByMongoDB(mode="mongodb"),
    )
    notifications: list[Notification] = optional_key(
        "Receivers of a message when an integration breaks and when it has recovered.",
        [{"kind": "apprise", "url": "${env:SLACK_URL}"}],
        make=list,
    )
