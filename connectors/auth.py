"""Puts credentials on requests, and keeps access tokens fresh: one fetch at a time per credential."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlencode

import jmespath
import msgspec
from yarl import URL

from connectors.clock import Clock
from connectors.definition.auth import (
    Auth,
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    LoginAuth,
    NoAuth,
    OAuth2,
    QueryAuth,
)
from connectors.definition.placeholders import MissingValue, Values, fill_text
from connectors.errors import AuthRefused, BrokenAnswer, Misdirected, Rejected, Unavailable
from connectors.http import Answer, Outgoing
from connectors.times import read_time

_DEFAULT_LIFE = timedelta(minutes=30)
_EARLY = timedelta(seconds=60)
SendToken = Callable[[Outgoing], Awaitable[Answer]]
DraftLogin = Callable[[Mapping[str, object]], Outgoing]
"""Fills the login's request; `access_token` is in the mapping where there is one."""


class TokenStore(Protocol):
    """Keeps rotating refresh tokens over restarts; the owner encrypts them."""

    async def load(self, key: str) -> str | None: ...

    async def save(self, key: str, token: str) -> None: ...


class ForgetfulTokenStore:
    """Keeps nothing: after a restart the configured refresh token is used again."""

    async def load(self, key: str) -> str | None:  # noqa: ARG002 (a port)
        """Always None."""
        return None

    async def save(self, key: str, token: str) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a credential adds to a request."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: int = 0
    """Which token this is, to tell a stale 401 from a true one."""
    token: str = field(default="", repr=False)
    """The token by itself, where there is one."""


class Authenticator(Protocol):
    """Knows a credential."""

    async def apply(self, send: SendToken) -> Applied: ...

    async def renew(self, stale: Applied) -> bool:
        """Called after a 401: True if the next `apply` gives another credential."""
        ...


class Fixed(msgspec.Struct, frozen=True):
    """A credential that does not expire."""

    applied: Applied

    async def apply(self, send: SendToken) -> Applied:  # noqa: ARG002 (a port)
        """Always the same."""
        return self.applied

    async def renew(self, stale: Applied) -> bool:  # noqa: ARG002 (a port)
        """There is no other."""
        return False


def fixed_authenticator(auth: Auth, values: Values) -> Fixed:
    """For every kind whose credential is sent as it is."""
    match auth:
        case NoAuth():
            return Fixed(Applied())
        case HeaderAuth():
            return Fixed(Applied({auth.name: fill_text(auth.value, values)}))
        case BasicAuth():
            user, password = _optional(auth.username, values), _optional(auth.password, values)
            return Fixed(Applied({"Authorization": basic(user, password)}))
        case BearerAuth():
            return Fixed(Applied({"Authorization": f"Bearer {fill_text(auth.token, values)}"}))
        case QueryAuth():
            return Fixed(Applied(query={auth.name: fill_text(auth.value, values)}))
    raise AssertionError("tokens have authenticators of their own")


def basic(user: str, password: str) -> str:
    """The value of an HTTP Basic header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _optional(text: str, values: Values) -> str:
    try:
        return fill_text(text, values)
    except MissingValue:
        return ""


@dataclass(slots=True)
class OAuthTokens:
    """Access tokens of one credential. Whoever needs one while it is fetched waits for that fetch."""

    auth: OAuth2
    values: Values = field(repr=False)
    clock: Clock
    key: str
    store: TokenStore = field(default_factory=ForgetfulTokenStore)
    _token: str | None = field(default=None, repr=False)
    _refresh: str | None = field(default=None, repr=False)
    _expires: datetime | None = None
    _version: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def apply(self, send: SendToken) -> Applied:
        """A token that is good for at least a moment.

        Raises:
            AuthRefused: the vendor gives no token for this credential.
        """
        async with self._lock:
            if self._token is None or self._is_old():
                await self._fetch(send)
            return Applied(
                {"Authorization": f"{self.auth.scheme} {self._token}"},
                version=self._version,
                token=self._token or "",
            )

    async def renew(self, stale: Applied) -> bool:
        """Drop the token that was refused, unless somebody else has already replaced it."""
        async with self._lock:
            if stale.version == self._version:
                self._token = None
            return True

    def _is_old(self) -> bool:
        return self._expires is not None and self.clock.now() >= self._expires

    async def _fetch(self, send: SendToken) -> None:
        form: dict[str, str] = {"grant_type": self.auth.grant}
        if self.auth.grant == "refresh_token":
            form["refresh_token"] = await self._refresh_token()
        for name, template in self.auth.form.items():
            if filled := _optional(template, self.values):
                form[name] = filled
        answer = await send(self._request(form))
        await self._keep(_token_body(answer, check="the client id and secret"))

    async def _refresh_token(self) -> str:
        if self._refresh is None:
            self._refresh = await self.store.load(self.key)
        return self._refresh or fill_text(self.auth.refresh_token or "", self.values)

    def _request(self, form: dict[str, str]) -> Outgoing:
        client = fill_text(self.auth.client_id, self.values)
        secret = fill_text(self.auth.client_secret, self.values)
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if self.auth.client_auth == "basic":
            headers["Authorization"] = basic(client, secret)
        else:
            form |= {"client_id": client, "client_secret": secret}
        url = URL(fill_text(self.auth.token_url, self.values))
        if url.scheme not in {"http", "https"} or not url.host:
            raise Misdirected("the token address is no http(s) address", operation="token")
        return Outgoing("token", "POST", url, headers, urlencode(form).encode())

    async def _keep(self, body: dict[str, Any]) -> None:
        token = jmespath.search(self.auth.token, body)
        if not isinstance(token, str) or not token:
            raise BrokenAnswer(f"the token answer has no {self.auth.token}", operation="token")
        refresh = body.get("refresh_token")
        if isinstance(refresh, str) and refresh and self.auth.grant == "refresh_token":
            self._refresh = refresh
            await self.store.save(self.key, refresh)
        self._token, self._version = token, self._version + 1
        self._expires = self._renewal_time(body)

    def _renewal_time(self, body: dict[str, Any]) -> datetime:
        """Early, but never so early that a short-lived token would be fetched for every request."""
        now = self.clock.now()
        expires = _expiry(body, now) or now + _DEFAULT_LIFE
        life = max(expires - now, timedelta(0))
        return expires - min(_EARLY, life / 5)


@dataclass(slots=True)
class Session:
    """A login's token. Whoever needs one while somebody logs in waits for that login."""

    auth: LoginAuth
    values: Values = field(repr=False)
    draft: DraftLogin = field(repr=False)
    clock: Clock
    first: OAuthTokens | None = None
    _token: str | None = field(default=None, repr=False)
    _ends: datetime | None = None
    _version: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def apply(self, send: SendToken) -> Applied:
        """A session that is good for at least a moment.

        Raises:
            AuthRefused: the vendor does not let this credential in.
        """
        async with self._lock:
            if self._token is None or self._is_over():
                await self._log_in(send)
            value = fill_text(self.auth.value, {"token": self._token}.get)
            return Applied({self.auth.name: value}, version=self._version)

    async def renew(self, stale: Applied) -> bool:
        """Drop the session that was refused, unless somebody else has already replaced it."""
        async with self._lock:
            if stale.version == self._version:
                self._token = None
            return True

    def _is_over(self) -> bool:
        return self._ends is not None and self.clock.now() >= self._ends

    async def _log_in(self, send: SendToken) -> None:
        began = self.clock.now()
        body = _token_body(await self._answer(send), check="what it is made with")
        token = jmespath.search(self.auth.token, body)
        if not isinstance(token, str) or not token:
            raise BrokenAnswer(f"the login's answer has no {self.auth.token}", operation="token")
        self._token, self._version = token, self._version + 1
        self._ends = began + self.auth.lasts - min(_EARLY, self.auth.lasts / 5)

    async def _answer(self, send: SendToken) -> Answer:
        """A login refused for its access token is tried once more with a fresh one."""
        if self.first is None:
            return await send(self.draft({}))
        applied, answer = await self._with_access_token(self.first, send)
        if answer.status == HTTPStatus.UNAUTHORIZED and await self.first.renew(applied):
            _, answer = await self._with_access_token(self.first, send)
        return answer

    async def _with_access_token(
        self, tokens: OAuthTokens, send: SendToken
    ) -> tuple[Applied, Answer]:
        applied = await tokens.apply(send)
        return applied, await send(self.draft({"access_token": applied.token}))


def _expiry(body: dict[str, Any], now: datetime) -> datetime | None:
    """From `expires_at` (ISO or epoch seconds) or `expires_in` (seconds)."""
    at, within = body.get("expires_at"), body.get("expires_in")
    try:
        if isinstance(within, int | float | str) and float(within) > 0:
            return now + timedelta(seconds=float(within))
        return read_time(at, "epoch_s" if isinstance(at, int | float) else "iso")
    except (ValueError, OverflowError):
        return None


def _token_body(answer: Answer, *, check: str) -> dict[str, Any]:
    status = answer.status
    if status in {400, 401, 403}:
        raise AuthRefused(
            f"the ATS gave no access token (answered {status}): check {check}",
            status=status,
            operation="token",
        )
    if status >= 500 or status in {408, 425}:
        raise Unavailable(f"the token address answered {status}", status=status, operation="token")
    if status >= 400:
        message = f"the token address answered {status}"
        raise Rejected(message, status=status, operation="token")
    try:
        body = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        raise BrokenAnswer("the token answer is no JSON object", operation="token")
    return body
