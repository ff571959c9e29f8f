"""The kinds of authentication."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from config.values import ConfigModel, Duration, Filled, optional_key
from connectors.definition.paths import JmesPath
from connectors.definition.requests import Request


class NoAuth(ConfigModel):
    """Nothing: the API is open."""

    kind: Literal["none"] = Field(description="No credential is sent.", examples=["none"])


class HeaderAuth(ConfigModel):
    """A header of the vendor's own."""

    kind: Literal["header"] = Field(description="A header.", examples=["header"])
    name: Filled = Field(description="The header.", examples=["X-Api-Key"])
    value: Filled = Field(description="What it holds.", examples=["{credentials.api_key}"])


class BasicAuth(ConfigModel):
    """HTTP Basic."""

    kind: Literal["basic"] = Field(description="HTTP Basic.", examples=["basic"])
    username: str = Field(description="The user.", examples=["{credentials.api_key}"])
    password: str = optional_key("The password; often empty.", "", default="")


class BearerAuth(ConfigModel):
    """`Authorization: Bearer` with a token that lasts."""

    kind: Literal["bearer"] = Field(description="A bearer token.", examples=["bearer"])
    token: Filled = Field(description="The token.", examples=["{credentials.token}"])


class QueryAuth(ConfigModel):
    """A query parameter on every request."""

    kind: Literal["query"] = Field(description="A query parameter.", examples=["query"])
    name: Filled = Field(description="The parameter.", examples=["api_key"])
    value: Filled = Field(description="What it holds.", examples=["{credentials.api_key}"])


class OAuth2(ConfigModel):
    """Access tokens that expire and are renewed, by one request at a time per credential."""

    kind: Literal["oauth2"] = Field(description="OAuth 2.", examples=["oauth2"])
    grant: Literal["client_credentials", "refresh_token"] = Field(
        description="How a token is obtained. With `refresh_token`, a new refresh token in the "
        "answer replaces the old one and is kept, encrypted with "
        "`ATS_SYNC_ENCRYPTION_KEY`, or in the integration's `token_file`: one of them is needed.",
        examples=["client_credentials"],
    )
    token_url: Filled = Field(
        description="Where tokens are fetched.", examples=["{options.token_url}"]
    )
    client_id: Filled = Field(description="The client.", examples=["{credentials.client_id}"])
    client_secret: Filled = Field(
        description="Its secret.", examples=["{credentials.client_secret}"]
    )
    refresh_token: Filled | None = optional_key(
        "The first refresh token, for that grant.", "{credentials.refresh_token}"
    )
    client_auth: Literal["basic", "body"] = optional_key(
        "Whether client id and secret go by HTTP Basic or in the form.", "basic", default="basic"
    )
    send_as: Literal["form", "json"] = optional_key(
        "Whether the token request is a form or a JSON object.", "json", default="form"
    )
    form: dict[str, str] = optional_key(
        "More fields of the request; one that is only an unset placeholder is left out.",
        {"sub": "{acting_user}"},
        make=dict,
    )
    token: JmesPath = optional_key(
        "Where the token is. `refresh_token`, `expires_in` and `expires_at` are read "
        "beside it, or else at the top of the answer.",
        "access_token",
        default="access_token",
    )
    scheme: Filled = optional_key("The word before the token.", "Bearer", default="Bearer")


class LoginAuth(ConfigModel):
    """A session: one request brings a token, which goes into a header until it is refused."""

    kind: Literal["login"] = Field(description="A login.", examples=["login"])
    request: Request = Field(
        description="The login; a full address may lead to another host. Its query, headers, body "
        "or form hold credentials, or the `{access_token}` of `oauth2`.",
        examples=[{"post": "/signin", "body": {"password": "{credentials.password}"}}],
    )
    token: JmesPath = Field(
        description="Where the answer has the session's token.", examples=["session.token"]
    )
    name: Filled = optional_key(
        "The header that the token is sent in.", "X-Session", default="Authorization"
    )
    value: Filled = optional_key("What that header holds.", "Token {token}", default="{token}")
    lasts: Duration = optional_key(
        "How long a session lasts at least; a new one is opened a little earlier, and "
        "whenever the vendor answers that the session is over.",
        "10m",
        default=timedelta(minutes=30),
    )
    oauth2: OAuth2 | None = optional_key(
        "The access token that the login is made with, where the vendor wants both.",
        {
            "kind": "oauth2",
            "grant": "refresh_token",
            "token_url": "https://auth.example.com/token",
        },
    )


Auth = Annotated[
    NoAuth | HeaderAuth | BasicAuth | BearerAuth | QueryAuth | OAuth2 | LoginAuth,
    Field(discriminator="kind"),
]


class ActingUser(ConfigModel):
    """The ATS user in whose name writes are made (an integration's `acting_user`)."""

    needed: Literal["writes", "optional"] = Field(
        description="`writes`: no write is possible without one.", examples=["writes"]
    )
    description: Filled = Field(
        description="What it is and where to find it.", examples=["The id of a user"]
    )
    users: Filled | None = optional_key(
        "The lookup list of the account's users, in which `doctor` looks for this one.", "users"
    )
    inactive: JmesPath | None = optional_key(
        "True for a user who can no longer act.", "deactivatedAt"
    )
