"""The stored state of an import."""

from datetime import timedelta
from uuid import UUID, uuid4

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.core.poll_state import (
    SAME_PASS,
    Deleting,
    ListingPass,
    ListPosition,
    PageInFlight,
    PollState,
    state_from,
)
from daemon.core.unread_fields import UnreadFields
from daemon.core.webhook_health import WebhookHealth
from models.times import EPOCH

names = st.sampled_from(["candidates", "applications"])
positions = st.none() | st.dictionaries(st.text("ab", max_size=2), st.integers(), max_size=2)
walks = st.builds(
    ListingPass,
    id=st.uuids(version=4),
    sweep=st.booleans(),
    began_at=st.just(EPOCH),
    done=st.lists(names, unique=True),
    positions=st.dictionaries(names, st.builds(ListPosition, positions, st.booleans())),
)
unread = st.builds(
    UnreadFields,
    st.dictionaries(st.text("12"), st.lists(st.text("ab")).map(tuple), max_size=2),
    st.booleans(),
)
states = st.builds(
    PollState,
    cursors=st.dictionaries(names, st.dictionaries(st.text("ab"), st.integers(), max_size=1)),
    mappings=st.dictionaries(names, st.text("12", max_size=1)),
    unread=st.dictionaries(names, unread),
    swept_at=st.none() | st.just(EPOCH),
    walk=st.none() | walks,
    webhooks=st.none()
    | st.builds(
        WebhookHealth, st.none() | st.just(EPOCH), st.none() | st.just(EPOCH), st.booleans()
    ),
    applying=st.lists(
        st.builds(PageInFlight, names, st.lists(st.text("12")).map(tuple), st.uuids(version=4)),
        max_size=2,
    ),
)


@given(states)
def test_what_is_stored_comes_back(state: PollState) -> None:
    assert state_from(state.to_value()).to_value() == state.to_value()


RUN = UUID(int=7)
STATE = PollState(
    cursors={"candidates": {"since": 2**40, "until": EPOCH}},
    cursors_at={"candidates": EPOCH},
    mappings={"candidates": "m1"},
    lookups={"candidates": "l1"},
    filled={"candidates": {"records": 40, "shares": {"candidate.phones": 0.5}}},
    unread={
        "candidates": UnreadFields({"4": ("candidate.phones",)}),
        "applications": UnreadFields(),
    },
    swept_at=EPOCH,
    walk=ListingPass(
        id=RUN,
        sweep=True,
        began_at=EPOCH,
        done=["candidates"],
        positions={"applications": ListPosition({"page": 2}, True, 1)},
        resumed_lists=frozenset({"candidates", "applications"}),
    ),
    applying=[PageInFlight("applications", ("1", "2"), RUN, 1)],
    deleting=Deleting("candidates", ("3",)),
    webhooks=WebhookHealth(EPOCH, None, True),
)
STORED = {
    "cursors": {"candidates": {"since": 2**40, "until": EPOCH}},
    "cursors_at": {"candidates": EPOCH},
    "mappings": {"candidates": "m1"},
    "lookups": {"candidates": "l1"},
    "filled": {"candidates": {"records": 40, "shares": {"candidate.phones": 0.5}}},
    "unread": {
        "candidates": {
            "records": [{"external_id": "4", "fields": ["candidate.phones"]}],
            "has_more": False,
        }
    },
    "swept_at": EPOCH,
    "walk": {
        "id": RUN,
        "sweep": True,
        "began_at": EPOCH,
        "done": ["candidates"],
        "positions": {"applications": {"position": {"page": 2}, "full": True, "failures": 1}},
    },
    "applying": [
        {"list": "applications", "external_ids": ["1", "2"], "import_id": RUN, "attempts": 1}
    ],
    "deleting": {"list": "candidates", "external_ids": ["3"]},
    "webhooks": {"polled_at": EPOCH, "gap_at": None, "healthy": True},
}
"""Its shape in MongoDB: after an update or a way back, another version goes on from it."""


def test_a_state_is_stored_in_the_shape_that_other_versions_read() -> None:
    as_in_mongodb = CodecOptions[dict[str, object]](
        uuid_representation=UuidRepresentation.STANDARD, tz_aware=True
    )

    stored = bson.decode(bson.encode(STATE.to_value(), codec_options=as_in_mongodb), as_in_mongodb)

    assert stored == STORED
    assert state_from(stored) == replace(STATE, unread={"candidates": STATE.unread["candidates"]})


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.uuids() | st.just(EPOCH),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
parts = sorted(PollState().to_value())
walk_parts = ["id", "sweep", "began_at", "done", "positions"]


@given(st.dictionaries(st.sampled_from(parts) | st.text(max_size=3), odd, max_size=5))
def test_parts_of_any_shape_are_read_or_taken_for_absent(stored: dict[str, object]) -> None:
    state = state_from(stored)

    state.sweep_is_due(EPOCH, timedelta(hours=1))
    assert state_from(state.to_value()).to_value() == state.to_value()


@given(states, st.sampled_from(parts), odd)
def test_one_odd_part_takes_no_other_with_it(state: PollState, name: str, value: object) -> None:
    stored = state.to_value()

    read = state_from(stored | {name: value}).to_value()

    assert {n: v for n, v in read.items() if n != name} == {
        n: v for n, v in stored.items() if n != name
    }


@given(walks, st.sampled_from(walk_parts), odd)
def test_an_odd_part_of_a_pass_is_no_pass_or_one_that_can_be_stored(
    walk: ListingPass, name: str, value: object
) -> None:
    stored = PollState(walk=walk).to_value()
    stored["walk"][name] = value

    state = state_from(stored)

    state.resume_or_begin(sweep=True, now=EPOCH, fresh=UUID(int=1))
    assert state_from(state.to_value()).to_value() == state.to_value()


def test_a_sweep_that_a_wrong_clock_dated_keeps_none_from_being_due() -> None:
    day = timedelta(days=1)
    ahead = {days: PollState(swept_at=EPOCH + timedelta(days=days)) for days in (0.5, 2, 36_500)}

    due = {days: state.sweep_is_due(EPOCH, day) for days, state in ahead.items()}

    assert due == {0.5: False, 2: True, 36_500: True}


@given(walks)
def test_a_list_taken_up_half_way_proves_no_absence(walk: ListingPass) -> None:
    stored = PollState(walk=walk).to_value()

    resumed_lists = state_from(stored).walk

    assert resumed_lists is not None
    begun = {name for name, at in walk.positions.items() if at.position is not None}
    assert resumed_lists.resumed_lists == begun | set(walk.done)


def test_a_pass_that_failed_goes_on_as_the_same_one_for_a_while_and_looks_at_every_list() -> None:
    walk = ListingPass(id=uuid4(), sweep=True, began_at=EPOCH, done=["candidates"])
    walk.begin("applications", full=True)
    walk.move("applications", {"page": 7})

    soon = walk.after_failure(EPOCH + SAME_PASS / 2, UUID(int=1))
    late = walk.after_failure(EPOCH + SAME_PASS + timedelta(seconds=1), UUID(int=1))

    assert (soon.id, soon.done, late.id, late.done) == (walk.id, [], UUID(int=1), [])
    assert soon.positions == late.positions == {"applications": ListPosition({"page": 7}, True)}
