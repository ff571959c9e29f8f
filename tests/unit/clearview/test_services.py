"""The simulated services are strict, and break as they are asked to; the daemon's client copes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from connectors.simulator import Fault
from connectors.simulator.clearview_services import ClearViewServices
from connectors.simulator.clearview_store import InMemoryCandidates
from connectors.simulator.faults import FaultKind
from daemon.core.analytics import MetricsUnavailable, Period
from daemon.store.clearview_backends import HttpMetrics
from daemon.store.http_service import ClearViewHttp
from tests.support.moving_clock import START, MovingClock

TOKEN = "service-token"
ONE, TWO = UUID(int=1), UUID(int=2)
PERIOD = Period(START, START + timedelta(days=1))


@pytest.fixture
async def services() -> AsyncIterator[ClearViewServices]:
    async with ClearViewServices(token=TOKEN) as running:
        yield running


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def client(services: ClearViewServices, clock: MovingClock) -> AsyncIterator[ClearViewHttp]:
    opened = ClearViewHttp("The service", services.url, TOKEN, clock=clock, timeout_s=0.3)
    yield opened
    await opened.close()


def a_candidate(**changes: Any) -> dict[str, Any]:
    return {"id": ONE, "integration_id": TWO, "external_id": "c1", "first_name": "A", **changes}


async def raw(
    services: ClearViewServices, path: str, body: Any, **headers: str
) -> tuple[int, dict[str, Any]]:
    given = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "k", **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.post(services.url + path, json=body, headers=given) as answer,
    ):
        assert answer.content_type in {"application/json", "application/problem+json"}
        return answer.status, await answer.json(content_type=None)


async def test_a_wrong_token_is_refused(services: ClearViewServices) -> None:
    status, problem = await raw(services, "/notifications", {}, Authorization="Bearer other")

    assert (status, problem["status"]) == (401, 401)


@pytest.mark.parametrize(
    "body",
    [
        {"candidates": []},
        {"candidates": [{"external_id": "c1"}]},
        {"candidates": [{**a_candidate(), "id": str(ONE), "integration_id": str(TWO), "age": 3}]},
        {
            "candidates": [
                {"id": str(UUID(int=n)), "integration_id": str(TWO), "external_id": str(n)}
                for n in range(501)
            ]
        },
    ],
    ids=["empty", "no id", "unknown field", "501 records"],
)
async def test_a_body_that_breaks_the_contract_is_refused(
    services: ClearViewServices, body: Any
) -> None:
    status, problem = await raw(services, "/candidates:batchUpsert", body)

    assert status == 422
    assert problem["detail"]


async def test_a_repeated_key_has_one_effect_and_one_answer(
    services: ClearViewServices, client: ClearViewHttp
) -> None:
    body = {"candidates": [a_candidate()]}
    first = await client.post("/candidates:batchUpsert", body, key="k1")
    again = await client.post("/candidates:batchUpsert", body, key="k1")
    other_key = await client.post("/candidates:batchUpsert", body, key="k2")

    assert first == again == {"results": [{"id": str(ONE), "status": "created"}]}
    assert other_key["results"][0]["status"] == "unchanged"


async def test_a_key_used_for_something_else_is_a_conflict(services: ClearViewServices) -> None:
    await raw(services, "/candidates:batchUpsert", {"candidates": []})
    body = {"candidates": [{"id": str(ONE), "integration_id": str(TWO), "external_id": "c"}]}
    assert (await raw(services, "/candidates:batchUpsert", body))[0] == 200

    body["candidates"][0]["external_id"] = "d"

    assert (await raw(services, "/candidates:batchUpsert", body))[0] == 409


async def test_custom_fields_are_merged_and_everything_else_is_replaced(
    services: ClearViewServices, client: ClearViewHttp
) -> None:
    for number, change in enumerate(
        (
            {"tags": ["a", "b"], "custom_fields": {"x": 1, "y": 2}},
            {"tags": ["c"], "custom_fields": {"y": 3}, "unset": ["custom_fields.x"]},
        )
    ):
        await client.post(
            "/candidates:batchUpsert", {"candidates": [a_candidate(**change)]}, key=str(number)
        )

    assert isinstance(services.store, InMemoryCandidates)
    stored = services.store.candidates[ONE]
    assert stored["tags"] == ["c"]
    assert stored["custom_fields"] == {"y": 3}
    assert stored["first_name"] == "A"


async def test_a_status_that_moved_on_is_reported_and_not_overwritten(
    services: ClearViewServices, client: ClearViewHttp
) -> None:
    application = {"id": TWO, "external_id": "a1", "status": "offer"}
    await client.post(
        "/candidates:batchUpsert",
        {"candidates": [a_candidate(applications=[application])]},
        key="1",
    )
    guarded = {**application, "status": "interview", "expected_status": "screening"}
    answer = await client.post(
        "/candidates:batchUpsert", {"candidates": [a_candidate(applications=[guarded])]}, key="2"
    )

    (answered,) = answer["results"][0]["applications"]
    assert (answered["status"], answered["error"]) == ("failed", "status_moved")
    assert isinstance(services.store, InMemoryCandidates)
    assert services.store.applications[TWO]["status"] == "offer"


async def test_some_records_may_fail_while_others_are_written(
    services: ClearViewServices, client: ClearViewHttp
) -> None:
    services.refuse_every = 2
    batch = [a_candidate(id=UUID(int=n), external_id=str(n)) for n in range(4)]
    answer = await client.post("/candidates:batchUpsert", {"candidates": batch}, key="k")

    assert [r["status"] for r in answer["results"]] == ["created", "failed"] * 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", count=3, status=503),
        Fault("error", count=3, status=429, retry_after=7),
        Fault("timeout", count=1, seconds=5),
        Fault("reset", count=3),
        Fault("lost_answer", count=3),
        Fault("web_page", count=3),
    ],
    ids=lambda fault: fault.kind,
)
async def test_the_client_repeats_what_may_succeed_later(
    services: ClearViewServices, client: ClearViewHttp, fault: Fault
) -> None:
    services.faults.add(fault)
    metrics = await HttpMetrics(client).metrics(ONE, PERIOD)

    assert metrics["period"]["from"].startswith("2026-03-02T09:00")


async def test_metrics_name_their_period_even_if_the_service_does_not(
    services: ClearViewServices, client: ClearViewHttp
) -> None:
    async def without_a_period(*_: object) -> dict[str, Any]:
        return {"funnel": {"new": 3}}

    services.metrics = without_a_period
    metrics = await HttpMetrics(client).metrics(ONE, PERIOD)

    assert metrics["funnel"] == {"new": 3}
    assert metrics["period"]["from"].startswith("2026-03-02T09:00")


async def test_the_client_waits_as_long_as_it_is_asked_to(
    services: ClearViewServices, client: ClearViewHttp, clock: MovingClock
) -> None:
    services.faults.add(Fault("error", count=2, status=429, retry_after=7))
    await HttpMetrics(client).metrics(ONE, PERIOD)

    assert clock.monotonic() == 14.0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("error", count=99, status=503), "The service answered 503."),
        (Fault("error", count=1, status=403), "The service answered 403."),
        (Fault("redirect", count=1), "The service answered 307."),
        (Fault("reset", count=99), "The service cannot be reached"),
    ],
    ids=["down", "forbidden", "redirect", "unreachable"],
)
async def test_what_the_client_cannot_get_is_said_without_secrets(
    services: ClearViewServices, client: ClearViewHttp, fault: Fault, said: str
) -> None:
    services.faults.add(fault)
    with pytest.raises(MetricsUnavailable) as failed:
        await HttpMetrics(client).metrics(ONE, PERIOD)

    assert str(failed.value).startswith(said)
    assert TOKEN not in str(failed.value)


async def test_a_refusal_is_not_repeated(
    services: ClearViewServices, client: ClearViewHttp
) -> None:
    services.faults.add(Fault("error", status=403))
    with pytest.raises(MetricsUnavailable):
        await HttpMetrics(client).metrics(ONE, PERIOD)

    assert services.requests == ["GET /analytics/hiring"]


async def test_deleting_marks_once_and_knows_whom_it_does_not_know(
    services: ClearViewServices, client: ClearViewHttp
) -> None:
    application = {"id": TWO, "external_id": "a1", "status": "offer"}
    await client.post(
        "/candidates:batchUpsert",
        {"candidates": [a_candidate(applications=[application])]},
        key="1",
    )
    for day in (0, 1):
        order = {"deleted_at": START + timedelta(days=day)}
        await client.post(f"/candidates/{ONE}:delete", order, key=f"d{day}")

    assert isinstance(services.store, InMemoryCandidates)
    assert services.store.candidates[ONE]["deleted_at"] == START
    assert services.store.applications[TWO]["deleted_at"] == START
    status, _ = await raw(
        services, f"/candidates/{TWO}:delete", {"deleted_at": "2026-03-02T09:00:00Z"}
    )
    assert status == 404


@pytest.mark.parametrize("kind", ["rate_limited", "expire_token", "empty_page"])
async def test_a_fault_that_only_an_ats_can_have_is_refused(
    services: ClearViewServices, kind: FaultKind
) -> None:
    with pytest.raises(ValueError, match="is no fault here"):
        services.faults.add(Fault(kind))
