"""Identities, their keyed hashes, and texts that name a person."""

from typing import Any
from uuid import UUID

from beanie import Document
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.erasure import (
    IdentityHasher,
    PersonIds,
    cleared,
    normalised_address,
    pattern_of,
    person_from,
    texts_naming,
    without_records,
)
from daemon.store.person_queries import CLEARVIEW_QUERIES, OWN_QUERIES, TEXTS
from models.documents import (
    CLEARVIEW_DOCUMENTS,
    OWN_DOCUMENTS,
    AlertMute,
    AppliedMigration,
    AuditEntry,
    Checkpoint,
    DataKey,
    Erasure,
    IntegrationSettings,
    Lease,
    OAuthToken,
)

ACME = UUID(int=1)
HOLD_NO_PERSON: set[type[Document]] = {
    *(AlertMute, AppliedMigration, AuditEntry, DataKey, Erasure, IntegrationSettings, Lease),
    OAuthToken,
    Checkpoint,  # records of a poll under way: `without_records`
}
ids = st.frozensets(st.text(min_size=1, max_size=8), max_size=4)
people = st.builds(
    PersonIds,
    integration=st.uuids(),
    candidates=ids,
    applications=ids,
    records=st.frozensets(st.tuples(st.sampled_from(["a", "b"]), st.text(max_size=5)), max_size=4),
    other_applications=st.frozensets(st.uuids(), max_size=3),
)


def test_every_collection_says_if_it_can_hold_a_person() -> None:
    """A new one goes to `daemon/store/person_queries.py`, or to the list of this test."""
    decided = {*OWN_QUERIES, *CLEARVIEW_QUERIES, *TEXTS} | HOLD_NO_PERSON

    assert decided == {*OWN_DOCUMENTS, *CLEARVIEW_DOCUMENTS}


@given(people)
def test_the_ids_of_an_unfinished_receipt_are_read_as_they_were_written(person: PersonIds) -> None:
    assert person_from(person.to_value()) == person


@given(st.text(), st.text())
def test_spellings_of_one_address_are_one_address(local: str, host: str) -> None:
    address = f"{local}@{host}"

    assert normalised_address(normalised_address(address)) == normalised_address(address)
    assert normalised_address(f" {address}\n") == normalised_address(address)


@given(people, st.sets(st.emails(), max_size=3))
def test_hashes_say_nothing_without_the_key(person: PersonIds, addresses: set[str]) -> None:
    one, other = IdentityHasher(b"1" * 32), IdentityHasher(b"2" * 32)
    hashes = one.of_people([person], addresses)

    assert hashes == one.of_people([person], {a.upper() for a in addresses} | addresses)
    assert not hashes & other.of_people([person], addresses)
    assert all(one.of_id(identity) in hashes for identity in person.identities)


@given(people)
def test_a_receipt_has_the_same_id_whatever_else_is_known_of_the_candidates(
    person: PersonIds,
) -> None:
    hasher = IdentityHasher(b"1" * 32)
    alone = PersonIds(person.integration, person.candidates)

    assert hasher.receipt_id([person], "request") == hasher.receipt_id([alone], "request")
    assert hasher.receipt_id([person], "request") != hasher.receipt_id([person], "deleted")


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.text() | st.integers() | st.uuids(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(values)
def test_a_text_that_names_no_one_stays_as_it_is(value: Any) -> None:
    naming = pattern_of(["Canary7f3"])
    assert naming is not None

    assert cleared(value, naming) == value


def test_names_contacts_and_ids_are_cleared_from_a_message_as_whole_words() -> None:
    person = PersonIds(ACME, frozenset({"4711001"}), frozenset({"12"}))
    document = {
        "first_name": "Ann",
        "last_name": "van der Berg",
        "emails": [{"value": "ann@example.org"}],
        "phones": [{"value": "12"}, "odd"],
    }
    naming = pattern_of(texts_naming([person], [document]))
    assert naming is not None
    [identity] = person.candidate_ids

    found = cleared(
        {"a": "ANN Berg (Ann@Example.org) has 4711001 of 12; Annotation", "b": [identity]}, naming
    )

    assert found == {
        "a": "[erased] [erased] ([erased]) has [erased] of 12; Annotation",
        "b": ["[erased]"],
    }


def test_a_checkpoint_names_no_record_of_an_erased_person() -> None:
    person = PersonIds(ACME, records=frozenset({("people", "7")}))
    value = {
        "cursors": {"people": {"since": 1}},
        "applying": [
            {"list": "people", "external_ids": ["7", "8"]},
            {"list": "jobs", "external_ids": ["7"]},
            "odd",
        ],
        "deleting": {"list": "people", "external_ids": ["7"]},
        "unread": {"people": {"records": [{"external_id": "7"}, {"external_id": "8"}]}, "x": 1},
    }

    assert without_records(value, person) == {
        "cursors": {"people": {"since": 1}},
        "applying": [
            {"list": "people", "external_ids": ["8"]},
            {"list": "jobs", "external_ids": ["7"]},
            "odd",
        ],
        "deleting": {"list": "people", "external_ids": []},
        "unread": {"people": {"records": [{"external_id": "8"}]}, "x": 1},
    }
