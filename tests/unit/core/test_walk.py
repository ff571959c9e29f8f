"""The stored state of an import."""

from datetime import timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.walk import SAME_PASS, Applying, ListPosition, PollState, Walk, state_from
from models.times import EPOCH

names = st.sampled_from(["candidates", "applications"])
positions = st.none() | st.dictionaries(st.text("ab", max_size=2), st.integers(), max_size=2)
walks = st.builds(
    Walk,
    id=st.uuids(version=4),
    sweep=st.booleans(),
    began_at=st.just(EPOCH),
    done=st.lists(names, unique=True),
    positions=st.dictionaries(names, st.builds(ListPosition, positions, st.booleans())),
)
states = st.builds(
    PollState,
    cursors=st.dictionaries(names, st.dictionaries(st.text("ab"), st.integers(), max_size=1)),
    mappings=st.dictionaries(names, st.text("12", max_size=1)),
    swept_at=st.none() | st.just(EPOCH),
    walk=st.none() | walks,
    applying=st.lists(
        st.builds(Applying, names, st.lists(st.text("12")).map(tuple), st.uuids(version=4)),
        max_size=2,
    ),
)


@given(states)
def test_what_is_stored_comes_back(state: PollState) -> None:
    assert state_from(state.to_value()).to_value() == state.to_value()


@given(walks)
def test_a_list_taken_up_half_way_proves_no_absence(walk: Walk) -> None:
    stored = PollState(walk=walk).to_value()

    taken_up = state_from(stored).walk

    assert taken_up is not None
    begun = {name for name, at in walk.positions.items() if at.position is not None}
    assert taken_up.taken_up == begun | set(walk.done)


def test_a_pass_that_failed_goes_on_as_the_same_one_for_a_while_and_looks_at_every_list() -> None:
    walk = Walk(id=uuid4(), sweep=True, began_at=EPOCH, done=["candidates"])
    walk.begin("applications", full=True)
    walk.move("applications", {"page": 7})

    soon = walk.after_failure(EPOCH + SAME_PASS / 2, UUID(int=1))
    late = walk.after_failure(EPOCH + SAME_PASS + timedelta(seconds=1), UUID(int=1))

    assert (soon.id, soon.done, late.id, late.done) == (walk.id, [], UUID(int=1), [])
    assert soon.positions == late.positions == {"applications": ListPosition({"page": 7}, True)}
