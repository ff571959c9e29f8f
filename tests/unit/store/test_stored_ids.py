"""Identities made in bulk are those that are made one by one."""

from uuid import UUID, uuid5

import bson
from hypothesis import given
from hypothesis import strategies as st

from daemon.store.encoding import RAW_OPTIONS, StoredIds, stored
from models.ids import application_id, candidate_id, snapshot_name

NAMES = st.text(max_size=40).filter(lambda text: text.isprintable())


@given(st.uuids(), NAMES, NAMES)
def test_every_kind_of_identity_is_the_same_as_made_one_by_one(
    scope: UUID, name: str, list_name: str
) -> None:
    ids = StoredIds(scope)

    assert ids.candidate(name).as_uuid() == candidate_id(scope, name)
    assert ids.application(name).as_uuid() == application_id(scope, name)
    assert ids.snapshot(list_name, name).as_uuid() == uuid5(scope, snapshot_name(list_name, name))


@given(st.uuids())
def test_a_stored_identity_is_the_same_document_as_its_uuid(identity: UUID) -> None:
    one, other = ({"_id": each} for each in (stored(identity), identity))

    assert bson.encode(one, codec_options=RAW_OPTIONS) == bson.encode(
        other, codec_options=RAW_OPTIONS
    )
