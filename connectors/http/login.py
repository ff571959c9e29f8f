"""A login: one request brings a session's token, which is used until it is refused."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from connectors.clock import ConnectorClock
from connectors.definition.auth import LoginAuth
from connectors.definition.placeholders import fill_text
from connectors.http.access_token import AccessToken, SendToken, TokenRenewal, early_by
from connectors.http.auth import Applied
from connectors.http.client import Answer, Outgoing
from connectors.http.oauth import OAuth2Auth, address_setting
from connectors.http.token_answers import TokenWords, token_body, token_in

DraftLogin = Callable[[Mapping[str, object]], Outgoing]
"""Fills the login's request; `access_token` is in the mapping where there is one."""


class LoginSessionAuth:
    """Opens sessions, and a new one a little before the old one may end."""

    def __init__(
        self, auth: LoginAuth, draft: DraftLogin, clock: ConnectorClock, first: OAuth2Auth | None
    ) -> None:
        """Nothing is sent before the first `apply`."""
        self._auth = auth
        self._draft = draft
        self._clock = clock
        self._first = first
        self._renewal = TokenRenewal(self._log_in, clock)

    async def apply(self, send: SendToken) -> Applied:
        """A session that is good for at least a moment.

        Raises:
            AuthRefused: the vendor does not let this credential in.
        """
        held = await self._renewal.current(send)
        value = fill_text(self._auth.value, {"token": held.value}.get)
        return Applied({self._auth.name: value}, version=held.version, warning=held.warning)

    async def renew(self, stale: Applied) -> bool:
        """Drop the session that was refused, unless it has been replaced already."""
        self._renewal.refused(stale.version)
        return True

    async def finish(self, send: SendToken) -> None:
        """Wait a moment for a login of this sender, or the access token that it needs."""
        await self._renewal.finish(send)
        if self._first is not None:
            await self._first.finish(send)

    async def _log_in(self, send: SendToken) -> AccessToken:
        began, lasts = self._clock.now(), self._auth.lasts
        token = token_in(token_body(await self._answer(send), self._words), self._auth.token)
        # `lasts` is what the vendor promises at least: how much longer a session is good is unknown.
        return AccessToken(token, began + lasts - early_by(lasts), ends=None)

    @property
    def _words(self) -> TokenWords:
        credential = "the credentials that the login is made with"
        return TokenWords(
            credential=credential,
            address=address_setting(self._auth.request.path, "auth.request"),
            grant=f"check {credential}",
        )

    async def _answer(self, send: SendToken) -> Answer:
        """A login refused for its access token is tried once more with a fresh one."""
        if self._first is None:
            return await send(self._draft({}))
        applied, answer = await self._with_access_token(self._first, send)
        if answer.status == HTTPStatus.UNAUTHORIZED and await self._first.renew(applied):
            _, answer = await self._with_access_token(self._first, send)
        return answer

    async def _with_access_token(
        self, tokens: OAuth2Auth, send: SendToken
    ) -> tuple[Applied, Answer]:
        applied = await tokens.apply(send)
        return applied, await send(self._draft({"access_token": applied.token}))
