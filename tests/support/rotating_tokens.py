"""A vendor that accepts each refresh token once, and what it gave."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

CREDENTIALS = (
    "{client_id: {description: id}, client_secret: {description: secret}, "
    "refresh: {description: first refresh token}}"
)


def rotating_auth(url: str, more: str = "") -> str:
    """The `auth` of a definition."""
    return (
        f'{{kind: oauth2, grant: refresh_token, token_url: "{url}/token", client_auth: body, '
        'client_id: "{credentials.client_id}", client_secret: "{credentials.client_secret}", '
        f'refresh_token: "{{credentials.refresh}}"{more}}}'
    )


@dataclass(slots=True)
class RotatingVendor:
    """Gives tokens, and the rows of one list to the client that holds the last access token."""

    first: str = "secret-refresh"
    expires_in: float | None = 3600
    answer: dict[str, Any] = field(default_factory=lambda: {"rows": [{"id": "1"}]})
    spent: list[str] = field(default_factory=list)
    """Every refresh token that was sent, in order."""
    refused: list[str] = field(default_factory=list)
    access: str = ""
    lenient: bool = False
    """Accepts the token before the last one, as long as the last one was not used."""
    before_answer: Callable[[], None] | None = None
    """Called when a token has been given and the answer is not sent yet."""
    unauthorised: int = 0
    _good: str = ""
    _before: str = ""

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path.endswith("/token"):
            return self._token(await request.read(), request.content_type)
        if request.headers.get("Authorization") != f"Bearer {self.access}":
            self.unauthorised += 1
            return web.Response(status=401)
        return web.json_response(self.answer)

    def _token(self, body: bytes, content_type: str) -> web.Response:
        form = (
            msgspec.json.decode(body)
            if content_type == "application/json"
            else {name: values[0] for name, values in parse_qs(body.decode()).items()}
        )
        sent = form["refresh_token"]
        self.spent.append(sent)
        if sent != (self._good or self.first) and not (self.lenient and sent == self._before):
            self.refused.append(sent)
            return web.json_response({"error": "invalid_grant"}, status=400)
        number, self._before = len(self.spent), sent
        self._good, self.access = f"refresh-{number}", f"access-{number}"
        if self.before_answer is not None:
            self.before_answer()
        more = {} if self.expires_in is None else {"expires_in": self.expires_in}
        return web.json_response({"access_token": self.access, "refresh_token": self._good, **more})
