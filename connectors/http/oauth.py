"""OAuth 2: access tokens of one credential, and the refresh token that a vendor may rotate."""

from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlencode

import msgspec
from yarl import URL

from connectors.clock import ConnectorClock
from connectors.definition.auth import OAuth2
from connectors.definition.placeholders import Values, fill_text, names_in
from connectors.errors import TokenUnavailable
from connectors.http.access_token import AccessToken, SendToken, TokenRenewal, early_by
from connectors.http.auth import Applied, basic, text_or_empty
from connectors.http.client import Answer, Outgoing
from connectors.http.token_answers import TokenWords, beside, life_of, token_body, token_in
from connectors.http.token_store import StoredTokens, TokenClaim, TokenStore, grant_of

_ASSUMED_LIFE = timedelta(minutes=30)
_STORE_AGAIN_S = (1.0, 3.0)


class OAuth2Auth:
    """Fetches access tokens, and spends each refresh token once."""

    def __init__(
        self,
        auth: OAuth2,
        values: Values,
        clock: ConnectorClock,
        *,
        store: TokenStore,
        integration: str,
    ) -> None:
        """Nothing is sent before the first `apply`."""
        self._auth = auth
        self._values = values
        self._clock = clock
        self._store = store
        self._integration = integration
        self._renewal = TokenRenewal(self._fetch, clock)
        self._last_access = ""
        """The token that is to be replaced: it is no news when the store has it."""
        self._unstored: tuple[StoredTokens | None, StoredTokens] | None = None
        """The tokens stored before, and those that the vendor gave since and could not be stored yet."""

    async def apply(self, send: SendToken) -> Applied:
        """A token that is good for at least a moment.

        Raises:
            AuthRefused: the vendor gives no token for this credential.
            TokenUnavailable: there is none for another reason than the credential.
        """
        held = await self._renewal.current(send)
        return Applied(
            {"Authorization": f"{self._auth.scheme} {held.value}"},
            version=held.version,
            token=held.value,
            warning=held.warning,
        )

    async def renew(self, stale: Applied) -> bool:
        """Drop the token that was refused, unless it has been replaced already."""
        self._renewal.refused(stale.version)
        return True

    async def finish(self, send: SendToken) -> None:
        """Wait a moment for a token request of this sender."""
        await self._renewal.finish(send)

    async def _fetch(self, send: SendToken) -> AccessToken:
        if self._auth.grant != "refresh_token":
            return _access(await self._request_tokens(send, {}))
        seed = fill_text(self._auth.refresh_token or "", self._values)
        grant = grant_of(self._token_url(), seed, self._integration)
        async with self._store.claim(grant) as claim:
            return await self._under(claim, seed, send)

    async def _under(self, claim: TokenClaim, seed: str, send: SendToken) -> AccessToken:
        """Store what is waiting for it, use what another process has fetched, or spend the token."""
        if self._unstored is not None:
            before, given = self._unstored
            if claim.tokens == before:
                return await self._keep(claim, given)
            self._unstored = None
        known = claim.tokens
        if known is not None and self._is_usable(known):
            return self._adopt(known)
        refresh = known.refresh if known is not None else seed
        return await self._keep(claim, await self._request_tokens(send, {"refresh_token": refresh}))

    def _is_usable(self, known: StoredTokens) -> bool:
        is_news = known.access != self._last_access and known.asked_as == self._asked_as
        return is_news and self._clock.now() < known.renew_at

    async def _keep(self, claim: TokenClaim, given: StoredTokens) -> AccessToken:
        """Stores tokens, or keeps them for the next attempt: the token before them is spent."""
        self._unstored = (claim.tokens, given)
        kept = await self._store_patiently(claim, given)
        self._unstored = None
        if kept:
            return self._adopt(given)
        if claim.tokens is None or not self._is_usable(claim.tokens):
            message = "another process replaced the refresh token meanwhile; it is used next"
            raise TokenUnavailable(message, operation="token")
        return self._adopt(claim.tokens)

    async def _store_patiently(self, claim: TokenClaim, given: StoredTokens) -> bool:
        """Within the claim, for its next holder would spend the old token once more."""
        for pause in _STORE_AGAIN_S:
            try:
                return await claim.keep(given)
            except TokenUnavailable:
                await self._clock.sleep(pause)
        return await claim.keep(given)

    def _adopt(self, tokens: StoredTokens) -> AccessToken:
        self._last_access = tokens.access
        return _access(tokens)

    async def _request_tokens(self, send: SendToken, more: dict[str, str]) -> StoredTokens:
        answer = await send(self._request({"grant_type": self._auth.grant} | more | self._form()))
        return self._read(answer, more.get("refresh_token", ""))

    def _form(self) -> dict[str, str]:
        filled = {
            name: text_or_empty(template, self._values)
            for name, template in self._auth.form.items()
        }
        return {name: text for name, text in filled.items() if text}

    @property
    def _asked_as(self) -> str:
        client = text_or_empty(self._auth.client_id, self._values)
        return sha256(repr((client, sorted(self._form().items()))).encode()).hexdigest()[:16]

    def _token_url(self) -> str:
        return fill_text(self._auth.token_url, self._values)

    def _request(self, fields: dict[str, str]) -> Outgoing:
        client = fill_text(self._auth.client_id, self._values)
        secret = fill_text(self._auth.client_secret, self._values)
        headers = {"Accept": "application/json"}
        if self._auth.client_auth == "basic":
            headers["Authorization"] = basic(client, secret)
        else:
            fields |= {"client_id": client, "client_secret": secret}
        url = URL(self._token_url())
        if url.scheme not in {"http", "https"} or not url.host:
            message = f"the token address is no http(s) address; correct {self._words.address}"
            raise TokenUnavailable(message, operation="token")
        if self._auth.send_as == "json":
            headers["Content-Type"], body = "application/json", msgspec.json.encode(fields)
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(fields).encode()
        return Outgoing("token", method="POST", url=url, headers=headers, body=body)

    @property
    def _words(self) -> TokenWords:
        rotates = self._auth.grant == "refresh_token"
        credential = "the client id and secret" + (" and the refresh token" if rotates else "")
        return TokenWords(
            credential=credential,
            address=address_setting(self._auth.token_url, "token_url"),
            grant="the refresh token has expired, was revoked or was used elsewhere; sign in at "
            "the ATS again, and put the new one where the configuration points"
            if rotates
            else f"check {credential}",
        )

    def _read(self, answer: Answer, spent: str) -> StoredTokens:
        body, path, now = token_body(answer, self._words), self._auth.token, self._clock.now()
        refresh = beside(body, path, "refresh_token")
        life = life_of(body, path, answer, now)
        return StoredTokens(
            refresh=refresh if isinstance(refresh, str) and refresh else spent,
            access=token_in(body, path),
            asked_as=self._asked_as,
            renew_at=now + (_ASSUMED_LIFE if life is None else life - early_by(life)),
            ends=None if life is None else now + life,
        )


def _access(tokens: StoredTokens) -> AccessToken:
    return AccessToken(tokens.access, tokens.renew_at, tokens.ends)


def address_setting(template: str, key: str) -> str:
    """Returns the setting that holds an address: an option, or a key of the definition."""
    for use in names_in(template):
        if use.name.startswith("options."):
            return f"`{use.name}` of the integration"
    return f"`{key}` of the definition"
