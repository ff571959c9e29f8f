"""Worlds are seeded, actions bump what they should, ids lead back, truth follows the world."""

import time
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.simulator import UnknownSimulator, create_simulator, names
from connectors.simulator.actions import ActionRefused
from connectors.simulator.clock import SimClock, iso, parse_ms
from connectors.simulator.commands import UnknownCommand, run_command
from connectors.simulator.ids import NumberIds, UuidIds
from connectors.simulator.limits import FixedWindow, SlidingWindow, TokenBucket
from connectors.simulator.rows import Ordered
from connectors.simulator.world import Contact

CANONICAL = {
    "new",
    "reviewing",
    "screening",
    "assessment",
    "interview",
    "background_check",
    "offer",
    "hired",
    "rejected",
    "withdrawn",
}


def vendors() -> list[str]:
    return names()


def test_the_first_vendors_can_be_simulated() -> None:
    assert {"ashby", "greenhouse", "lever"} <= set(names())


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownSimulator, match="greenhouse"):
        create_simulator("greenhose")


def test_an_option_that_a_vendor_lacks_is_refused() -> None:
    with pytest.raises(TypeError):
        create_simulator("lever", candidates=1, no_such_option=1)


@pytest.mark.parametrize("name", vendors())
def test_the_same_seed_gives_the_same_account_and_another_another(name: str) -> None:
    first, again, other = (create_simulator(name, candidates=50, seed=s) for s in (7, 7, 8))

    assert first.truth() == again.truth()
    assert first.truth() != other.truth()


@pytest.mark.parametrize("name", vendors())
def test_truth_speaks_canonical_words_and_hangs_together(name: str) -> None:
    truth = create_simulator(name, candidates=300, seed=2).truth()
    statuses = {a["status"] for a in truth.applications.values()}
    owners = {a["candidate_external_id"] for a in truth.applications.values()}

    assert statuses <= CANONICAL
    assert {"hired", "rejected", "withdrawn", "interview"} <= statuses
    assert owners <= set(truth.candidates)


@pytest.mark.parametrize("name", vendors())
def test_no_timestamp_lies_in_the_future(name: str) -> None:
    simulator = create_simulator(name, candidates=100)
    now = simulator.clock.now_ms()

    assert all((p.updated_ms or 0) <= now for p in simulator.world.people.values())
    assert all((a.updated_ms or 0) <= now for a in simulator.world.applications.values())


@pytest.mark.parametrize("name", vendors())
def test_stages_that_no_rule_maps_count_as_reviewing(name: str) -> None:
    simulator = create_simulator(name, candidates=200, unknown_stages=2)
    odd = {"Coffee with the founders", "Moonshot loop"}
    found = [a for a in simulator.truth().applications.values() if a["stage"]["name"] in odd]
    open_ones = {a["status"] for a in found} - {"rejected", "withdrawn", "hired"}

    assert open_ones == {"reviewing"}


@pytest.mark.parametrize("name", vendors())
def test_every_order_is_carried_out_and_shows_in_the_truth(name: str) -> None:
    simulator = create_simulator(name, candidates=40)
    new = run_command(simulator, {"kind": "new_applicant", "changes": {"title": "Baker"}})
    key = str(new["application"])
    stages = simulator.world.stages.values()
    offer = next(stage.name for stage in stages if stage.status == "offer")

    moved = run_command(simulator, {"kind": "move", "application": key, "stage": offer})
    offered = simulator.truth().applications[key]["status"]
    run_command(simulator, {"kind": "withdraw", "application": key})
    withdrawn = simulator.truth().applications[key]["status"]
    run_command(simulator, {"kind": "unreject", "application": key})
    reopened = simulator.truth().applications[key]["status"]
    run_command(simulator, {"kind": "hire", "application": key})
    hired = simulator.truth().applications[key]["status"]
    run_command(simulator, {"kind": "delete_candidate", "candidate": new["candidate"]})

    assert moved["candidate"] == new["candidate"]
    assert (offered, withdrawn, reopened, hired) == ("offer", "withdrawn", "offer", "hired")
    assert key not in simulator.truth().applications
    assert new["candidate"] not in simulator.truth().candidates


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "no_such"},
        {"kind": "move", "application": "nobody"},
        {"kind": "edit_person", "candidate": "nobody", "changes": {}},
        {"kind": "edit_person", "changes": {"sequence": 1}},
        {"kind": "move", "stage": "No such stage"},
        {"kind": "reject", "reason": "No such reason"},
    ],
)
def test_an_order_for_what_does_not_exist_is_refused(order: dict[str, Any]) -> None:
    with pytest.raises((UnknownCommand, ActionRefused)):
        run_command(create_simulator("lever", candidates=20), order)


def test_an_edit_bumps_updated_at_unless_asked_not_to() -> None:
    simulator = create_simulator("greenhouse", candidates=10)
    person = simulator.world.people[1]
    before = person.updated_ms

    simulator.actions.edit_person(person, {"title": "Silent"}, bump=False)
    silent = person.updated_ms
    simulator.actions.edit_person(person, {"emails": ["new@example.org"]})

    assert silent == before
    assert (person.updated_ms or 0) > (before or 0)
    assert person.emails == [Contact("new@example.org", "other")]


def test_many_records_can_share_a_timestamp_or_have_none() -> None:
    simulator = create_simulator("lever", candidates=30, without_updated_at=0.5)
    missing = [p for p in simulator.world.people.values() if p.updated_ms is None]

    run_command(simulator, {"kind": "set_updated_at", "at": "2026-09-01T00:00:00Z", "first": 30})

    assert 5 < len(missing) < 25
    assert {p.updated_ms for p in simulator.world.people.values()} == {1_788_220_800_000}


def test_a_merge_gives_the_applications_away_and_removes_the_duplicate() -> None:
    simulator = create_simulator("greenhouse", candidates=10)
    primary, duplicate = simulator.world.people[1], simulator.world.people[2]
    moved = list(duplicate.applications)

    simulator.actions.merge(primary, duplicate)

    assert duplicate.number not in simulator.world.people
    assert {simulator.world.applications[n].person for n in moved} == {1}
    with pytest.raises(ActionRefused):
        simulator.actions.merge(primary, primary)


@pytest.mark.parametrize("ids", [NumberIds(20_000_000), UuidIds("some.kind")])
@given(number=st.integers(min_value=1, max_value=9_000_000))
def test_an_id_leads_back_to_its_number_only_in_its_own_space(
    ids: NumberIds | UuidIds, number: int
) -> None:
    other = NumberIds(40_000_000) if isinstance(ids, NumberIds) else UuidIds("other.kind")

    assert ids.number(ids.of(number)) == number
    assert ids.number(ids.text(number)) == number
    assert other.number(ids.text(number)) is None


@given(at=st.integers(min_value=0, max_value=4_000_000_000_000))
def test_times_survive_being_written_down(at: int) -> None:
    assert parse_ms(iso(at)) == at


def test_the_clock_can_stand_still_jump_and_go_on() -> None:
    real = [100.0]
    clock = SimClock(real=lambda: real[0])
    clock.freeze()
    real[0] = 150.0
    frozen = clock.now_ms()
    clock.advance(7)
    clock.resume()
    real[0] = 151.0

    assert frozen == 100_000
    assert clock.now_ms() == 108_000


@given(gaps=st.lists(st.floats(min_value=0, max_value=3), max_size=60))
def test_a_fixed_window_never_admits_more_than_its_limit(gaps: list[int]) -> None:
    window, now, admitted = FixedWindow(3, 2.0), 10.0, []
    for gap in gaps:
        now += gap
        if window.admit(now) is None:
            admitted.append(now)

    two_windows_later = zip(admitted, admitted[6:], strict=False)
    assert all(later - earlier >= 2.0 - 1e-9 for earlier, later in two_windows_later)


@given(gaps=st.lists(st.floats(min_value=0, max_value=3), max_size=60))
def test_a_sliding_window_admits_its_limit_in_any_stretch_of_its_length(gaps: list[int]) -> None:
    window, now, admitted = SlidingWindow(3, 2.0), 10.0, []
    for gap in gaps:
        now += gap
        if window.admit(now) is None:
            admitted.append(now)

    assert all(
        later - earlier >= 2.0 - 1e-9
        for earlier, later in zip(admitted, admitted[3:], strict=False)
    )


@given(gaps=st.lists(st.floats(min_value=0, max_value=1), max_size=60))
def test_a_token_bucket_admits_its_burst_and_then_its_rate(gaps: list[int]) -> None:
    bucket, now, admitted = TokenBucket(2.0, 4), 0.0, 0
    for gap in gaps:
        now += gap
        admitted += bucket.admit(now) is None

    assert admitted <= 4 + 2.0 * now + 1e-6


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 6)), max_size=25))
def test_an_ordering_stays_sorted_while_records_change(steps: Any) -> None:
    simulator = create_simulator("lever", candidates=12)
    world = simulator.world

    def key(number: int) -> Any:
        application = world.applications.get(number)
        return None if application is None else (application.stage, number)

    ordered = Ordered(world, "application", key)
    for number, stage in steps:
        application = world.applications.get(number)
        if application is None:
            continue
        if stage == 0:
            simulator.actions.delete_application(application)
        else:
            simulator.actions.move(application, world.stages[stage])

    assert [n for _, n in ordered.after(None)] == sorted(
        world.applications, key=lambda n: (world.applications[n].stage, n)
    )


def test_the_facts_say_how_to_connect() -> None:
    facts = create_simulator("ashby", candidates=5).facts()

    assert set(facts) >= {"endpoint", "credentials", "options", "counts", "control"}
    assert facts["counts"] == create_simulator("ashby", candidates=5).counts()


@pytest.mark.parametrize("name", vendors())
def test_the_truth_can_be_written_as_json(name: str) -> None:
    truth = create_simulator(name, candidates=5).truth()

    assert msgspec.json.decode(msgspec.json.encode(truth.candidates)).keys() == (
        truth.candidates.keys()
    )


@pytest.mark.slow
async def test_a_hundred_thousand_candidates_are_built_and_listed(
    http: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.perf_counter()
    simulator = create_simulator("ashby", candidates=100_000)
    built = time.perf_counter()
    await simulator.start()
    sent = {
        "Authorization": aiohttp.encode_basic_auth(simulator.credentials["api_key"], ""),
        "Accept": "application/json; version=1",
    }
    walks: list[float] = []
    for _ in range(2):
        start, found = time.perf_counter(), 0
        body: dict[str, str] | None = {}
        while body is not None:
            url = f"{simulator.url}/candidate.list"
            async with http.post(url, headers=sent, json=body) as answer:
                page = msgspec.json.decode(await answer.read())
            found += len(page["results"])
            body = {"cursor": page["nextCursor"]} if page["moreDataAvailable"] else None
        walks.append(time.perf_counter() - start)
    await simulator.stop()
    with capsys.disabled():
        print(
            f"\n100k: built {built - began:.1f} s, first walk {walks[0]:.1f} s, second {walks[1]:.1f} s"
        )

    assert found == 100_000
