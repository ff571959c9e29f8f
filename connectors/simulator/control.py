"""The tester's side door: everything under `/_control/` on the simulator's own port."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from connectors.simulator.account import Account
from connectors.simulator.actions import ActionRefused
from connectors.simulator.clock import iso, parse_ms
from connectors.simulator.commands import Schedule, UnknownCommand, run_command
from connectors.simulator.faults import FaultPlan, fault_from
from connectors.simulator.recorder import Recorder, to_json
from connectors.simulator.webhook_sender import WebhookSender

Body = dict[str, object]
Answer = Callable[[Body], object]


class Control:
    """Answers control requests about one account."""

    def __init__(
        self,
        account: Account,
        recorder: Recorder,
        faults: FaultPlan,
        schedule: Schedule,
        facts: Callable[[], object],
        send_webhooks: Callable[[str, str], object],
    ) -> None:
        """`facts` returns what someone needs to connect to the simulator."""
        self._send_webhooks = send_webhooks
        self.webhooks: WebhookSender | None = None
        self._account = account
        self._faults = faults
        self._schedule = schedule
        self._endpoints: dict[tuple[str, str], Answer] = {
            ("GET", ""): lambda _: facts(),
            ("GET", "truth"): self._truth,
            ("GET", "counts"): lambda _: account.counts(),
            ("GET", "requests"): lambda _: recorder.as_json(),
            ("GET", "violations"): lambda _: [to_json(v) for v in recorder.violations],
            ("GET", "writes"): lambda _: [to_json(w) for w in recorder.writes],
            ("DELETE", "ledger"): lambda _: recorder.clear(),
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._set_clock,
            ("POST", "mutate"): lambda body: run_command(account, body),
            ("POST", "schedule"): self._add_scheduled,
            ("GET", "schedule"): lambda _: schedule.done,
            ("POST", "faults"): self._add_fault,
            ("GET", "faults"): lambda _: {"pending": faults.pending, "served": faults.served},
            ("POST", "webhooks"): self._set_webhooks,
            ("GET", "webhooks"): lambda _: self._events(),
            ("POST", "webhooks/release"): self._release,
            ("DELETE", "faults"): lambda _: faults.clear(),
        }

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one control request; mistakes get a 400 that says what is wrong."""
        name = request.path.removeprefix("/_control").strip("/")
        found = self._endpoints.get((request.method, name))
        if found is None:
            known = sorted(f"{method} /_control/{path}" for method, path in self._endpoints)
            return _json({"error": "no such control endpoint", "known": known}, 404)
        try:
            return _json(found(await _body(request)))
        except (UnknownCommand, ActionRefused, ValueError, KeyError, TypeError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    def _truth(self, _: Body) -> object:
        truth = self._account.truth()
        return {"candidates": truth.candidates, "applications": truth.applications}

    def _clock(self, _: Body) -> object:
        clock = self._account.clock
        return {"now": iso(clock.now_ms()), "frozen": clock.frozen}

    def _set_clock(self, body: Body) -> object:
        clock = self._account.clock
        if "freeze" in body:
            at = parse_ms(str(body["freeze"])) if isinstance(body["freeze"], str) else None
            clock.freeze(at)
        if body.get("resume"):
            clock.resume()
        if "advance_s" in body:
            clock.advance(float(str(body["advance_s"])))
        return self._clock(body)

    def _set_webhooks(self, body: Body) -> object:
        self._send_webhooks(str(body["url"]), str(body["secret"]))
        return self._events()

    def _events(self) -> object:
        sender = self.webhooks
        return None if sender is None else {"answers": sender.answers, "held": len(sender.held)}

    def _release(self, body: Body) -> object:
        if self.webhooks is None:
            raise ValueError("no address: POST /_control/webhooks comes first")
        return {"released": self.webhooks.release(reverse=bool(body.get("reverse")))}

    def _add_scheduled(self, body: Body) -> object:
        command = body.get("mutate")
        if not isinstance(command, dict):
            raise TypeError("`mutate` must be a command")
        self._schedule.add(str(body["list"]), int(str(body.get("after_page", 1))), command)
        return {"scheduled": command.get("kind")}

    def _add_fault(self, body: Body) -> object:
        self._faults.add(fault_from(body))
        return {"pending": len(self._faults.pending)}


async def _body(request: web.Request) -> Body:
    value = msgspec.json.decode(await request.read() or b"{}")
    if not isinstance(value, dict):
        raise TypeError("the body must be a JSON object")
    return value


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )
