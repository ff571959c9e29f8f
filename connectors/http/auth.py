"""Puts credentials on requests."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from connectors.definition.auth import (
    Auth,
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    NoAuth,
    QueryAuth,
)
from connectors.definition.placeholders import MissingValue, Values, fill_text
from connectors.http.access_token import SendToken


@dataclass(frozen=True, slots=True)
class Applied:
    """The headers and parameters that a credential adds to a request."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: int = 0
    """The number of the token, which a 401 for an older one does not renew."""
    token: str = field(default="", repr=False)
    """The token by itself, where there is one."""
    warning: str | None = None
    """A message for the operator; the request is sent all the same."""


class Authenticator(Protocol):
    """Holds a credential."""

    async def apply(self, send: SendToken) -> Applied: ...

    async def renew(self, stale: Applied) -> bool:
        """Called after a 401: True if the next `apply` gives another credential."""

    async def finish(self, send: SendToken) -> None:
        """Called before `send` ends: a token request under way should be stored first."""


class StaticAuth(msgspec.Struct, frozen=True):
    """A credential that does not expire."""

    applied: Applied

    async def apply(self, send: SendToken) -> Applied:  # noqa: ARG002 (a port)
        return self.applied

    async def renew(self, stale: Applied) -> bool:  # noqa: ARG002 (a port)
        """Returns False: the credential has no successor."""
        return False

    async def finish(self, send: SendToken) -> None:
        """Nothing is ever under way."""


def static_auth(auth: Auth, values: Values) -> StaticAuth:
    """For every kind whose credential is sent as it is."""
    match auth:
        case NoAuth():
            return StaticAuth(Applied())
        case HeaderAuth():
            return StaticAuth(Applied({auth.name: fill_text(auth.value, values)}))
        case BasicAuth():
            user = text_or_empty(auth.username, values)
            password = text_or_empty(auth.password, values)
            return StaticAuth(Applied({"Authorization": basic(user, password)}))
        case BearerAuth():
            return StaticAuth(Applied({"Authorization": f"Bearer {fill_text(auth.token, values)}"}))
        case QueryAuth():
            return StaticAuth(Applied(query={auth.name: fill_text(auth.value, values)}))
    raise AssertionError("tokens have authenticators of their own")


def basic(user: str, password: str) -> str:
    """The value of an HTTP Basic header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def text_or_empty(text: str, values: Values) -> str:
    """The text with its placeholders filled; empty where one of them has no value."""
    try:
        return fill_text(text, values)
    except MissingValue:
        return ""
