"""The control API lets another process see and steer everything a test in this one could."""

from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from connectors.simulator import Simulator
from tests.support.simulators import Start


@dataclass(frozen=True)
class Control:
    """The control API of a simulator, and the simulator itself."""

    simulator: Simulator
    http: aiohttp.ClientSession

    async def __call__(self, method: str, path: str = "", body: object = None) -> tuple[int, Any]:
        url = f"{self.simulator.origin}/_control/{path}"
        async with self.http.request(method, url, json=body) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def control(start: Start, http: aiohttp.ClientSession) -> Control:
    return Control(await start("lever", candidates=20), http)


async def test_the_facts_say_how_to_connect(control: Control) -> None:
    _, facts = await control("GET")

    assert facts["endpoint"] == control.simulator.url
    assert facts["credentials"] == control.simulator.credentials
    assert facts["counts"]["candidates"] == 20


async def test_truth_is_answered_as_in_process(control: Control) -> None:
    _, answer = await control("GET", "truth")
    truth = control.simulator.truth()

    assert answer["candidates"].keys() == truth.candidates.keys()
    assert {k: a["status"] for k, a in answer["applications"].items()} == {
        k: a["status"] for k, a in truth.applications.items()
    }


async def test_a_mutation_is_carried_out(control: Control) -> None:
    _, done = await control("POST", "mutate", {"kind": "move", "stage": "Offer"})

    assert control.simulator.truth().applications[done["application"]]["status"] == "offer"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "mutate", {"kind": "no_such"}),
        ("POST", "mutate", {"kind": "move", "application": "nobody"}),
        ("POST", "faults", {"kind": "no_such"}),
        ("POST", "schedule", {"list": "x"}),
        ("POST", "mutate", ["no object"]),
    ],
)
async def test_a_mistake_is_explained(control: Control, method: str, path: str, body: Any) -> None:
    status, answer = await control(method, path, body)

    assert status == 400
    assert answer["error"]


async def test_an_unknown_endpoint_is_answered_with_the_known_ones(control: Control) -> None:
    status, answer = await control("GET", "no-such")

    assert status == 404
    assert "GET /_control/truth" in answer["known"]


async def test_the_clock_is_steered_and_the_date_header_follows(
    control: Control, http: aiohttp.ClientSession
) -> None:
    await control("POST", "clock", {"freeze": "2027-01-02T03:04:05Z"})
    _, moved = await control("POST", "clock", {"advance_s": 60})

    async with http.get(f"{control.simulator.url}/stages") as answer:
        date = answer.headers["Date"]

    assert moved == {"now": "2027-01-02T03:05:05.000Z", "frozen": True}
    assert date == "Sat, 02 Jan 2027 03:05:05 GMT"


async def test_faults_are_ordered_listed_and_cleared(control: Control) -> None:
    await control("POST", "faults", {"kind": "reset", "operation": "list", "count": None})
    _, listed = await control("GET", "faults")
    await control("DELETE", "faults")
    _, cleared = await control("GET", "faults")

    assert [fault["kind"] for fault in listed["pending"]] == ["reset"]
    assert cleared["pending"] == []


async def test_a_scheduled_mutation_happens_between_two_pages(
    control: Control, http: aiohttp.ClientSession
) -> None:
    simulator = control.simulator
    order = {"kind": "new_applicant"}
    await control("POST", "schedule", {"list": "stages", "after_page": 1, "mutate": order})
    before = simulator.counts()["candidates"]
    key = aiohttp.encode_basic_auth(simulator.credentials["api_key"], "")
    async with http.get(f"{simulator.url}/stages", headers={"Authorization": key}):
        pass
    _, done = await control("GET", "schedule")

    assert simulator.counts()["candidates"] == before + 1
    assert [entry["kind"] for entry in done] == ["new_applicant"]


async def test_the_recorder_is_read_and_cleared(
    control: Control, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{control.simulator.url}/stages"):
        pass
    _, violations = await control("GET", "violations")
    _, requests = await control("GET", "requests")
    await control("DELETE", "ledger")
    _, after = await control("GET", "violations")

    assert [v["rule"] for v in violations] == ["basic_authorization_missing"]
    assert requests["requests"] == {"stages": 1}
    assert after == []
