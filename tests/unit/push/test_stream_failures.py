"""Errors of the change stream: some cost the position, others only a pause."""

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from daemon.core.status_events import PositionLost, StreamInterrupted
from daemon.stream.database_stream import stream_failure

LOST = {
    286: "the oplog no longer holds it",
    280: "the token cannot be resumed from",
    260: "the token is that of an invalidation, or none at all",
    10334: "an event is larger than 16 MB, and would be for ever",
    47: "images that the stream needs were not kept",
}
PASSING = (91, 189, 10107, 11600, 43, 50)


@pytest.mark.parametrize("code", LOST)
def test_a_position_that_can_never_be_used_again_is_lost(code: int) -> None:
    found = stream_failure(OperationFailure("no", code), positioned=True, database="clearview")

    assert isinstance(found, PositionLost)
    assert str(code) in str(found)


@pytest.mark.parametrize("code", PASSING)
def test_an_election_or_a_time_out_costs_no_position(code: int) -> None:
    found = stream_failure(OperationFailure("no", code), positioned=True, database="clearview")

    assert isinstance(found, StreamInterrupted)


def test_a_broken_connection_costs_no_position() -> None:
    assert isinstance(
        stream_failure(AutoReconnect("gone"), positioned=True, database="clearview"),
        StreamInterrupted,
    )


def test_without_a_position_there_is_none_to_lose() -> None:
    found = stream_failure(OperationFailure("no", 286), positioned=False, database="clearview")

    assert isinstance(found, StreamInterrupted)


def test_a_missing_privilege_says_what_to_grant() -> None:
    found = stream_failure(OperationFailure("no", 13), positioned=True, database="clearview")

    assert isinstance(found, StreamInterrupted)
    assert "changeStream" in str(found)
