"""The tester's side door: everything under `/_control/` on the simulator's own port."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from connectors.simulator.actions import ActionRefused
from connectors.simulator.clock import iso, parse_ms
from connectors.simulator.commands import UnknownCommand, run_command
from connectors.simulator.faults import fault_from
from connectors.simulator.recorder import to_json

if TYPE_CHECKING:
    from connectors.simulator.server import Simulator

Body = dict[str, object]
Answer = Callable[["Simulator", Body], object]


def _clock(simulator: "Simulator", body: Body) -> object:
    clock = simulator.clock
    if "freeze" in body:
        at = parse_ms(str(body["freeze"])) if isinstance(body["freeze"], str) else None
        clock.freeze(at)
    if body.get("resume"):
        clock.resume()
    if "advance_s" in body:
        clock.advance(float(str(body["advance_s"])))
    return {"now": iso(clock.now_ms()), "frozen": clock.frozen}


def _set_webhooks(simulator: "Simulator", body: Body) -> object:
    simulator.send_webhooks(str(body["url"]), str(body["secret"]))
    return _events(simulator, body)


def _events(simulator: "Simulator", _: Body) -> object:
    sender = simulator.webhooks
    return None if sender is None else {"answers": sender.answers, "held": len(sender.held)}


def _release(simulator: "Simulator", body: Body) -> object:
    if simulator.webhooks is None:
        raise ValueError("no address: POST /_control/webhooks comes first")
    return {"released": simulator.webhooks.release(reverse=bool(body.get("reverse")))}


def _add_scheduled(simulator: "Simulator", body: Body) -> object:
    command = body.get("mutate")
    if not isinstance(command, dict):
        raise TypeError("`mutate` must be a command")
    simulator.schedule.add(str(body["list"]), int(str(body.get("after_page", 1))), command)
    return {"scheduled": command.get("kind")}


def _add_fault(simulator: "Simulator", body: Body) -> object:
    simulator.faults.add(fault_from(body))
    return {"pending": len(simulator.faults.pending)}


ENDPOINTS: Mapping[tuple[str, str], Answer] = MappingProxyType(
    {
        ("GET", ""): lambda s, _: s.facts(),
        ("GET", "truth"): lambda s, _: s.truth(),
        ("GET", "counts"): lambda s, _: s.counts(),
        ("GET", "requests"): lambda s, _: s.recorder.as_json(),
        ("GET", "violations"): lambda s, _: [to_json(v) for v in s.violations],
        ("GET", "writes"): lambda s, _: [to_json(w) for w in s.writes],
        ("DELETE", "ledger"): lambda s, _: s.recorder.clear(),
        ("GET", "clock"): lambda s, _: _clock(s, {}),
        ("POST", "clock"): _clock,
        ("POST", "mutate"): run_command,
        ("POST", "schedule"): _add_scheduled,
        ("GET", "schedule"): lambda s, _: s.schedule.done,
        ("POST", "faults"): _add_fault,
        ("GET", "faults"): lambda s, _: {"pending": s.faults.pending, "served": s.faults.served},
        ("POST", "webhooks"): _set_webhooks,
        ("GET", "webhooks"): _events,
        ("POST", "webhooks/release"): _release,
        ("DELETE", "faults"): lambda s, _: s.faults.clear(),
    }
)


async def answer_control(simulator: "Simulator", request: web.Request) -> web.Response:
    """Answers one control request; mistakes get a 400 that says what is wrong."""
    name = request.path.removeprefix("/_control").strip("/")
    found = ENDPOINTS.get((request.method, name))
    if found is None:
        known = sorted(f"{method} /_control/{path}" for method, path in ENDPOINTS)
        return _json({"error": "no such control endpoint", "known": known}, 404)
    try:
        return _json(found(simulator, await _body(request)))
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
