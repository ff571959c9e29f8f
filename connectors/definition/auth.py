"""The kinds of authentication."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from config.values import ConfigModel, Duration, Filled
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
    password: str = Field(default="", description="The password; often empty.", examples=[""])


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
        "answer takes the place of the old one and is kept, encrypted with "
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
    refresh_token: Filled | None = Field(
        default=None,
        description="The first refresh token, for that grant.",
        examples=["{credentials.refresh_token}"],
    )
    client_auth: Literal["basic", "body"] = Field(
        default="basic",
        description="Whether client id and secret go by HTTP Basic or in the form.",
        examples=["basic"],
    )
    send_as: Literal["form", "json"] = Field(
        default="form",
        description="Whether the token request is a form or a JSON object.",
        examples=["json"],
    )
    form: dict[str, str] = Field(
        default_factory=dict,
        description="More fields of the request; one that is only an unset placeholder is left out.",
        examples=[{"sub": "{acting_user}"}],
    )
    token: JmesPath = Field(
        default="access_token",
        description="Where the token is. `refresh_token`, `expires_in` and `expires_at` are read "
        "beside it, or else at the top of the answer.",
        examples=["access_token"],
    )
    scheme: Filled = Field(
        default="Bearer", description="The word before the token.", examples=["Bearer"]
    )


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
    name: Filled = Field(
        default="Authorization",
        description="The header that the token is sent in.",
        examples=["X-Session"],
    )
    value: Filled = Field(
        default="{token}", description="What that header holds.", examples=["Token {token}"]
    )
    lasts: Duration = Field(
        default=timedelta(minutes=30),
        description="How long a session lasts at least; a new one is opened a little earlier, and "
        "whenever the vendor answers that the session is over.",
        examples=["10m"],
    )
    oauth2: OAuth2 | None = Field(
        default=None,
        description="The access token that the login is made with, where the vendor wants both.",
        examples=[
            {
                "kind": "oauth2",
                "grant": "refresh_token",
                "token_url": "https://auth.example.com/token",
            }
        ],
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
    users: Filled | None = Field(
        default=None,
        description="The lookup list of the account's users, in which `doctor` looks for this one.",
        examples=["users"],
    )
    inactive: JmesPath | None = Field(
        default=None,
        description="True for a user who can no longer act.",
        examples=["deactivatedAt"],
    )
