"""ClearView's three services, simulated strictly: Candidate Management, Analytics, Notification.

Every request needs the bearer token and is checked field by field; mistakes are answered as
problem+json. A tester orders faults, which hit the next matching requests.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from connectors.simulator.clearview_messages import (
    BatchUpsert,
    Delete,
    Notification,
    Result,
)
from connectors.simulator.clearview_store import CandidateStore, InMemoryCandidates
from connectors.simulator.delivery import HTML, Delivery
from connectors.simulator.faults import KINDS, OF_LISTS, FaultPlan
from connectors.simulator.messages import Reply

MetricsOf = Callable[[UUID, datetime, datetime], Awaitable[Mapping[str, Any]]]
T = TypeVar("T")
KEY = re.compile(r"[!-~]{1,200}")
DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
MAX_BODY = 16 * 1024 * 1024
PIECE = 64 * 1024


@dataclass(eq=False)
class ServiceProblem(Exception):
    """An answer as problem+json."""

    status: int
    title: str
    detail: str = ""


class ClearViewServices:
    """All three services on one port. Use as an asynchronous context manager, or `start`/`stop`."""

    def __init__(
        self,
        *,
        token: str,
        store: CandidateStore | None = None,
        metrics: MetricsOf | None = None,
    ) -> None:
        self.token = token
        self.store = store or InMemoryCandidates()
        self.metrics = metrics or empty_metrics
        self.notifications: list[Notification] = []
        self.requests: list[str] = []
        self.faults = FaultPlan(kinds=KINDS - OF_LISTS - {"rate_limited", "expire_token"})
        """The faults that a tester orders; `operation` is candidates, analytics, notifications or any."""
        self.refuse_every = 0
        """Every record with a multiple of this number is refused in the next batch; 0 for none."""
        self._answers: dict[str, tuple[bytes, bytes]] = {}
        self._runner: web.AppRunner | None = None
        self._released = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve, and return the base address."""
        self._runner = web.AppRunner(self.app(), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Stop serving; requests that a fault holds open are let go."""
        self._released.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._answer], client_max_size=MAX_BODY)
        app.router.add_post("/candidates:batchUpsert", self._batch_upsert)
        app.router.add_post("/candidates/{id}:delete", self._delete)
        app.router.add_put("/candidates/{id}/attachments/{external_id}", self._attach)
        app.router.add_get("/analytics/hiring", self._hiring)
        app.router.add_post("/notifications", self._notify)
        return app

    @web.middleware
    async def _answer(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        try:
            return await self._with_faults(request, handler)
        except ServiceProblem as problem:
            return _problem(problem)
        except web.HTTPException as error:
            return _problem(ServiceProblem(error.status, error.reason), error.headers.get("Allow"))

    async def _with_faults(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise ServiceProblem(401, "The bearer token is missing or wrong.")
        service = request.path.lstrip("/").split("/")[0].split(":")[0]
        fault = self.faults.take(service, request.path)
        if fault is None:
            return await handler(request)
        if fault.kind == "lost_answer":
            await handler(request)
        if fault.kind == "error":
            answer = _problem(ServiceProblem(fault.status, "Ordered by the tester."))
            if fault.retry_after is not None:
                answer.headers["Retry-After"] = str(fault.retry_after)
            return answer
        reply = Reply(200, HTML, content_type="text/html")
        if fault.kind == "redirect":
            reply = Reply(307, b"", {"Location": fault.to})
        return await Delivery(request, reply, fault, self._released).send()

    async def _batch_upsert(self, request: web.Request) -> web.Response:
        return await self._once(request, self._upsert_all)

    async def _upsert_all(self, body: bytes) -> bytes:
        batch = _decode(body, BatchUpsert)
        every, self.refuse_every = self.refuse_every, 0
        results = [
            Result(id=candidate.id, status="failed", error="Ordered by the tester.")
            if every > 0 and number % every == 0
            else await self.store.upsert(candidate)
            for number, candidate in enumerate(batch.candidates, start=1)
        ]
        return msgspec.json.encode({"results": results})

    async def _delete(self, request: web.Request) -> web.Response:
        candidate_id = _candidate_id(request)
        order = _decode(await _json_body(request), Delete)
        if not await self.store.delete(candidate_id, order):
            raise ServiceProblem(404, "There is no such candidate.")
        return web.Response(status=204)

    async def _attach(self, request: web.Request) -> web.Response:
        given = DIGEST.fullmatch(request.headers.get("Repr-Digest", ""))
        if given is None:
            raise ServiceProblem(400, "The header Repr-Digest has no SHA-256.")
        content = b"".join([piece async for piece in request.content.iter_chunked(PIECE)])
        candidate = _candidate_id(request)
        if base64.b64encode(hashlib.sha256(content).digest()).decode() != given[1]:
            raise ServiceProblem(400, "The bytes are not those of the digest.")
        external_id = request.match_info["external_id"]
        if not await self.store.attach(candidate, external_id, content, request.content_type):
            raise ServiceProblem(404, "There is no such candidate, or no such attachment of it.")
        return web.Response(status=204)

    async def _hiring(self, request: web.Request) -> web.Response:
        names = ("integration_id", "from", "to")
        if sorted(request.query) != sorted(names):
            raise ServiceProblem(400, "The query needs integration_id, from and to, each once.")
        try:
            integration = UUID(request.query["integration_id"])
            start, end = (_moment(request.query[name]) for name in names[1:])
        except ValueError as error:
            raise ServiceProblem(400, "The query cannot be read.", str(error)) from None
        if start >= end:
            raise ServiceProblem(400, "The period must end after it starts.")
        metrics = await self.metrics(integration, start, end)
        return _json(msgspec.json.encode(metrics))

    async def _notify(self, request: web.Request) -> web.Response:
        return await self._once(request, self._take_notification, status=202)

    async def _take_notification(self, body: bytes) -> bytes:
        self.notifications.append(_decode(body, Notification))
        return b"{}"

    async def _once(
        self,
        request: web.Request,
        effect: Callable[[bytes], Awaitable[bytes]],
        *,
        status: int = 200,
    ) -> web.Response:
        """A repeated Idempotency-Key gets the first answer again, and has no further effect."""
        body = await _json_body(request)
        given = request.headers.get("Idempotency-Key", "")
        if not KEY.fullmatch(given):
            raise ServiceProblem(400, "The header Idempotency-Key is missing, or is none.")
        key = f"{request.path} {given}"
        digest = hashlib.sha256(body).digest()
        known = self._answers.get(key)
        if known is not None and known[0] != digest:
            raise ServiceProblem(409, "The Idempotency-Key was used for another request.")
        answer = known[1] if known else await effect(body)
        self._answers[key] = (digest, answer)
        return _json(answer, status=status)


async def empty_metrics(integration_id: UUID, start: datetime, end: datetime) -> dict[str, Any]:  # noqa: ARG001
    """The metrics of a period in which nothing happened."""
    return {
        "period": {"from": start, "to": end},
        "funnel": {},
        "transitions": [],
        "conversion_rates": {},
        "time_to_hire": {"count": 0, "median_days": None, "p90_days": None},
        "sources": [],
        "jobs": [],
    }


def _candidate_id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise ServiceProblem(404, "There is no such candidate.") from None


async def _json_body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise ServiceProblem(415, "The body must be application/json.")
    return await request.read()


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise ServiceProblem(
            422, "The body is not what this operation takes.", str(error)
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ServiceProblem(400, "The body is not JSON.") from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    return moment


def _json(body: bytes, *, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def _problem(problem: ServiceProblem, allow: str | None = None) -> web.Response:
    body = {"type": "about:blank", **asdict(problem)}
    headers = {} if allow is None else {"Allow": allow}
    return web.Response(
        body=msgspec.json.encode(body),
        status=problem.status,
        headers=headers,
        content_type="application/problem+json",
    )
