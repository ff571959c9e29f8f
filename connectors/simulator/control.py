"""The tester's side door: everything under `/_control/` on the simulator's own port."""

from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from connectors.simulator.account import Account
from connectors.simulator.actions import ActionRefused
from connectors.simulator.clock import iso, parse_ms
from connectors.simulator.commands import Schedule, UnknownCommand, run_command
from connectors.simulator.faults import FaultPlan, fault_from
from connectors.simulator.recorder import RecordedWrite, Recorder, Violation, to_json
from connectors.simulator.webhook_sender import WebhookSender

Body = dict[str, object]
Answer = Callable[["ControlledAccount", Body], object]


class ControlledAccount(Account):
    """An account with what a tester orders and looks at."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.recorder: Recorder = Recorder()
        self.faults: FaultPlan = FaultPlan(seed=self.seed)
        self.schedule: Schedule = Schedule(self)
        self.webhooks: WebhookSender | None = None

    @property
    def violations(self) -> list[Violation]:
        return self.recorder.violations

    @property
    def writes(self) -> list[RecordedWrite]:
        return self.recorder.writes

    def facts(self) -> dict[str, object]:
        """The facts that are needed to connect to this simulator."""
        raise NotImplementedError

    def send_webhooks(self, url: str, secret: str) -> WebhookSender:
        """Sends a signed event to this address for each change from now on.

        Raises:
            ValueError: the vendor sends no webhooks.
        """
        self.webhooks = WebhookSender(self.NAME, url, secret)
        self.on_change = self.webhooks.changed
        return self.webhooks


def _clock(account: ControlledAccount, body: Body) -> object:
    clock = account.clock
    if "freeze" in body:
        at = parse_ms(str(body["freeze"])) if isinstance(body["freeze"], str) else None
        clock.freeze(at)
    if body.get("resume"):
        clock.resume()
    if "advance_s" in body:
        clock.advance(float(str(body["advance_s"])))
    return {"now": iso(clock.now_ms()), "frozen": clock.frozen}


def _set_webhooks(account: ControlledAccount, body: Body) -> object:
    account.send_webhooks(str(body["url"]), str(body["secret"]))
    return _events(account, body)


def _events(account: ControlledAccount, _: Body) -> object:
    sender = account.webhooks
    return None if sender is None else {"answers": sender.answers, "held": len(sender.held)}


def _release(account: ControlledAccount, body: Body) -> object:
    if account.webhooks is None:
        raise ValueError("no address: POST /_control/webhooks comes first")
    return {"released": account.webhooks.release(reverse=bool(body.get("reverse")))}


def _add_scheduled(account: ControlledAccount, body: Body) -> object:
    command = body.get("mutate")
    if not isinstance(command, dict):
        raise TypeError("`mutate` must be a command")
    account.schedule.add(str(body["list"]), int(str(body.get("after_page", 1))), command)
    return {"scheduled": command.get("kind")}


def _add_fault(account: ControlledAccount, body: Body) -> object:
    account.faults.add(fault_from(body))
    return {"pending": len(account.faults.pending)}


ENDPOINTS: Mapping[tuple[str, str], Answer] = {
    ("GET", ""): lambda a, _: a.facts(),
    ("GET", "truth"): lambda a, _: a.truth(),
    ("GET", "counts"): lambda a, _: a.counts(),
    ("GET", "requests"): lambda a, _: a.recorder.as_json(),
    ("GET", "violations"): lambda a, _: [to_json(v) for v in a.violations],
    ("GET", "writes"): lambda a, _: [to_json(w) for w in a.writes],
    ("DELETE", "ledger"): lambda a, _: a.recorder.clear(),
    ("GET", "clock"): lambda a, _: _clock(a, {}),
    ("POST", "clock"): _clock,
    ("POST", "mutate"): run_command,
    ("POST", "schedule"): _add_scheduled,
    ("GET", "schedule"): lambda a, _: a.schedule.done,
    ("POST", "faults"): _add_fault,
    ("GET", "faults"): lambda a, _: {"pending": a.faults.pending, "served": a.faults.served},
    ("POST", "webhooks"): _set_webhooks,
    ("GET", "webhooks"): _events,
    ("POST", "webhooks/release"): _release,
    ("DELETE", "faults"): lambda a, _: a.faults.clear(),
}


async def answer_control(account: ControlledAccount, request: web.Request) -> web.Response:
    """Answers one control request; mistakes get a 400 that says what is wrong."""
    name = request.path.removeprefix("/_control").strip("/")
    found = ENDPOINTS.get((request.method, name))
    if found is None:
        known = sorted(f"{method} /_control/{path}" for method, path in ENDPOINTS)
        return _json({"error": "no such control endpoint", "known": known}, 404)
    try:
        return _json(found(account, await _body(request)))
    except (UnknownCommand, ActionRefused, ValueError, KeyError, TypeError) as error:
        return _json({"error": f"{type(error).__name__}: {error}"}, 400)


async def _body(request: web.Request) -> Body:
    value = msgspec.json.decode(await request.read() or b"{}")
    if not isinstance(value, dict):
        raise TypeError("the body must be a JSON object")
    return value


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )
