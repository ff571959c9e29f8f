"""Laws of what leaves the port: JSON that any client reads, HTML that no text can break."""

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.http.heartbeat import DEAD_AFTER_S, Heartbeat
from daemon.http.html import Html, el, joined
from daemon.http.page_parts import age
from daemon.runtime.json_values import to_json
from models.status import ApplicationStatus

pytestmark = pytest.mark.fuzz("API")

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
STORED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC))
    | st.sampled_from(ApplicationStatus),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.uuids(), inner),
    max_leaves=20,
)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.attributes: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(STORED)
def test_whatever_is_stored_becomes_json(value: object) -> None:
    shown = to_json(value)

    assert json.loads(json.dumps(shown)) == shown


def test_ids_and_moments_are_written_as_the_api_promises() -> None:
    some = uuid4()

    assert to_json({some: NOW}) == {str(some): "2026-11-23T08:00:00.000Z"}
    assert to_json({"id": UUID(int=7), "fingerprint": b"\x01\xff"}) == {
        "id": "00000000-0000-0000-0000-000000000007",
        "fingerprint": "01ff",
    }


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_no_text_becomes_markup(text: str) -> None:
    reader = _Reader()
    reader.feed(el("p", text, title=text))
    reader.close()

    assert reader.tags == ["p"]
    assert reader.text == text
    assert reader.attributes == {"title": text}


def test_html_is_kept_and_nothing_is_nothing() -> None:
    assert joined(Html("<b>"), "<", None, 7) == "<b>&lt;7"
    assert el("td", css="num") == '<td class="num"></td>'


@pytest.mark.parametrize(
    ("passed", "expected"),
    [
        (timedelta(seconds=0), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(hours=2, minutes=59), "2 h ago"),
        (timedelta(days=3), "3 d ago"),
        (timedelta(seconds=-5), "0 s ago"),
    ],
)
def test_age_is_written_as_people_say_it(passed: timedelta, expected: str) -> None:
    assert age(NOW - passed, NOW) == expected
    assert age(None, NOW) == "never"


async def test_a_heart_beats_again_after_the_loop_was_stuck() -> None:
    seconds = [0.0]
    heartbeat = Heartbeat(monotonic=lambda: seconds[0])

    seconds[0] = DEAD_AFTER_S
    stuck = heartbeat.alive
    heartbeat.tick()

    assert (stuck, heartbeat.alive) == (False, True)
