"""Stages without a rule are named to operators; a person in such a name is not."""

import pytest

from daemon.importing.change_detection import shown_stage
from models.candidate import AtsRef
from tests.support.records import empty_candidate


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Coffee  chat", "Coffee  chat"),
        ("Onsite with Ada", "Onsite with … (s1)"),
        ("ada LOVELACE final", "… … final (s1)"),
        ("call ada@example.com", "call … (s1)"),
        ("call +1 202 555 0143", "call … (s1)"),
        (None, "s1"),
    ],
)
def test_a_stage_that_names_the_person_is_masked(name: str | None, shown: str) -> None:
    person = empty_candidate("c1")
    person["first_name"], person["last_name"] = "Ada", "Lovelace"

    assert shown_stage(AtsRef(external_id="s1", name=name), person) == shown
