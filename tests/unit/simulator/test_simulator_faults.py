"""Ordered faults happen to the requests they were ordered for, and to no other."""

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
from yarl import URL

from connectors.simulator import Fault, Simulator
from connectors.simulator.faults import FaultKind, FaultPlan, fault_from
from tests.support.simulators import Start

TIMEOUT = aiohttp.ClientTimeout(total=0.3)


@pytest.fixture
async def lever(start: Start) -> Simulator:
    return await start("lever")


def headers(simulator: Simulator) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(simulator.credentials["api_key"], "")}


async def get(
    http: aiohttp.ClientSession, simulator: Simulator, path: str = "/opportunities", **kwargs: Any
) -> tuple[aiohttp.ClientResponse, bytes]:
    url = simulator.url + path
    async with http.get(url, headers=headers(simulator), **kwargs) as answer:
        return answer, await answer.read()


async def test_a_fault_is_served_as_often_as_ordered_and_then_all_is_well(
    lever: Simulator, http: aiohttp.ClientSession
) -> None:
    lever.faults.add(Fault("error", operation="list", status=502, count=2))

    statuses = [(await get(http, lever))[0].status for _ in range(3)]

    assert statuses == [502, 502, 200]
    assert lever.faults.pending == []


async def test_a_fault_for_writes_leaves_listings_alone(
    lever: Simulator, http: aiohttp.ClientSession
) -> None:
    lever.faults.add(Fault("error", operation="write"))

    answer, _ = await get(http, lever)

    assert answer.status == 200
    assert len(lever.faults.pending) == 1


async def test_a_fault_may_wait_and_name_its_endpoint(
    lever: Simulator, http: aiohttp.ClientSession
) -> None:
    lever.faults.add(Fault("error", name="stages", skip=1))

    statuses = [
        (await get(http, lever, path))[0].status
        for path in ("/stages", "/opportunities", "/stages", "/stages")
    ]

    assert statuses == [200, 200, 503, 200]


@pytest.mark.parametrize("retry_after", [2, "date", None])
async def test_a_429_says_when_to_come_back_in_every_spelling(
    lever: Simulator, http: aiohttp.ClientSession, retry_after: str | None
) -> None:
    lever.faults.add(Fault("rate_limited", retry_after=retry_after, date_in_s=30))

    answer, _ = await get(http, lever)
    said = answer.headers.get("Retry-After")

    assert answer.status == 429
    if retry_after == "date":
        assert said is not None
        ahead = parsedate_to_datetime(said).timestamp() - lever.clock.now_ms() / 1000
        assert 27 < ahead <= 30
    else:
        assert said == (None if retry_after is None else "2")


async def test_calling_again_before_the_time_is_a_violation(
    lever: Simulator, http: aiohttp.ClientSession
) -> None:
    lever.faults.add(Fault("rate_limited", retry_after=30))
    await get(http, lever)
    at_once = list(lever.violations)
    since, until = lever._quiet["api"]
    lever._quiet["api"] = (since - 1, until)

    await get(http, lever)

    assert at_once == []
    assert [v.rule for v in lever.violations] == ["called_during_retry_after"]


async def test_no_answer_ever_comes_and_stopping_still_works(
    lever: Simulator, http: aiohttp.ClientSession
) -> None:
    lever.faults.add(Fault("timeout"))

    with pytest.raises(TimeoutError):
        await get(http, lever, timeout=TIMEOUT)


@pytest.mark.parametrize("kind", ["reset", "reset_mid_body"])
async def test_the_connection_is_cut(
    lever: Simulator, http: aiohttp.ClientSession, kind: FaultKind
) -> None:
    lever.faults.add(Fault(kind))

    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientError)):
        await get(http, lever)


async def test_broken_bodies_are_broken_in_their_own_way(
    lever: Simulator, http: aiohttp.ClientSession
) -> None:
    _, whole = await get(http, lever)
    lever.faults.add(Fault("truncated"), Fault("html"), Fault("wrong_type"))

    _, half = await get(http, lever)
    page, html = await get(http, lever)
    text, same = await get(http, lever)

    assert whole.startswith(half)
    assert len(half) == len(whole) // 2
    assert (page.content_type, html[:9]) == ("text/html", b"<!doctype")
    assert (text.content_type, same) == ("text/plain", whole)


async def test_a_redirect_points_where_the_tester_wants(
    lever: Simulator, http: aiohttp.ClientSession
) -> None:
    lever.faults.add(Fault("redirect", status=307, to="http://other.invalid/x"))

    answer, _ = await get(http, lever, allow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (307, "http://other.invalid/x")


async def test_a_dripping_answer_is_whole_in_the_end(
    lever: Simulator, http: aiohttp.ClientSession
) -> None:
    lever.faults.add(Fault("drip", name="stages", seconds=0.001))

    _, body = await get(http, lever, "/stages")

    assert body.endswith(b'"hasNext":false}')


@pytest.mark.parametrize("kind", ["huge", "gzip_bomb"])
async def test_a_body_can_be_far_too_large(
    lever: Simulator, http: aiohttp.ClientSession, kind: FaultKind
) -> None:
    lever.faults.add(Fault(kind, megabytes=4))

    answer, body = await get(http, lever)

    assert len(body) > 4 * 1024 * 1024
    assert (answer.headers.get("Content-Encoding") == "gzip") == (kind == "gzip_bomb")


async def test_page_faults_change_the_page_and_not_the_account(
    lever: Simulator, http: aiohttp.ClientSession
) -> None:
    async def page(**params: str) -> dict[str, Any]:
        url = f"{lever.url}/opportunities"
        async with http.get(url, headers=headers(lever), params={"limit": "5"} | params) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    first = await page()
    lever.faults.add(Fault("empty_page"), Fault("endless_next"), Fault("duplicate_row"))
    empty = await page()
    endless = await page()
    doubled = await page(offset=first["next"])
    same = await page(offset=endless["next"])
    lever.faults.add(Fault("missing_row"))
    short = await page()

    assert (empty["data"], empty["hasNext"]) == ([], True)
    assert [r["id"] for r in same["data"]] == [r["id"] for r in first["data"]]
    assert doubled["data"][0]["id"] == first["data"][-1]["id"]
    assert len(doubled["data"]) == 6
    assert [r["id"] for r in short["data"]] == [r["id"] for r in first["data"]][:-1]
    assert short["next"] != endless["next"]


async def test_next_links_may_lead_to_another_host(
    start: Start, http: aiohttp.ClientSession
) -> None:
    simulator = await start("greenhouse")
    credentials = simulator.credentials
    basic = aiohttp.encode_basic_auth(credentials["client_id"], credentials["client_secret"])
    form = {"grant_type": "client_credentials"}
    async with http.post(
        simulator.options["token_url"], data=form, headers={"Authorization": basic}
    ) as answer:
        token = (await answer.json())["access_token"]
    simulator.faults.add(Fault("foreign_next", to="http://other.invalid"))

    async with http.get(
        f"{simulator.url}/candidates?per_page=5", headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        following = URL(str(answer.links["next"]["url"]))

    assert following.host == "other.invalid"


@pytest.mark.parametrize(
    ("kind", "error"), [("lost_answer", aiohttp.ClientError), ("unanswered", TimeoutError)]
)
async def test_a_write_may_take_effect_without_an_answer(
    lever: Simulator, http: aiohttp.ClientSession, kind: FaultKind, error: type[Exception]
) -> None:
    application = next(a for a in lever.world.applications.values() if a.state == "active")
    target = next(s for s in lever.world.stages.values() if s.number != application.stage)
    lever.faults.add(Fault(kind, operation="write"))
    url = f"{lever.url}/opportunities/{lever.application_key(application)}/stage"

    with pytest.raises(error):
        await http.put(
            url,
            headers=headers(lever),
            json={"stage": lever.stage_key(target)},
            timeout=TIMEOUT,
        )

    assert application.stage == target.number
    assert [(write.effect, write.answered) for write in lever.writes] == [(True, False)]


async def test_tokens_that_end_in_the_middle_of_a_walk_are_refused_once(
    start: Start, http: aiohttp.ClientSession
) -> None:
    ashby = await start("ashby")
    url = f"{ashby.url}/candidate.list"
    sent = headers(ashby) | {"Accept": "application/json; version=1"}
    async with http.post(url, headers=sent, json={"limit": 5}) as answer:
        cursor = (await answer.json())["nextCursor"]
    ashby.faults.add(Fault("expire_token"))

    async with http.post(url, headers=sent, json={"limit": 5, "cursor": cursor}) as answer:
        body = await answer.json()

    assert body["errorInfo"]["code"] == "cursor_invalid"


async def test_parallel_calls_beyond_the_limit_are_refused_and_recorded(
    start: Start, http: aiohttp.ClientSession
) -> None:
    ashby = await start("ashby", concurrency=2, latency_s=0.05)
    sent = headers(ashby) | {"Accept": "application/json; version=1"}

    async def call() -> int:
        async with http.post(f"{ashby.url}/job.list", headers=sent, json={}) as answer:
            return answer.status

    statuses = await asyncio.gather(*(call() for _ in range(4)))

    assert sorted(statuses) == [200, 200, 429, 429]
    assert {v.rule for v in ashby.violations} == {"too_many_parallel"}


def test_probability_is_drawn_with_the_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        plan = FaultPlan(seed=seed)
        plan.add(Fault("error", probability=0.5, count=None))
        return [plan.take("list", "x") is not None for _ in range(40)]

    assert drawn(3) == drawn(3)
    assert 5 < sum(drawn(3)) < 35


@pytest.mark.parametrize("order", [{"kind": "no_such"}, {"count": 1}, {"kind": "reset", "x": 1}])
def test_an_order_for_an_unknown_fault_is_refused(order: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fault"):
        fault_from(order)


async def test_stopping_ends_answers_that_never_come(
    start: Start, http: aiohttp.ClientSession
) -> None:
    simulator = await start("lever")
    simulator.faults.add(Fault("timeout"))
    asked = asyncio.create_task(get(http, simulator))
    while not simulator.faults.served:
        await asyncio.sleep(0)
    began = time.monotonic()

    await simulator.stop()

    with pytest.raises(aiohttp.ClientError):
        await asked
    assert time.monotonic() - began < 5
