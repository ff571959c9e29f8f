"""The operator's file, part `clearview`: where ClearView's services and database are."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.mongodb_uri import DATABASE_NAME, checked_uri, not_of_the_server
from config.values import CA_FILE, CaFile, ConfigModel, HttpUrl, Secret


class ClearViewDatabase(ConfigModel):
    """ClearView's MongoDB."""

    uri: Annotated[Secret, AfterValidator(checked_uri)] | None = Field(
        default=None,
        description="Where ClearView's MongoDB is. Without it, the service's own MongoDB.",
        examples=["${env:CLEARVIEW_MONGODB_URI}"],
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
    allow_private_networks: bool = Field(
        default=True,
        description="Whether the service may be on this machine or in a private network.",
        examples=[False],
    )
    ca_file: CaFile | None = Field(
        default=None, description=CA_FILE, examples=["/etc/ssl/clearview-ca.pem"]
    )


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
    allow_private_networks: bool = Field(
        default=True,
        description="Whether the service may be on this machine or in a private network.",
        examples=[False],
    )
    ca_file: CaFile | None = Field(
        default=None, description=CA_FILE, examples=["/etc/ssl/clearview-ca.pem"]
    )


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

    mongodb: ClearViewDatabase = Field(
        default_factory=ClearViewDatabase,
        description="ClearView's MongoDB, where status changes are watched.",
        examples=[{"uri": "${env:CLEARVIEW_MONGODB_URI}", "database": "clearview"}],
    )
    candidates: Service = Field(
        default_factory=lambda: ByMongoDB(mode="mongodb"),
        description="How imported candidates are handed to ClearView.",
        examples=[{"mode": "mongodb"}],
    )
    analytics: Service = Field(
        default_factory=lambda: ByMongoDB(mode="mongodb"),
        description="Where hiring analytics come from.",
        examples=[{"mode": "mongodb"}],
    )
    notifications: list[Notification] = Field(
        default_factory=list,
        description="Receivers of a message when an integration breaks and when it has recovered.",
        examples=[[{"kind": "apprise", "url": "${env:SLACK_URL}"}]],
    )
