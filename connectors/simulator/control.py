"""The tester's side door: everything under `/_control/` on the simulator's own port."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from connectors.simulator.actions import ActionRefused
from connectors.simulator.clock import iso, parse_ms
from connectors.simulator.commands import UnknownCommand, run_command
from connectors.simulator.faults import fault_from
from connectors.simulator.recorder import violation_json, write_json

if TYPE_CHECKING:
    from connectors.simulator.server import Simulator

Body = dict[str, object]
Answer = Callable[["Simulator", Body], object]


async def answer(simulator: "Simulator", request: web.Request) -> web.Response:
    """Answer one control request; mistakes get a 400 that says what is wrong."""
    name = request.path.removeprefix("/_control").strip("/")
    found = _endpoints().get((request.method, name))
    if found is None:
        known = sorted(f"{method} /_control/{path}" for method, path in _endpoints())
        return _json({"error": "no such control endpoint", "known": known}, 404)
    try:
        return _json(found(simulator, await _body(request)))
    except (UnknownCommand, ActionRefused, ValueError, KeyError, TypeError) as error:
        return _json({"error": f"{type(error).__name__}: {error}"}, 400)


def _endpoints() -> dict[tuple[str, str], Answer]:
    return {
        ("GET", ""): lambda s, _: s.facts(),
        ("GET", "truth"): _truth,
        ("GET", "counts"): lambda s, _: s.counts(),
        ("GET", "requests"): lambda s, _: s.recorder.as_json(),
        ("GET", "violations"): lambda s, _: [violation_json(v) for v in s.violations],
        ("GET", "writes"): lambda s, _: [write_json(w) for w in s.writes],
        ("DELETE", "ledger"): lambda s, _: s.recorder.clear(),
        ("GET", "clock"): _clock,
        ("POST", "clock"): _set_clock,
        ("POST", "mutate"): run_command,
        ("POST", "schedule"): _schedule,
        ("GET", "schedule"): lambda s, _: s.schedule.done,
        ("POST", "faults"): _add_fault,
        ("GET", "faults"): lambda s, _: {"pending": s.faults.pending, "served": s.faults.served},
        ("DELETE", "faults"): lambda s, _: s.faults.clear(),
    }


async def _body(request: web.Request) -> Body:
    value = msgspec.json.decode(await request.read() or b"{}")
    if not isinstance(value, dict):
        raise TypeError("the body must be a JSON object")
    return value


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )


def _truth(simulator: "Simulator", _: Body) -> object:
    truth = simulator.truth()
    return {"candidates": truth.candidates, "applications": truth.applications}


def _clock(simulator: "Simulator", _: Body) -> object:
    return {"now": iso(simulator.clock.now_ms()), "frozen": simulator.clock.frozen}


def _set_clock(simulator: "Simulator", body: Body) -> object:
    clock = simulator.clock
    if "freeze" in body:
        at = parse_ms(str(body["freeze"])) if isinstance(body["freeze"], str) else None
        clock.freeze(at)
    if body.get("resume"):
        clock.resume()
    if "advance_s" in body:
        clock.advance(float(str(body["advance_s"])))
    return _clock(simulator, body)


def _schedule(simulator: "Simulator", body: Body) -> object:
    order = body.get("mutate")
    if not isinstance(order, dict):
        raise TypeError("`mutate` must be an order")
    simulator.schedule.add(str(body["list"]), int(str(body.get("after_page", 1))), order)
    return {"scheduled": order.get("kind")}


def _add_fault(simulator: "Simulator", body: Body) -> object:
    fault = fault_from(body)
    simulator.faults.add(fault)
    return {"pending": len(simulator.faults.pending)}
