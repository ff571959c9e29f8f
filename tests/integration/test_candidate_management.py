"""Both ways of handing candidates to ClearView end in the same state and report the same."""

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from config.operator_clearview import ByHttp, ClearView
from connectors.simulator import Fault
from connectors.simulator.clearview_services import ClearViewServices
from daemon.core.analytics import Period
from daemon.core.clearview_batch import ClearViewBatch, ClearViewOutcome, Patch
from daemon.core.service_errors import ServiceFailed, ServiceUnavailable
from daemon.ports.imports import CandidateManagement
from daemon.store.clearview_backends import ClearViewBackends
from daemon.store.clearview_candidates import MongoCandidateManagement
from daemon.store.connection import Mongo
from daemon.store.http_candidates import HttpCandidateManagement
from daemon.store.http_service import ClearViewHttp
from models.documents import ClearViewApplication, ClearViewCandidate
from models.status import ApplicationStatus
from tests.support.mongo_candidates import MongoCandidates
from tests.support.moving_clock import START, MovingClock
from tests.support.records import empty_application, empty_candidate

pytestmark = pytest.mark.mongo
TOKEN = "candidates-token"


@pytest.fixture
async def services(opened: Mongo) -> AsyncIterator[ClearViewServices]:
    async with ClearViewServices(token=TOKEN, store=MongoCandidates(opened)) as running:
        yield running


@pytest.fixture
async def http(services: ClearViewServices) -> AsyncIterator[ClearViewHttp]:
    client = ClearViewHttp(
        "The Candidate Management Service", services.url, TOKEN, clock=MovingClock()
    )
    yield client
    await client.close()


@pytest.fixture(params=["mongodb", "http"])
def management(request: pytest.FixtureRequest, opened: Mongo, http: ClearViewHttp) -> Any:
    integration = uuid4()
    if request.param == "mongodb":
        return MongoCandidateManagement(opened, integration), integration
    return HttpCandidateManagement(http, opened, integration), integration


def a_batch(**changes: Any) -> ClearViewBatch:
    return ClearViewBatch(import_id=uuid4(), at=START, **changes)


def a_candidate(external_id: str, **changes: Any) -> dict[str, Any]:
    return {**empty_candidate(external_id), **changes}


def an_application(external_id: str, candidate: str, **changes: Any) -> dict[str, Any]:
    return {**empty_application(external_id, candidate), **changes}


async def state_of(mongo: Mongo, integration: UUID) -> dict[str, dict[str, Any]]:
    """Every document by external id, without what depends on when and by whom it was written."""
    found = {}
    for document in (ClearViewCandidate, ClearViewApplication):
        rows = mongo.collection(document).find({"integration_id": integration})
        async for row in rows:
            if row.get("candidate_id") is not None:
                owner = await mongo.collection(ClearViewCandidate).find_one(
                    {"_id": row["candidate_id"]}
                )
                row["candidate_id"] = owner and owner["external_id"]
            for name in ("_id", "integration_id", "created_at", "updated_at", "import_id"):
                row.pop(name, None)
            found[row["external_id"]] = row
    return found


async def test_new_records_are_written_whole(management: Any, opened: Mongo) -> None:
    store, integration = management
    moment = START - timedelta(days=3)
    outcome = await store.apply(
        a_batch(
            new_candidates=[
                a_candidate(
                    "c1", first_name="Ada", custom_fields={"x": 1}, external_updated_at=moment
                )
            ],
            new_applications=[an_application("a1", "c1", applied_at=moment)],
        )
    )

    assert outcome == ClearViewOutcome()
    state = await state_of(opened, integration)
    assert state["c1"]["custom_fields"] == {"x": 1}
    assert state["c1"]["external_updated_at"] == moment
    assert state["c1"]["emails"] == []
    assert state["a1"]["applied_at"] == moment
    assert state["a1"]["candidate_id"] == "c1"
    row = await opened.clearview.applications.find_one({"external_id": "a1"})
    assert row is not None
    assert row["import_id"] is not None


async def test_what_is_there_already_is_left_alone_and_reported(
    management: Any, opened: Mongo
) -> None:
    store, integration = management
    first = {"new_candidates": [a_candidate("c1", first_name="Ada")]}
    applications = {"new_applications": [an_application("a1", "c1")]}
    await store.apply(a_batch(**first, **applications))
    outcome = await store.apply(
        a_batch(
            new_candidates=[a_candidate("c1", first_name="Other")],
            new_applications=[an_application("a1", "c1", source="Other")],
        )
    )

    assert outcome.existing_candidates == {"c1"}
    assert outcome.existing_applications == {"a1"}
    state = await state_of(opened, integration)
    assert (state["c1"]["first_name"], state["a1"]["source"]) == ("Ada", None)


async def test_a_patch_changes_its_fields_and_no_others(management: Any, opened: Mongo) -> None:
    store, integration = management
    await store.apply(
        a_batch(
            new_candidates=[a_candidate("c1", title="Baker", custom_fields={"x": 1, "y": 2})],
            new_applications=[an_application("a1", "c1", custom_fields={"z": 1})],
        )
    )
    await opened.clearview.candidates.update_one(
        {"integration_id": integration}, {"$set": {"company": "edited by a person"}}
    )
    await store.apply(
        a_batch(
            candidate_patches=[
                Patch("c1", {"title": None, "custom_fields.y": [3]}, ["custom_fields.x"])
            ],
            application_patches=[Patch("a1", {"custom_fields.n": None}, ["custom_fields.z"])],
        )
    )

    state = await state_of(opened, integration)
    assert state["c1"]["title"] is None
    assert state["c1"]["company"] == "edited by a person"
    assert state["c1"]["custom_fields"] == {"y": [3]}
    assert state["a1"]["custom_fields"] == {"n": None}


async def test_a_status_that_moved_on_is_reported_and_the_rest_is_set(
    management: Any, opened: Mongo
) -> None:
    store, integration = management
    await store.apply(
        a_batch(
            new_candidates=[a_candidate("c1")],
            new_applications=[an_application("a1", "c1", status=ApplicationStatus.OFFER)],
        )
    )
    outcome = await store.apply(
        a_batch(
            application_patches=[
                Patch(
                    "a1",
                    {
                        "status": ApplicationStatus.REJECTED,
                        "stage": {"external_id": "s", "name": "Gone"},
                        "source": "Referral",
                    },
                    expected_status=ApplicationStatus.SCREENING,
                )
            ]
        )
    )

    assert outcome.moved_applications == {"a1"}
    state = await state_of(opened, integration)
    assert (state["a1"]["status"], state["a1"]["source"]) == ("offer", "Referral")
    assert state["a1"]["stage"]["name"] is None


async def test_deleted_is_marked_once_and_comes_back_with_the_next_patch(
    management: Any, opened: Mongo
) -> None:
    store, integration = management
    await store.apply(
        a_batch(
            new_candidates=[a_candidate("c1"), a_candidate("c2")],
            new_applications=[an_application(f"a{n}", f"c{n % 2 + 1}") for n in range(4)],
        )
    )
    for day in (0, 1):
        await store.delete(
            candidates=["c1"],
            applications=["a1", "nobody"],
            at=START + timedelta(days=day),
            import_id=uuid4(),
        )
    state = await state_of(opened, integration)
    gone = {external_id for external_id, row in state.items() if row["deleted_at"] == START}
    assert gone == {"c1", "a0", "a2", "a1"}

    await store.apply(a_batch(candidate_patches=[Patch("c1", {"title": "Back"})]))

    assert (await state_of(opened, integration))["c1"]["deleted_at"] is None


@pytest.mark.parametrize("seed", range(12))
async def test_any_history_ends_in_the_same_state_both_ways(
    opened: Mongo, http: ClearViewHttp, seed: int
) -> None:
    ends = []
    for mode in ("mongodb", "http"):
        integration = uuid4()
        store: CandidateManagement = (
            MongoCandidateManagement(opened, integration)
            if mode == "mongodb"
            else HttpCandidateManagement(http, opened, integration, max_batch=3)
        )
        dice = random.Random(seed)
        outcomes = [await store.apply(a_random_batch(dice, first=n == 0)) for n in range(6)]
        ends.append((outcomes, await state_of(opened, integration)))

    assert ends[0] == ends[1]


def a_random_batch(dice: random.Random, *, first: bool) -> ClearViewBatch:
    """Everybody in the first batch, so that later patches find what they patch."""
    statuses = list(ApplicationStatus)
    if first or dice.random() < 0.3:
        return a_batch(
            new_candidates=[a_candidate(f"c{n}", title=dice.choice("xyz")) for n in range(8)],
            new_applications=[
                an_application(f"a{n}", f"c{n}", status=dice.choice(statuses)) for n in range(8)
            ],
        )
    people = dice.sample(range(8), 5)
    return a_batch(
        candidate_patches=[
            Patch(
                f"c{n}",
                {"tags": [dice.choice("xyz")], f"custom_fields.{dice.choice('pq')}": n},
                [f"custom_fields.{dice.choice('rs')}"],
            )
            for n in people
        ],
        application_patches=[
            Patch(
                f"a{n}",
                {
                    "status": dice.choice(statuses),
                    "source": dice.choice("xyz"),
                    **({"candidate_external_id": "c7"} if dice.random() < 0.1 else {}),
                },
                expected_status=dice.choice([None, *statuses]),
            )
            for n in dice.sample(people, 3)
        ],
    )


async def test_a_refused_record_does_not_stop_the_others(
    services: ClearViewServices, http: ClearViewHttp, opened: Mongo
) -> None:
    services.refuse_every = 3
    store = HttpCandidateManagement(http, opened, uuid4())
    outcome = await store.apply(
        a_batch(
            new_candidates=[a_candidate(f"c{n}") for n in range(1, 7)],
            new_applications=[an_application("a3", "c3"), an_application("a4", "c4")],
        )
    )

    assert outcome.failed_candidates.keys() == {"c3", "c6"}
    assert outcome.failed_applications.keys() == {"a3"}


async def test_a_record_that_spoils_its_batch_is_found(http: ClearViewHttp, opened: Mongo) -> None:
    integration = uuid4()
    store = HttpCandidateManagement(http, opened, integration)
    people = [a_candidate(f"c{n}") for n in range(9)]
    people[4]["tags"] = [{"not": "a text"}]
    outcome = await store.apply(a_batch(new_candidates=people))

    assert outcome.failed_candidates == {"c4": "The Candidate Management Service answered 422."}
    assert len(await state_of(opened, integration)) == 8


@pytest.mark.parametrize("status", [409, 412])
async def test_a_conflict_over_a_batch_is_settled_record_by_record(
    services: ClearViewServices, http: ClearViewHttp, opened: Mongo, status: int
) -> None:
    services.faults.add(Fault("error", status=status))
    integration = uuid4()
    store = HttpCandidateManagement(http, opened, integration)
    outcome = await store.apply(a_batch(new_candidates=[a_candidate(f"c{n}") for n in range(4)]))

    assert outcome == ClearViewOutcome()
    assert len(await state_of(opened, integration)) == 4


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("error", count=99, status=503), ServiceUnavailable),
        (Fault("error", count=1, status=401), ServiceFailed),
    ],
    ids=["down", "refused"],
)
async def test_a_service_that_is_down_fails_the_page_and_loses_nothing(
    services: ClearViewServices, http: ClearViewHttp, opened: Mongo, fault: Any, error: Any
) -> None:
    integration = uuid4()
    store = HttpCandidateManagement(http, opened, integration)
    batch = a_batch(new_candidates=[a_candidate("c1")])
    services.faults.add(fault)
    with pytest.raises(error):
        await store.apply(batch)
    services.faults.clear()
    await store.apply(batch)

    assert len(await state_of(opened, integration)) == 1


async def test_a_lost_answer_is_asked_again_under_the_same_key(
    services: ClearViewServices, http: ClearViewHttp, opened: Mongo
) -> None:
    services.faults.add(Fault("lost_answer", count=2))
    outcome = await HttpCandidateManagement(http, opened, uuid4()).apply(
        a_batch(new_candidates=[a_candidate("c1")])
    )

    # Without the key, the repetition would find its own record and call it an existing one.
    assert outcome.existing_candidates == frozenset()


async def test_more_than_a_full_batch_goes_in_several_requests(
    services: ClearViewServices, http: ClearViewHttp, opened: Mongo
) -> None:
    store = HttpCandidateManagement(http, opened, uuid4())
    await store.apply(a_batch(new_candidates=[a_candidate(f"c{n}") for n in range(1001)]))

    assert services.requests == ["POST /candidates:batchUpsert"] * 3


async def test_an_application_unknown_to_clearview_is_reported(
    http: ClearViewHttp, opened: Mongo
) -> None:
    store = HttpCandidateManagement(http, opened, uuid4())
    outcome = await store.apply(a_batch(application_patches=[Patch("a1", {"source": "x"})]))

    assert outcome.failed_applications.keys() == {"a1"}
    assert await store.statuses(["a1"]) == {}


async def test_the_operator_chooses_the_way_for_each_service(
    services: ClearViewServices, opened: Mongo
) -> None:
    by_http = ByHttp(mode="http", url=services.url, token=SecretStr(TOKEN))
    both = ClearViewBackends(
        ClearView(candidates=by_http, analytics=by_http), opened, MovingClock()
    )
    await both.candidates(uuid4()).apply(a_batch(new_candidates=[a_candidate("c1")]))
    await both.metrics.metrics(uuid4(), Period(START, START + timedelta(days=1)))
    await both.close()
    assert services.requests == ["POST /candidates:batchUpsert", "GET /analytics/hiring"]

    neither = ClearViewBackends(ClearView(), opened, MovingClock())
    await neither.candidates(uuid4()).apply(a_batch(new_candidates=[a_candidate("c2")]))
    await neither.metrics.metrics(uuid4(), Period(START, START + timedelta(days=1)))
    await neither.close()

    assert len(services.requests) == 2
    assert await opened.clearview.candidates.count_documents({}) == 2
