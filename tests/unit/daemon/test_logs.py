"""One log for everything, and nothing in it that should not leave the process."""

import io
import json
import logging
import warnings
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from daemon.runtime.log_redaction import LOGGABLE, PATTERNS, REDACTED, SUSPICIOUS, Redactor
from daemon.runtime.logs import configure_logs
from models.errors import UserError


class Colour(StrEnum):
    GREEN = "green"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def events(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_off_a_terminal_each_event_is_one_line_of_json(out: io.StringIO) -> None:
    configure_logs(stream=out)
    with bound_contextvars(integration="acme", run_id="r1"):
        structlog.get_logger("x").info("import_poll_finished", created=2, imported=None)
    (event,) = events(out)

    assert event.pop("timestamp")
    assert event == {
        "event": "import_poll_finished",
        "level": "info",
        "logger": "x",
        "integration": "acme",
        "run_id": "r1",
        "created": 2,
        "imported": None,
    }


def test_on_a_terminal_it_is_pretty() -> None:
    terminal = Terminal()
    configure_logs(stream=terminal)
    structlog.get_logger().info("daemon_started", port=8080)

    assert "daemon_started" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


@pytest.mark.parametrize(("log_format", "is_json"), [("json", True), ("console", False)])
def test_a_chosen_format_wins_over_the_terminal(log_format: str, is_json: bool) -> None:
    terminal = Terminal()
    configure_logs(stream=terminal, log_format=log_format)  # type: ignore[arg-type]
    structlog.get_logger().info("daemon_started")

    assert terminal.getvalue().startswith("{") is is_json


def test_colours_are_for_terminals_only(out: io.StringIO) -> None:
    configure_logs(stream=out, log_format="console")
    structlog.get_logger().warning("daemon_started")

    assert "daemon_started" in out.getvalue()
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("name", ["apscheduler.scheduler", "aiohttp.server", "asyncio", "pymongo"])
def test_warnings_of_libraries_come_out_the_same_way(out: io.StringIO, name: str) -> None:
    configure_logs(stream=out)
    logging.getLogger(name).warning("%s instances of %r reached", 1, "poll")
    (event,) = events(out)

    assert event["event"] == "1 instances of 'poll' reached"
    assert (event["level"], event["logger"]) == ("warning", name)


def test_a_request_that_is_no_http_is_not_quoted(out: io.StringIO) -> None:
    configure_logs(stream=out)
    server = logging.getLogger("aiohttp.server")
    for error in (BadHttpMessage("Authorization: Bearer CANARY"), OSError("pipe")):
        server.error("Error handling request", exc_info=error)

    [event] = events(out)
    assert "OSError" in str(event["exception"])


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_half_character_is_written_as_a_replacement_and_never_as_the_raw_record(
    log_format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    configure_logs(stream=stream, log_format=log_format)  # type: ignore[arg-type]
    odd = {"\ud800": "Ada", "path": "\udfff", "error": UserError("\ud800 ada@example.com")}
    structlog.get_logger("x").info(
        "import_\ud800finished", reason="\ud800x", nested=odd, name="Ada"
    )
    stream.flush()

    written = raw.getvalue().decode() + "".join(capfd.readouterr())
    assert "\ufffdx" in written
    assert "Ada" not in written
    assert "ada@" not in written


def test_an_event_that_no_renderer_can_write_is_named_and_not_quoted(
    out: io.StringIO, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise TypeError("CANARY")

    configure_logs(stream=out)
    monkeypatch.setattr("msgspec.json.encode", fail)
    structlog.get_logger("x").info("import_poll_finished", name="CANARY")

    assert out.getvalue() == "a log event of x could not be written (TypeError)\n"
    assert capfd.readouterr() == ("", "")


def test_the_driver_never_logs_documents_even_at_debug(out: io.StringIO) -> None:
    configure_logs(stream=out, level="debug")
    logging.getLogger("pymongo.command").debug("the whole document")
    structlog.get_logger().debug("ours")

    assert [event["event"] for event in events(out)] == ["ours"]


def test_events_below_the_level_are_left_out(out: io.StringIO) -> None:
    configure_logs(stream=out, level="warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")

    assert [event["event"] for event in events(out)] == ["loud"]


def test_a_python_warning_is_an_event(out: io.StringIO) -> None:
    configure_logs(stream=out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning("old ways", UserWarning, "x.py", 1)

    assert "old ways" in str(events(out)[0]["event"])


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variable(out: io.StringIO, log_format: str) -> None:
    configure_logs(stream=out, log_format=log_format)  # type: ignore[arg-type]
    log = structlog.get_logger()

    def poll() -> None:
        api_key = f"{'can'}{'ary'}"
        raise ValueError(len(api_key))

    try:
        poll()
    except ValueError:
        log.exception("poll_failed")
        logging.getLogger("apscheduler").exception("job raised")

    assert out.getvalue().count("ValueError at ") == 2
    assert "canary" not in out.getvalue()
    assert "ValueError: 6" not in out.getvalue(), "an error's text may quote a person"


def test_an_error_of_our_own_keeps_its_sentence(out: io.StringIO) -> None:
    configure_logs(stream=out)
    try:
        raise UserError("MongoDB cannot be reached", remedy="start it")
    except UserError:
        structlog.get_logger().exception("daemon_failed")

    [event] = events(out)
    assert "UserError: MongoDB cannot be reached | " in str(event["exception"])


def test_a_secret_in_an_error_message_or_traceback_does_not_show(out: io.StringIO) -> None:
    redactor = configure_logs(stream=out)
    redactor.remember("hunter2hunter2")
    try:
        raise RuntimeError("refused hunter2hunter2 for ada@example.org")
    except RuntimeError as error:
        structlog.get_logger().exception("poll_failed", error=error)

    assert "hunter2" not in out.getvalue()
    assert "ada@" not in out.getvalue()
    assert "RuntimeError" in out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://user:canary@db/?x=1",
        "mongodb://user:c@canary@db/?x=1",
        "https://canary@host/x",
        "Authorization: Bearer canary0123",
        "authorization='Basic Y2FuYXJ5canary'",
        "GET https://h/x?api_key=canary&page=2",
        '{"client_secret": "canary"}',
        "access_token=canary",
        "password: canary",
        "eyJhbGciOi.canary.canary",
        "sk_live_canary0123",
        "canary@example.org",
        "https://h/people?email=canary%40example.org",
    ],
)
def test_what_looks_secret_or_personal_is_taken_out_of_text(text: str) -> None:
    assert "canary" not in Redactor().scrub(text)


@pytest.mark.parametrize("number", ["+49 170 1234567", "(555) 123-4567", "555-123-4567"])
def test_telephone_numbers_are_taken_out_of_text(number: str) -> None:
    assert Redactor().scrub(f"call {number} now") == "call [phone] now"


@pytest.mark.parametrize(
    "text",
    [
        "HTTP 429 from harvest.example after 3 attempts",
        "application 40000123456 has no stage",
        "2026-11-23T08:00:00.123Z",
        "8b7f2c6e-6f4d-4f7b-9a59-1e9a0b1f6c11",
        "https://harvest.example:8443/v3/candidates?page=2",
        "integration:acme-greenhouse",
    ],
)
def test_ordinary_facts_stay_readable(text: str) -> None:
    assert Redactor().scrub(text) == text


def test_text_passes_only_under_keys_known_to_be_harmless() -> None:
    seen = Redactor()(None, "info", {
        "event": "e", "integration": "acme", "external_id": "77", "first_name": "Ada",
        "candidate": {"name": "Ada", "id": 5, "external_id": "77"}, "salary": "100",
    })  # fmt: skip

    assert seen == {
        "event": "e",
        "integration": "acme",
        "external_id": "77",
        "first_name": REDACTED,
        "candidate": {"name": REDACTED, "id": 5, "external_id": "77"},
        "salary": REDACTED,
    }


@pytest.mark.parametrize(
    "key", ["api_key", "ADMIN_TOKEN", "clientSecret", "authorization", "credentials", "password"]
)
def test_a_key_that_names_a_secret_hides_whatever_it_holds(key: str) -> None:
    seen = Redactor()(None, "info", {key: 12345, "error": {key: ["a"]}})

    assert seen == {key: REDACTED, "error": {key: REDACTED}}


def test_numbers_times_ids_and_words_of_ours_pass() -> None:
    when = datetime(2026, 11, 23, tzinfo=UTC)
    person = UUID(int=5)
    seen = Redactor()(None, "info", {
        "n": 1.5, "ok": True, "when": when, "who": person, "state": Colour.GREEN, "fencing_token": 7,
    })  # fmt: skip

    assert seen == {
        "n": 1.5,
        "ok": True,
        "when": str(when),
        "who": str(person),
        "state": "green",
        "fencing_token": 7,
    }


def test_an_address_used_as_a_key_is_taken_out_too() -> None:
    seen = Redactor()(None, "info", {"error": {"ada@example.org": 1}})

    assert seen == {"error": {"[email]": 1}}


def test_an_object_is_named_never_printed() -> None:
    class Candidate:
        def __repr__(self) -> str:
            return "canary"

    assert Redactor()(None, "info", {"error": Candidate()}) == {"error": "<Candidate>"}


def test_endless_nesting_ends() -> None:
    loop: dict[str, object] = {}
    loop["error"] = loop

    assert "…" in str(Redactor()(None, "info", {"error": loop}))


def test_a_very_long_text_is_cut_quickly_and_keeps_its_end() -> None:
    seen = Redactor().scrub("a" * 1_000_000 + " ValueError: the end")

    assert len(seen) < 20_000
    assert seen.endswith("ValueError: the end")


@given(
    text=st.one_of([st.from_regex(pattern) for pattern, _ in PATTERNS]),
)
def test_whatever_fits_a_pattern_is_looked_at_closely(text: str) -> None:
    assert SUSPICIOUS.search(text)


@given(
    key=st.sampled_from([*sorted(LOGGABLE), "first_name", "body", "api_key"]),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_a_remembered_secret_never_shows_wherever_it_stands(
    key: str, before: str, after: str
) -> None:
    redactor = Redactor()
    redactor.remember("s3cr3t-canary")
    seen = redactor(None, "info", {key: f"{before}s3cr3t-canary{after}"})

    assert "s3cr3t-canary" not in json.dumps(seen, ensure_ascii=False)
