"""Limits how often one client may ask: by its address, by path, and by what was refused before.

All clients of a proxy have its address: there the proxy has to limit them.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from daemon.http.answers import Problem
from daemon.http.body_limits import WEBHOOKS

MOST_CLIENTS = 10_000
"""Clients that are remembered; the one that has been silent longest is forgotten first."""
_PROBES = frozenset({"/healthz", "/readyz"})
_REFUSED = frozenset({401, 403})


class Rate(msgspec.Struct, frozen=True):
    """So many requests at once, and so many a second from then on."""

    burst: int
    per_second: float


class RequestRates(msgspec.Struct, frozen=True):
    """The limits of each client."""

    api: Rate = Rate(2_000, 200)
    webhooks: Rate = Rate(5_000, 500)
    """A vendor sends the events of all its customers from few addresses."""
    others: Rate = Rate(200, 20)
    """The status page and metrics, which anyone may ask for and which read MongoDB."""
    refused: Rate = Rate(2_000, 20)
    """Requests below `/api` that were refused for want of a right; then not even a good token counts."""


class Buckets:
    """A bucket of tokens for each key, full at first."""

    def __init__(self, limit: int = MOST_CLIENTS) -> None:
        self._limit = limit
        self._filled: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        """By key: the tokens at a moment."""

    def wait_for(self, kind: str, client: str, rate: Rate, now: float) -> float:
        """Returns the seconds until the client has a token; 0 if it has one."""
        return max(0.0, (1 - self._tokens(kind, client, rate, now)) / rate.per_second)

    def take(self, kind: str, client: str, rate: Rate, now: float) -> None:
        tokens = self._tokens(kind, client, rate, now)
        self._filled[kind, client] = (max(0.0, tokens - 1), now)
        self._filled.move_to_end((kind, client))
        if len(self._filled) > self._limit:
            self._filled.popitem(last=False)

    def _tokens(self, kind: str, client: str, rate: Rate, now: float) -> float:
        tokens, at = self._filled.get((kind, client), (float(rate.burst), now))
        return min(float(rate.burst), tokens + max(0.0, now - at) * rate.per_second)


def limited_rates(rates: RequestRates) -> Middleware:
    """Returns a middleware that answers 429 to a client that asks too often."""
    buckets = Buckets()

    def admit(kind: str, client: str, rate: Rate, *, spend: bool) -> None:
        now = asyncio.get_running_loop().time()
        if wait := buckets.wait_for(kind, client, rate, now):
            again = {"Retry-After": str(math.ceil(wait))}
            raise Problem(
                429, "too many requests", "ask again later, and less often", headers=again
            )
        if spend:
            buckets.take(kind, client, rate, now)

    @web.middleware
    async def limit(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path in _PROBES:
            return await handler(request)
        client, kind = client_of(request.remote), _kind_of(request.path)
        admit(kind, client, getattr(rates, kind), spend=True)
        if kind != "api":
            return await handler(request)
        admit("refused", client, rates.refused, spend=False)
        try:
            return await handler(request)
        except Problem as problem:
            if problem.status in _REFUSED:
                now = asyncio.get_running_loop().time()
                buckets.take("refused", client, rates.refused, now)
            raise

    return limit


def _kind_of(path: str) -> str:
    if path.startswith(WEBHOOKS):
        return "webhooks"
    return "api" if path.startswith("/api/") else "others"


def client_of(remote: str | None) -> str:
    """Returns the client's address; of IPv6 the network, since one client has all of it."""
    try:
        address = ip_address((remote or "").partition("%")[0])
    except ValueError:
        return remote or ""
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or address.packed[:8].hex())
    return str(address)
