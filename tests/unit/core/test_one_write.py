"""However many records of a page speak of a person, ClearView is written once, with the same end."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.clearview_batch import ClearViewBatch, Patch
from daemon.core.coalesce_batch import fold_candidates, patched
from daemon.core.snapshot import Record
from tests.support.records import empty_candidate

IMPORT = UUID(int=1)
AT = datetime(2026, 3, 2, tzinfo=UTC)
people = st.sampled_from(["1", "2"])
words = st.sampled_from(["a", "b", "c"])
plain = st.dictionaries(st.sampled_from(["first_name", "company"]), words, max_size=2)
custom = st.dictionaries(st.sampled_from(["custom_fields.x", "custom_fields.y"]), words, max_size=2)
whole: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}), st.fixed_dictionaries({"custom_fields": st.dictionaries(words, words)})
)


@st.composite
def patches(draw: st.DrawFn) -> Patch:
    """As a comparison makes them: custom fields as a whole, or one by one, never both."""
    fields = draw(plain)
    everything = draw(whole)
    if everything:
        return Patch(draw(people), fields | everything)
    single = draw(custom)
    unset = draw(st.sets(st.sampled_from(["custom_fields.x", "custom_fields.z"]), max_size=2))
    return Patch(draw(people), fields | single, sorted(unset - single.keys()))


def a_candidate(external_id: str) -> Record:
    return {**empty_candidate(external_id), "custom_fields": {"x": "0", "z": "0"}}


def one_after_the_other(record: Record, batch: ClearViewBatch) -> Record:
    for patch in batch.candidate_patches:
        if patch.external_id == record["external_id"]:
            record = patched(record, patch)
    return record


@given(st.lists(patches(), max_size=5))
def test_folded_patches_do_what_they_did_one_after_the_other(given_patches: list[Patch]) -> None:
    batch = ClearViewBatch(IMPORT, AT, candidate_patches=given_patches)

    folded = fold_candidates(batch)

    for person in ("1", "2"):
        before = a_candidate(person)
        assert one_after_the_other(before, folded) == one_after_the_other(before, batch)
    touched = [patch.external_id for patch in folded.candidate_patches]
    assert len(touched) == len(set(touched))


@given(st.lists(patches(), max_size=4))
def test_a_folded_patch_names_no_path_twice(given_patches: list[Patch]) -> None:
    """MongoDB refuses an update that sets a field and a part of it."""
    folded = fold_candidates(ClearViewBatch(IMPORT, AT, candidate_patches=given_patches))

    for patch in folded.candidate_patches:
        paths = [*patch.set, *patch.unset]
        assert len(paths) == len(set(paths))
        assert not ("custom_fields" in paths and any("." in path for path in paths))


@given(st.lists(patches(), max_size=4))
def test_a_new_candidate_is_created_as_it_ends(given_patches: list[Patch]) -> None:
    batch = ClearViewBatch(
        IMPORT, AT, new_candidates=[a_candidate("1")], candidate_patches=given_patches
    )

    folded = fold_candidates(batch)

    assert folded.new_candidates == [one_after_the_other(a_candidate("1"), batch)]
    assert "1" not in {patch.external_id for patch in folded.candidate_patches}
