"""The base of every simulator: an HTTP server that checks, limits, answers and records."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from connectors.simulator.account import PageHook
from connectors.simulator.clock import http_date
from connectors.simulator.control import ControlledAccount, answer_control
from connectors.simulator.delivery import HTML, Delivery
from connectors.simulator.faults import INSTEAD, Fault
from connectors.simulator.limits import Denied, Limit, Parallel
from connectors.simulator.messages import Call, ListedPage, Refusal, Reply, Route
from connectors.simulator.recorder import RecordedWrite, Violation
from connectors.simulator.world import Application, Person

OVERLAP_S = 0.002
"""The least time that a call counted as parallel takes, so that overlapping ones do overlap."""
QUIET_GRACE_S = 0.25
"""Requests that were under way when a 429 was sent are no violation of it."""


@dataclass(kw_only=True, eq=False)
class Simulator(ControlledAccount):
    """One simulated ATS. A vendor's class declares routes, authentication, limits and answers."""

    BASE_PATH: ClassVar[str] = ""
    KEY_HEADER: ClassVar[str] = "Authorization"
    CREDENTIALS: ClassVar[Mapping[str, str]]
    """The values under `credentials:`, with `{seed}` for the account's seed."""

    latency_s: float = 0.0
    time_scale: float = 1.0
    """The length of rate-limit windows: 0.02 makes 30 s last 0.6 s."""
    unlimited: bool = False
    """True for no rate limits."""

    def __post_init__(self) -> None:
        """Builds the world; nothing listens before `start`."""
        super().__post_init__()
        self.on_page: PageHook | None = None
        self.budget: Limit | None = None
        """The limit of every call, apart from those to the file store."""
        self.cursors_begin_ms = 0
        self.origin = ""
        self.file_origin = ""
        """The file store's own host, of a vendor that has one: another port."""
        self._quiet: dict[str, tuple[float, float]] = {}
        self._last_row: dict[str, object] = {}
        self._parallel: dict[str, Parallel] = {}
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._routes = [(route.method, _compiled(route.pattern), route) for route in self.routes()]

    # What a vendor declares

    def routes(self) -> list[Route]:
        """Every endpoint the vendor has."""
        raise NotImplementedError

    def authenticate(self, call: Call) -> None:
        """Let the call pass, set its actor, or raise the vendor's refusal."""
        raise NotImplementedError

    def refused(self, refusal: Refusal) -> Reply:
        """The vendor's answer to a refused call."""
        return Reply.of({"message": refusal.message}, refusal.status)

    def limit_for(self, call: Call) -> Limit | None:
        """The budget this call draws from: the account's; the file store has none."""
        return None if call.route.name == "file" else self.budget

    def limit_headers(self, call: Call, headers: dict[str, str]) -> dict[str, str]:  # noqa: ARG002 (a hook)
        """The headers about limits in this call's answer, of those that its budget has."""
        return headers

    def parallel_for(self, call: Call) -> int | None:  # noqa: ARG002 (a hook)
        """The number of calls to this operation that may run at once, or None."""
        return None

    def parallel_group(self, call: Call) -> str:
        """Calls of one group count together; by default lists, details and writes apart."""
        return call.route.operation

    def expire_tokens(self) -> None:
        """Makes every access token that is out invalid, or every cursor, where the keys do not end."""
        self.cursors_begin_ms = self.clock.now_ms() + 1

    @property
    def credentials(self) -> dict[str, str]:
        """The values under `credentials:` of an integration."""
        return {name: text.format(seed=self.seed) for name, text in self.CREDENTIALS.items()}

    @property
    def options(self) -> dict[str, str]:
        """The values under `options:` of an integration."""
        return {}

    # Life

    @property
    def url(self) -> str:
        """The `endpoint:` of an integration."""
        return self.origin + self.BASE_PATH

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one, and `url` has its number."""
        self._stopping = asyncio.Event()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        await web.TCPSite(self._runner, host, 0).start()
        bound, files = self._runner.addresses
        self.origin = f"http://{host}:{bound[1]}"
        self.file_origin = f"http://{host}:{files[1]}"

    async def stop(self) -> None:
        """Close every connection, also those that wait for an answer that never comes."""
        self._stopping.set()
        if self.webhooks is not None:
            await self.webhooks.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def facts(self) -> dict[str, object]:
        """The facts that are needed to connect to this simulator."""
        return {
            "connector": self.NAME,
            "endpoint": self.url,
            "credentials": self.credentials,
            "options": self.options,
            "acting_user": self.acting_user,
            "file_host": self.file_origin,
            "control": f"{self.origin}/_control/",
            "counts": self.counts(),
        }

    # For vendors' handlers

    def violated(self, rule: str, endpoint: str, detail: str = "") -> None:
        self.recorder.violations.append(Violation(self.clock.now_ms(), rule, endpoint, detail))

    def wrote(
        self,
        call: Call,
        owner: Person | Application | None = None,
        *,
        kind: str | None = None,
        effect: bool = True,
        body: dict[str, object] | None = None,
    ) -> None:
        """Records an accepted write to an application or a person, by default under the route's name.

        `body` replaces one that is no object.
        """
        application = owner if isinstance(owner, Application) else None
        person = self.world.people[owner.person] if isinstance(owner, Application) else owner
        write = RecordedWrite(
            at_ms=self.clock.now_ms(),
            kind=kind or call.route.name,
            application=self.application_key(application) if application else None,
            candidate=self.person_key(person) if person else None,
            body=call.json_object() if body is None else body,
            effect=effect,
            answered=call.fault is None or call.fault.kind not in {"lost_answer", "unanswered"},
        )
        self.recorder.writes.append(write)
        if effect and self.on_change is not None:
            ids = {"application": write.application, "candidate": write.candidate}
            self.on_change({name: each for name, each in ids.items() if each is not None}, "once")

    def serve_page(self, call: Call, page: ListedPage) -> ListedPage:
        """Apply ordered faults to a page, then run what is scheduled after this page."""
        page = self._faulty(call, page)
        if page.rows:
            self._last_row[call.route.name] = page.rows[-1]
        if self.on_page is not None:
            self.on_page(call.route.name, call.page)
        self.schedule.page_served(call.route.name, call.page)
        return page

    def link_origin(self, call: Call) -> str:
        """The origin of next-page links: this server, unless a fault names another host."""
        fault = call.fault
        return fault.to if fault is not None and fault.kind == "foreign_next" else self.origin

    # The course of one request

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/_control"):
            return await answer_control(self, request)
        call = Call(
            route=Route(request.method, request.path, "detail", "unknown", _nothing),
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=await request.read(),
            ids={},
        )
        reply = await self._answer(call)
        self.recorder.statuses[reply.status] += 1
        reply.headers.setdefault("Date", http_date(self.clock.now_ms()))
        delivery = Delivery(request, reply, call.fault, stopping=self._stopping)
        return await delivery.send()

    async def _answer(self, call: Call) -> Reply:
        try:
            self._route(call)
            return await self._admitted(call)
        except Refusal as refusal:
            return self._refusing(call, refusal)

    def _refusing(self, call: Call, refusal: Refusal) -> Reply:
        if refusal.rule is not None:
            self.violated(refusal.rule, call.route.name, refusal.message)
        reply = self.refused(refusal)
        reply.headers.update(refusal.headers)
        return reply

    def _route(self, call: Call) -> None:
        known_path = False
        for method, pattern, route in self._routes:
            found = pattern.fullmatch(call.path)
            if found is None:
                continue
            known_path = True
            if method == call.route.method:
                call.route, call.ids = route, found.groupdict()
                return
        status = 405 if known_path else 404
        raise Refusal(status, f"No such endpoint: {call.route.method}", rule="unknown_endpoint")

    async def _admitted(self, call: Call) -> Reply:
        self.recorder.requests[call.route.name] += 1
        self._check_quiet(call)
        self._check_secrets(call)
        slots = self._slots(call)
        if slots is not None and not slots.enter():
            self.violated("too_many_parallel", call.route.name, f"more than {slots.limit}")
            raise Refusal(429, "Too many concurrent requests", code="concurrent_limit_exceeded")
        if slots is not None:
            self.recorder.most_parallel = max(self.recorder.most_parallel, slots.running)
        try:
            delay_s = self.latency_s or (OVERLAP_S if slots is not None else 0.0)
            if delay_s:
                await asyncio.sleep(delay_s)
            return self._budgeted(call)
        finally:
            if slots is not None:
                slots.leave()

    def _budgeted(self, call: Call) -> Reply:
        limit = None if self.unlimited else self.limit_for(call)
        now = self._now()
        denied = limit.admit(now) if limit is not None else None
        if denied is not None:
            headers = self.limit_headers(call, denied.headers)
            return self._too_many(call, Denied(denied.wait_s, headers))
        call.fault = self.faults.take(call.route.operation, call.route.name)
        reply = self._handled(call)
        if limit is not None:
            for name, value in self.limit_headers(call, limit.headers(now)).items():
                reply.headers.setdefault(name, value)
        return reply

    def _handled(self, call: Call) -> Reply:
        fault = call.fault
        if fault is not None and fault.kind in INSTEAD:
            return self._instead(call, fault)
        if fault is not None and fault.kind == "expire_token":
            self.expire_tokens()
        try:
            if call.route.name == "file":
                if "Authorization" in call.headers:
                    self.violated("credentials_sent_to_file_store", "file")
            elif call.route.operation != "token":
                self.authenticate(call)
            return call.route.handler(call)
        except Refusal as refusal:
            return self._refusing(call, refusal)

    def _instead(self, call: Call, fault: Fault) -> Reply:
        if fault.kind == "rate_limited":
            headers, wait_s = self._retry_after(fault)
            return self._too_many(call, Denied(wait_s, headers))
        if fault.kind == "redirect":
            return Reply(
                fault.status if 300 <= fault.status < 400 else 302, b"", {"Location": fault.to}
            )
        if fault.kind == "web_page":
            return Reply(200, HTML, content_type="text/html")
        return self.refused(Refusal(fault.status, "Injected by a tester"))

    def _retry_after(self, fault: Fault) -> tuple[dict[str, str], float]:
        if fault.retry_after is None:
            return {}, 0.0
        if fault.retry_after == "date":
            at = self.clock.now_ms() + round(fault.date_in_s * 1000)
            return {"Retry-After": http_date(at)}, max(0.0, fault.date_in_s - 1.0)
        return {"Retry-After": str(fault.retry_after)}, float(fault.retry_after)

    def _too_many(self, call: Call, denied: Denied) -> Reply:
        now = self._now()
        if "retry-after" in {name.lower() for name in denied.headers}:
            self._quiet[_group(call)] = (now + QUIET_GRACE_S, now + denied.wait_s)
        code, headers = "rate_limit_exceeded", denied.headers
        return self._refusing(call, Refusal(429, "Rate limit exceeded", code=code, headers=headers))

    def _check_quiet(self, call: Call) -> None:
        since, until = self._quiet.get(_group(call), (0.0, 0.0))
        now = self._now()
        if since <= now < until - 0.05:
            self.violated(
                "called_during_retry_after", call.route.name, f"{until - now:.2f} s early"
            )

    def _check_secrets(self, call: Call) -> None:
        secrets = set(self.credentials.values())
        if secrets & set(call.query.values()):
            self.violated("credentials_in_query", call.route.name)
        if secrets & {v for name, v in call.headers.items() if name != self.KEY_HEADER}:
            self.violated("credentials_in_other_header", call.route.name)

    def _slots(self, call: Call) -> Parallel | None:
        limit = self.parallel_for(call)
        if limit is None:
            return None
        return self._parallel.setdefault(self.parallel_group(call), Parallel(limit))

    def _faulty(self, call: Call, page: ListedPage) -> ListedPage:
        kind = call.fault.kind if call.fault is not None else None
        if kind == "empty_page":
            return ListedPage([], page.next, page.here)
        if kind == "endless_next":
            return ListedPage(page.rows, page.here or page.next, page.here)
        if kind == "duplicate_row" and page.rows:
            before = self._last_row.get(call.route.name) if call.page > 1 else None
            again = before or page.rows[0]
            return ListedPage([again, *page.rows], page.next, page.here)
        if kind == "missing_row":
            return ListedPage(page.rows[:-1], page.next, page.here)
        return page

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))


def _nothing(call: Call) -> Reply:
    raise Refusal(404, call.path)


def _group(call: Call) -> str:
    return "token" if call.route.operation == "token" else "api"
