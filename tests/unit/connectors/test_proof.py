"""Which answers show that a write took effect, and what is quoted of those that refuse it."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.http.vendor_words import harmless, words_in
from connectors.write.proof import doubt, written

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def doubted(
    status: int, body: bytes, *, content_type: str = "", is_shown: bool | None = None
) -> str | None:
    return doubt(status, written(body)[1], content_type, is_shown=is_shown)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b" \r\n"),
        (202, b""),
        (204, b""),
        (205, b""),
        (200, b"{}"),
        (200, b"true"),
        (201, b'{"id": 7, "status": "rejected"}'),
        (200, b'[{"id": 7}]'),
        (200, b'{"id": 7, "status": 3, "result": {"error": null}}'),
        (200, b'{"status": 200, "result": "ok", "success": 1}'),
        (200, b'{"status": ["failed"], "fault": null, "exception": ""}'),
        (200, b'{"data": {"id": 7}, "errors": []}'),
    ],
)
def test_an_answer_that_shows_success_is_believed(status: int, body: bytes) -> None:
    assert doubted(status, body) is None


@pytest.mark.parametrize(
    ("status", "body", "content_type", "says"),
    [
        (200, b"<html>", "text/html; charset=utf-8", "answered 200 with a web page instead"),
        (200, b"OK", "text/plain", "answered 200 with text/plain instead of JSON"),
        (200, b"\xff\xfe", "", "answered 200 with something unreadable instead of JSON"),
        (200, b'{"id": ', "application/json", "answered 200 with application/json instead"),
        (200, b"null", "", "answered 200 with JSON that does not report success"),
        (200, b"false", "", "JSON that does not report success"),
        (200, b'"Maintenance"', "", "JSON that does not report success"),
        (200, b'{"error": "later"}', "", "JSON that does not report success"),
        (200, b'{"errors": [{"code": 7}]}', "", "JSON that does not report success"),
        (200, b'[{"ok": false}]', "", "JSON that does not report success"),
        (200, b'{"status": "Error"}', "", "JSON that does not report success"),
        (200, b'{"result": "FAILED"}', "", "JSON that does not report success"),
        (200, b'{"outcome": "failure"}', "", "JSON that does not report success"),
        (200, b'{"success": "false"}', "", "JSON that does not report success"),
        (200, b'{"ok": 0, "id": 7}', "", "JSON that does not report success"),
        (200, b'{"statusCode": 503, "id": 7}', "", "JSON that does not report success"),
        (200, b'{"status": 403}', "", "JSON that does not report success"),
        (200, b'{"fault": {"faultstring": "quota"}}', "", "JSON that does not report success"),
        (200, b'{"errorMessage": "locked"}', "", "JSON that does not report success"),
        (206, b"", "", "answered 206"),
        (207, b"{}", "", "answered 207"),
        (226, b"", "", "answered 226"),
        (304, b"", "", "answered 304"),
    ],
)
def test_any_other_answer_leaves_the_outcome_unknown(
    status: int, body: bytes, content_type: str, says: str
) -> None:
    assert says in (doubted(status, body, content_type=content_type) or "")


def test_a_definition_may_demand_more_and_less_than_the_usual() -> None:
    assert doubted(200, b"", is_shown=False) == "answered 200 with an empty body"
    assert doubted(200, b"{}", is_shown=False) is not None
    assert doubted(200, b'{"errors": [1]}', is_shown=True) is None
    assert doubted(204, b"", is_shown=False) is None


@given(body=st.binary(max_size=60))
def test_no_body_breaks_the_judgement_and_only_json_or_nothing_is_believed(body: bytes) -> None:
    _, answer = written(body)
    believed = doubt(200, answer, "", is_shown=None) is None

    assert not (believed and answer.form == "other")


@given(value=json_values)
def test_json_of_any_shape_is_judged_and_searched_for_words(value: Any) -> None:
    decoded, answer = written(msgspec.json.encode(value))

    assert answer.form == "json"
    if not isinstance(value, dict | list):
        assert (doubt(200, answer, "", is_shown=None) is None) == (value is True)
    assert isinstance(harmless(words_in(decoded)), str)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "Stage is closed"}, "Stage is closed"),
        ({"error": "Not found"}, "Not found"),
        ({"error": {"code": 7, "message": "No"}}, "No"),
        ({"errors": ["One.", "Two.", "Three.", "Four."]}, "One.; Two.; Three."),
        ({"errors": [{"title": "Invalid", "detail": "It is filled"}]}, "It is filled"),
        ({"message": "Validation error", "errors": [{"message": "Must be one of: 1"}]}, "Validation error; Must be one of: 1"),
        ({"errors": {"stage": ["is closed"], "reason": "is missing"}}, "is missing"),
        ({"errors": {"stage": ["is closed"]}}, "stage is closed"),
        ({"success": False, "errorInfo": {"code": "x", "message": "No plan"}}, "No plan"),
        ([{"message": "No"}], "No"),
        ({"data": {"message": "nested elsewhere"}}, ""),
        ("just text", "just text"),
        (None, ""),
        (7, ""),
    ],
)  # fmt: skip
def test_words_are_found_where_vendors_put_them(body: Any, words: str) -> None:
    assert words_in(body) == words


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Ada Lovelace may not be moved", "… … may not be moved"),
        ("ada.lovelace@example.org is taken", "… is taken"),
        ("call +31 (0)20 555-1234 first", "call … first"),
        ("see https://ats.example/x?token=abc", "see …"),
        ("token eyJhbGciOiJIUzI1NiJ9abcdefgh is bad", "token … is bad"),
        ("line one\r\nline\x00 two", "line one line two"),
        ("stage 4711 of job 815 is closed", "stage 4711 of job 815 is closed"),
        ("Adamant refusal", "Adamant refusal"),
    ],
)
def test_what_is_quoted_names_no_person_and_no_secret(said: str, shown: str) -> None:
    assert harmless(said, ["Ada", "Lovelace"]) == shown


@given(said=st.text(max_size=400))
def test_what_is_quoted_is_one_short_line_without_addresses(said: str) -> None:
    shown = harmless(f"{said} someone@example.org")

    assert len(shown) <= 200
    assert shown.isprintable() or not re.search(r"[\x00-\x1f]", shown)
    assert "someone@example.org" not in shown
