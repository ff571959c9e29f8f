"""Who may ask, and what every answer carries."""

import hmac
from collections.abc import Awaitable, Callable
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Middleware
from pydantic import SecretStr

from daemon.http.answers import Problem
from daemon.http.body_limits import WEBHOOKS, most_bytes, too_large
from daemon.store.connection import DatabaseError
from models.errors import UserError

log = structlog.get_logger("daemon.http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PROBES = frozenset({"/healthz", "/readyz"})
PROXY_HEADERS = frozenset({
    *("forwarded", "via", "x-real-ip", "client-ip", "x-client-ip", "x-cluster-client-ip"),
    *("true-client-ip", "x-originating-ip", "x-proxyuser-ip", "x-azure-clientip", "x-host"),
    *("fastly-client-ip", "x-amzn-trace-id", "x-original-host", "x-original-url", "proxy-connection"),
})  # fmt: skip
PROXY_PREFIXES = ("x-forwarded", "x-original-forwarded", "x-envoy-", "cf-")
"""The headers that the common proxies add to a request that they pass on."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


async def add_headers(_request: web.Request, answer: web.StreamResponse) -> None:
    """Security headers on every answer, and no word on what serves it."""
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.popall("Server", None)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is answered as a problem that shows no secrets."""
    if (request.content_length or 0) > most_bytes(request.path):
        return too_large(request.path).answer()
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001 - nothing but a problem may leave here
        return _problem(request, error).answer()


def _problem(request: web.Request, error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case web.HTTPRequestEntityTooLarge():
            return too_large(request.path)
        case web.HTTPException():
            allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return Problem(error.status, (error.reason or "not granted").lower(), headers=allowed)
        case UserError():
            return Problem(409, str(error), error.remedy)
        case DatabaseError():
            log.warning("http_request_failed", path=request.path, error=type(error).__name__)
            return Problem(503, "MongoDB does not answer", "try again; /readyz says more")
    log.error("http_request_broke", path=request.path, exc_info=error)
    return Problem(500, "this failed inside the daemon", "its log says more")


def only_for_operators(token: SecretStr | None) -> Middleware:
    """A middleware that lets only operators below `/api`."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/api" or request.path.startswith("/api/"):
            if token is None:
                _require_this_machine(request)
            else:
                _require_token(request, token)
        return await handler(request)

    return check


def only_known_hosts(hosts: tuple[str, ...] | None, *, loopback_only: bool) -> Middleware:
    """A middleware that refuses names which were made to lead here (DNS rebinding).

    With `hosts` those names are answered. Otherwise any, but with `loopback_only` only this machine's own.
    Probes ask by address, and webhooks are signed: without `hosts` both pass by any name.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        named = request.headers.get("Host")
        _require_one_name(request)
        host = (_host_of(f"//{named}") or "").rstrip(".").lower() if named else None
        if hosts is not None:
            is_known = host in hosts or is_loopback(host) or request.path in PROBES
        else:
            is_exempt = request.path in PROBES or request.path.startswith(WEBHOOKS)
            is_known = not loopback_only or is_exempt or is_loopback(host)
        if not is_known and named is not None:
            raise Problem(
                421,
                "this name is not served here",
                "add it to ATS_SYNC_HTTP_HOSTS, or ask by an address of this machine",
            )
        return await handler(request)

    return check


def _require_token(request: web.Request, token: SecretStr) -> None:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    # Digests have one length, so that the time says nothing about the token's.
    expected = sha256(token.get_secret_value().encode()).digest()
    offered = sha256(given.strip().encode("utf-8", "surrogateescape")).digest()
    same = hmac.compare_digest(offered, expected)
    if kind.lower() != "bearer" or not same:
        raise Problem(
            401,
            "not authorised",
            "send Authorization: Bearer with the value of ATS_SYNC_ADMIN_TOKEN",
        )


def _require_this_machine(request: web.Request) -> None:
    """Nor may a web page use the operator's browser: by a name that leads here, or by a form."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not (
        is_loopback(request.remote)
        and not was_proxied(request)
        and is_loopback(_host_of(f"//{host}"))
        and origin in {None, f"http://{host}"}
    ):
        raise Problem(
            403,
            "only for requests from this machine",
            "set ATS_SYNC_ADMIN_TOKEN to answer others, who then send it as bearer token",
        )


def was_proxied(request: web.Request) -> bool:
    """True if a proxy on this machine may have passed the request on.

    nginx adds no header unless it is configured to, but asks by HTTP/1.0 (its default before 1.30).
    """
    names = [name.lower() for name in request.headers]
    return request.version < HttpVersion11 or any(
        name in PROXY_HEADERS or name.startswith(PROXY_PREFIXES) for name in names
    )


def _require_one_name(request: web.Request) -> None:
    """The whole address in the first line, as proxies are asked, may name no other host than `Host`."""
    target, named = request.raw_path, request.headers.get("Host", "")
    if target.startswith(("/", "*")):
        return
    try:
        authority = urlsplit(target).netloc
    except ValueError:
        authority = ""
    if authority.lower() != named.lower():
        raise Problem(421, "this name is not served here", "name the same host in both")


def _host_of(url: str) -> str | None:
    """Returns the host of an address that is `//`, a host and perhaps a port, and nothing else."""
    try:
        parts = urlsplit(url)
        is_host_alone = parts.netloc == url[2:] and parts.port != 0
    except ValueError:
        return None
    return None if not is_host_alone or "@" in url or "\\" in url else parts.hostname


def is_loopback(host: str | None) -> bool:
    """True for an address (or the name) by which this machine talks to itself."""
    if host is None:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
