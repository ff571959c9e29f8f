"""How often one client may ask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.http.request_rates import Buckets, Rate, client_of

RATE = Rate(burst=3, per_second=0.5)


@given(pauses=st.lists(st.floats(0, 20), min_size=1, max_size=60))
def test_no_client_gets_more_than_its_burst_and_its_rate(pauses: list[float]) -> None:
    buckets, now, taken = Buckets(), 0.0, 0
    for pause in pauses:
        now += pause
        if not buckets.wait_for("api", "a", RATE, now):
            buckets.take("api", "a", RATE, now)
            taken += 1

    assert taken <= RATE.burst + sum(pauses) * RATE.per_second + 1e-6
    assert not buckets.wait_for("api", "another", RATE, now)


def test_the_wait_is_as_long_as_it_takes_for_one_more() -> None:
    buckets = Buckets()
    for _ in range(3):
        buckets.take("api", "a", RATE, 10.0)

    wait = buckets.wait_for("api", "a", RATE, 10.0)
    assert wait == pytest.approx(2.0)
    assert buckets.wait_for("api", "a", RATE, 10.0 + wait) == 0


def test_of_too_many_clients_the_one_silent_longest_is_forgotten() -> None:
    buckets = Buckets(limit=2)
    for client in ("a", "b", "a", "c"):
        for _ in range(3):
            buckets.take("api", client, RATE, 0.0)

    waits = [buckets.wait_for("api", client, RATE, 0.0) > 0 for client in ("a", "b", "c")]
    assert waits == [True, False, True]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        (None, "", True),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(
    one: str | None, other: str, *, same: bool
) -> None:
    assert (client_of(one) == client_of(other)) is same
