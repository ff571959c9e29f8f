"""Which files are fetched, under which version, and what follows a failure."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import (
    AddressExpired,
    FileTooLarge,
    Misdirected,
    NotSupported,
    RateLimited,
    Unavailable,
)
from daemon.attachments.content_type import UNKNOWN, UnwantedContent, content_type_of
from daemon.attachments.fetch import RETRY, after_failure
from daemon.core.attachments import (
    AttachmentRules,
    FileToFetch,
    file_id_of,
    files_of,
    kind_of,
    version_of,
)
from daemon.core.diff import known_by
from daemon.core.snapshot import Snapshot
from tests.support.records import empty_candidate

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SCOPE = UUID(int=1)


def a_file(**changes: object) -> FileToFetch:
    facts = {
        "id": UUID(int=2),
        "candidate_id": UUID(int=3),
        "candidate_external_id": "c",
        "external_id": "f",
        "list_name": "people",
        "record_id": "r",
        "kind": "resume",
        "version": "v",
        "state": "pending",
    }
    return FileToFetch(**{**facts, **changes})  # type: ignore[arg-type]


def a_snapshot(*ids: str | None, detail: tuple[str, ...] | None = None) -> Snapshot:
    candidate = empty_candidate("c")
    candidate["attachments"] = [
        {"external_id": i, "name": i, "kind": "resume", "url": None, "url_expires_at": None}
        for i in ids
    ]
    memory = {"version": "1", "basis": NOW, "at": NOW, "keys": {}, "files": list(detail or ())}
    return Snapshot(
        external_id="r",
        fingerprint=b"",
        digest=None,
        candidate=candidate,
        applications=[],
        mapping_version="1",
        seen_at=NOW,
        detail=None if detail is None else memory,
    )


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("resume", "resume"),
        ("RESUME", "resume"),
        ("Résumé", "other"),
        ("CV", "resume"),
        ("cover_letter", "cover_letter"),
        ("Cover Letter", "cover_letter"),
        ("offer_packet", "other"),
        ("curriculum vitae", "resume"),
        ("recvery", "other"),
        (None, "other"),
        (7, "other"),
    ],
)
def test_a_vendors_word_is_one_of_three_kinds(word: object, kind: str) -> None:
    assert kind_of(word) == kind


@given(url=st.text(min_size=1), ends=st.none() | st.text())
def test_another_address_is_no_other_version_and_a_first_one_is(url: str, ends: str | None) -> None:
    bare = {"name": "cv", "kind": "resume"}
    first = version_of({**bare, "url": "https://files.example/1"})

    assert version_of({**bare, "url": url, "url_expires_at": ends}) == first
    assert version_of(bare) != first


def test_a_file_without_a_name_is_another_one_at_another_path() -> None:
    """A vendor's only resume of a candidate has neither an id of its own nor a name."""
    first = {"external_id": "resume", "name": None, "kind": "resume", "url_expires_at": None}
    here = {**first, "url": "https://files.example/1.pdf?signature=a"}
    signed_again = {**first, "url": "https://files.example/1.pdf?signature=b"}
    replaced = {**first, "url": "https://files.example/2.pdf?signature=c"}

    assert version_of(signed_again) == version_of(here)
    assert version_of(replaced) != version_of(here)
    assert [known_by(each) == known_by(here) for each in (signed_again, replaced)] == [True, False]


@given(name=st.text(), kind=st.none() | st.text())
def test_another_name_or_kind_is_another_version(name: str, kind: str | None) -> None:
    first = version_of({"name": name, "kind": kind})

    assert version_of({"name": name + "x", "kind": kind}) != first
    assert version_of({"name": name, "kind": (kind or "") + "x"}) != first


@given(one=st.binary(), other=st.binary())
def test_a_copy_is_of_one_integration_and_one_content(one: bytes, other: bytes) -> None:
    assert (file_id_of(SCOPE, one.hex()) == file_id_of(SCOPE, other.hex())) is (one == other)
    assert file_id_of(SCOPE, one.hex()) != file_id_of(UUID(int=9), one.hex())


def test_a_file_without_an_id_cannot_be_fetched() -> None:
    found = files_of(a_snapshot("f", None), AttachmentRules(downloads=True), from_details=False)

    assert [one.external_id for one in found.wanted] == ["f"]
    assert found.shown == {"f"}


def test_nothing_is_wanted_unless_files_are_downloaded() -> None:
    found = files_of(a_snapshot("f"), AttachmentRules(), from_details=False)

    assert found.wanted == ()
    assert found.shown == {"f"}


def test_a_file_that_details_of_another_record_gave_is_fetched_there() -> None:
    rules = AttachmentRules(downloads=True)
    own = files_of(a_snapshot("mine", "other", detail=("mine",)), rules, from_details=True)

    assert own.shown == {"mine"}
    assert files_of(a_snapshot("x"), rules, from_details=True).shown == frozenset()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (FileTooLarge("too much"), "skipped"),
        (NotSupported("no"), "skipped"),
        (Misdirected("elsewhere"), "dead"),
        (Unavailable("503"), "retrying"),
        (AddressExpired("gone"), "retrying"),
        (UnwantedContent("a web page"), "retrying"),
        (KeyError("secret"), "retrying"),
    ],
)
def test_a_failure_waits_for_time_or_for_a_person(error: Exception, state: str) -> None:
    failure = after_failure(a_file(), error, now=NOW, jitter=lambda: 0.5)

    assert failure.state == state
    assert (failure.next_attempt_at is None) is (state != "retrying")
    assert "secret" not in failure.error


def test_a_week_of_failures_is_enough() -> None:
    began = NOW - RETRY.horizon
    file = a_file(attempts=30, first_attempt_at=began)

    assert after_failure(file, Unavailable("503"), now=NOW, jitter=lambda: 0.0).state == "dead"


def test_a_pause_that_the_ats_asks_for_is_kept() -> None:
    until = NOW + timedelta(hours=3)
    failure = after_failure(a_file(), RateLimited("slow", until=until), now=NOW, jitter=lambda: 0.0)

    assert failure.next_attempt_at == until


@given(attempts=st.integers(0, 40), chance=st.floats(0, 1, exclude_max=True))
def test_the_next_attempt_is_later_and_within_the_week(attempts: int, chance: float) -> None:
    began = NOW - timedelta(days=1)
    file = a_file(attempts=attempts, first_attempt_at=began)
    failure = after_failure(file, Unavailable("503"), now=NOW, jitter=lambda: chance)

    assert failure.next_attempt_at is not None
    assert NOW < failure.next_attempt_at <= began + RETRY.horizon


@pytest.mark.parametrize(
    ("content", "name", "declared", "found"),
    [
        (b"%PDF-1.4\n...", "cv.pdf", "text/plain", "application/pdf"),
        (b"{\\rtf1 hello}", "cv.rtf", None, "application/rtf"),
        (b"my life in words", "cv.txt", "text/plain; charset=utf-8", "text/plain"),
        (b"my life in words", "cv.pdf", None, UNKNOWN),
        (b"my life in words", "cv.pdf", "no type", UNKNOWN),
        (b"<html><body>I am a page", "portfolio.html", None, "text/html"),
        (b'{"resume": true}', "cv.json", None, "application/json"),
    ],
)
def test_the_type_is_that_of_the_bytes(
    content: bytes, name: str, declared: str | None, found: str
) -> None:
    assert content_type_of(content, name, declared) == found


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (b"", "application/pdf"),
        (b"<!DOCTYPE html><html>Please log in", "application/pdf"),
        (b"\n  <HTML><head>", None),
        (b"just text", "text/html; charset=utf-8"),
        (b'{"success": false}', "application/json"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', None),
    ],
)
def test_an_answer_instead_of_the_file_is_not_taken_for_it(
    content: bytes, declared: str | None
) -> None:
    with pytest.raises(UnwantedContent):
        content_type_of(content, "cv.pdf", declared)


@given(content=st.binary(min_size=1, max_size=300), name=st.none() | st.text())
def test_no_bytes_and_no_name_break_the_judgement(content: bytes, name: str | None) -> None:
    try:
        found = content_type_of(content, name, None)
    except UnwantedContent:
        return

    assert "/" in found
