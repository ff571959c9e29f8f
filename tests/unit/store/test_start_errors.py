"""What the start says about servers that cannot be used."""

import pytest

from daemon.store.start_errors import unreachable

TAIL = (
    " (configured timeouts: connectTimeoutMS: 5000.0ms), Timeout: 20.0s, Topology Description: <h>"
)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("h:1: [Errno 111] Connect call failed ('h', 1)", "start it, or correct SETTING"),
        ('No replica set members available for replica set name "rs1"', "correct SETTING"),
        ('No replica set members match selector "Primary()"', "needs rs.initiate()"),
    ],
)
def test_a_server_that_is_away_and_a_set_without_a_primary_have_remedies_of_their_own(
    words: str, remedy: str
) -> None:
    error = unreachable(words + TAIL, "h:1", "SETTING")

    assert str(error) == f"MongoDB cannot be reached (h:1): {words}"
    assert remedy in str(error.remedy)
