"""Limits how often may be asked: by the client's address, by what was refused before, and by the right that is used.

All clients of a proxy have its address: there the proxy has to limit them. A token or a webhook's key may be used
from many addresses.
"""

import asyncio
import math
from collections import OrderedDict, defaultdict
from ipaddress import IPv6Address, ip_address

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from daemon.http.answers import Problem
from daemon.http.body_limits import WEBHOOKS
from daemon.http.guard import PROBES, Handler
from daemon.ports.metrics import Metrics

MOST_CLIENTS = 10_000
"""Clients that are remembered; the one that has been silent longest is forgotten first."""
_REFUSED = frozenset({401, 403})
_ADMIN = "admin"
"""The only token."""


class Rate(msgspec.Struct, frozen=True):
    """The requests at once, and the requests per second from then on."""

    burst: int
    per_second: float


class RequestRates(msgspec.Struct, frozen=True):
    """The limits of each client, of each token and of each integration."""

    api: Rate = Rate(2_000, 200)
    webhooks: Rate = Rate(5_000, 500)
    """A vendor sends the events of all its customers from few addresses."""
    others: Rate = Rate(200, 20)
    """The status page and metrics, which anyone may ask for and which read MongoDB."""
    refused: Rate = Rate(2_000, 20)
    """Requests below `/api` that were refused for want of a right; then not even a good token counts."""
    token: Rate = Rate(4_000, 400)
    """Requests with the token, from all addresses together."""
    integration: Rate = Rate(2_000, 200)
    """Signed events of one integration, from all addresses together; a vendor sends the others again."""


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


class RequestLimiter:
    """Answers 429 to one who asks too often."""

    def __init__(self, rates: RequestRates, metrics: Metrics) -> None:
        self._rates = rates
        self._metrics = metrics
        self._buckets: defaultdict[str, Buckets] = defaultdict(Buckets)
        """By kind: a flood of one kind makes no other forget."""

    def admit(self, kind: str, who: str, *, spend: bool = True) -> None:
        """Counts a request of that kind, a field of `RequestRates`.

        Raises:
            Problem: 429, there were too many.
        """
        now, rate = self._now(), getattr(self._rates, kind)
        if wait := self._buckets[kind].wait_for(kind, who, rate, now):
            self._metrics.count("http_requests_limited", limit=kind)
            again = {"Retry-After": str(math.ceil(wait))}
            raise Problem(
                429, "too many requests", "ask again later, and less often", headers=again
            )
        if spend:
            self.spend(kind, who)

    def spend(self, kind: str, who: str) -> None:
        """Counts a request that was admitted before."""
        self._buckets[kind].take(kind, who, getattr(self._rates, kind), self._now())

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def limited_clients(limiter: RequestLimiter) -> Middleware:
    """Returns a middleware that limits each client by its address."""

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in PROBES:
            return await handler(request)
        client, kind = client_of(request.remote), _kind_of(request.path)
        limiter.admit(kind, client)
        if kind != "api":
            return await handler(request)
        limiter.admit("refused", client, spend=False)
        try:
            return await handler(request)
        except Problem as problem:
            if problem.status in _REFUSED:
                limiter.spend("refused", client)
            raise

    return limit


def limited_tokens(limiter: RequestLimiter) -> Middleware:
    """Returns a middleware that limits a token that was found to be good."""

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _kind_of(request.path) == "api":
            limiter.admit("token", _ADMIN)
        return await handler(request)

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
