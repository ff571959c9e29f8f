"""Every condition has words, and they say what to do."""

import ast
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from inspect import isfunction
from itertools import chain
from pathlib import Path
from uuid import UUID

import pytest

from daemon.core import alert_texts as texts
from daemon.core.conditions import AlertKind, Condition
from daemon.core.integrations import IntegrationRef
from daemon.core.stream_recovery import RecoveryRule, recovery
from daemon.core.unexpected import Unexpected

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OF = IntegrationRef("acme", UUID(int=1))
BROKE = Unexpected("KeyError", "connectors.read.mapping:120")
OTHERWISE = Unexpected("OSError", "connectors.http.client:7", "asyncio.selector_events:93", 104)
HOUR = timedelta(hours=1)
GROWING = {AlertKind.STREAM_POSITION_AT_RISK, AlertKind.VERSION_SUNSET}
EVERY: list[tuple[Callable[[], Condition], Callable[[], Condition]]] = [
    (
        lambda: texts.integration_failing(OF, failures=3, since=NOW, error="503"),
        lambda: texts.integration_failing(OF, failures=9, since=NOW - HOUR, error="it is down."),
    ),
    (
        lambda: texts.pushes_failing(OF, error="Unavailable: 503"),
        lambda: texts.pushes_failing(OF, error="Unavailable: no answer."),
    ),
    (
        lambda: texts.auth_refused(OF, status=401),
        lambda: texts.auth_refused(OF, status=None),
    ),
    (
        lambda: texts.dead_push(OF, application=UUID(int=2), status="offer", reason="no stage"),
        lambda: texts.dead_push(OF, application=UUID(int=3), status="hired", reason="422."),
    ),
    (
        lambda: texts.dead_records(OF, records=1),
        lambda: texts.dead_records(OF, records=20),
    ),
    (
        lambda: texts.dead_files(OF, files=1),
        lambda: texts.dead_files(OF, files=20),
    ),
    (
        lambda: texts.unreadable_changes(count=1),
        lambda: texts.unreadable_changes(count=2),
    ),
    (
        lambda: texts.stream_position_at_risk(age=3 * HOUR, window=9 * HOUR),
        lambda: texts.stream_position_at_risk(age=8 * HOUR, window=9 * HOUR),
    ),
    (
        lambda: _lost(1),
        lambda: _lost(2),
    ),
    (
        lambda: _lost(3),
        lambda: _lost(7),
    ),
    (
        lambda: texts.deletion_brake(OF, list_name="l", missing=40, known=99, max_percent=10),
        lambda: texts.deletion_brake(OF, list_name="l", missing=9, known=9, max_percent=0.5),
    ),
    (
        lambda: texts.schema_drift(OF, list_name="people", fields=["emails"]),
        lambda: texts.schema_drift(OF, list_name="people", fields=["emails", "phones"]),
    ),
    (
        lambda: texts.import_incomplete(OF, run_id=UUID(int=2), parts=["jobs of 7 (HTTP 502)"]),
        lambda: texts.import_incomplete(OF, run_id=UUID(int=3), parts=["jobs of 7 (502)"] * 11),
    ),
    (
        lambda: texts.records_failing(OF, failing=12, run_id=UUID(int=2)),
        lambda: texts.records_failing(OF, failing=1, run_id=UUID(int=3)),
    ),
    (
        lambda: texts.zero_candidates(OF, list_name="people", known=99),
        lambda: texts.zero_candidates(OF, list_name="people", known=1),
    ),
    (
        lambda: texts.unmapped_stages(OF, stages=["Coffee"], applications=1),
        lambda: texts.unmapped_stages(OF, stages=["Coffee", "Tea"], applications=30),
    ),
    (
        lambda: texts.conflicts_open(OF, count=1),
        lambda: texts.conflicts_open(OF),
    ),
    (
        lambda: texts.rate_limited(OF, since=NOW, until=None),
        lambda: texts.rate_limited(OF, since=NOW, until=NOW + HOUR),
    ),
    (
        lambda: texts.export_missed(OF, period_start=NOW, period_end=NOW, error="503."),
        lambda: texts.export_missed(OF, period_start=NOW - HOUR, period_end=NOW, error="no"),
    ),
    (
        lambda: texts.config_refused(problems=["a.yaml:1:1  poll: unknown key"]),
        lambda: texts.config_refused(problems=["one", "two"]),
    ),
    (
        lambda: texts.stored_integration_refused(OF, problem="/poll/every: must be a duration"),
        lambda: texts.stored_integration_refused(OF, problem="its credentials cannot be read."),
    ),
    (
        lambda: texts.version_sunset(OF, version="1", sunset=date(2026, 4, 1), today=NOW.date()),
        lambda: texts.version_sunset(OF, version="1", sunset=date(2026, 6, 1), today=NOW.date()),
    ),
    (
        lambda: texts.notification_undelivered(channel="http:x", error="401."),
        lambda: texts.notification_undelivered(channel="http:x", error="no answer"),
    ),
    (
        lambda: texts.run_broke(OF, job="import_poll", run_id=UUID(int=4), found=BROKE),
        lambda: texts.run_broke(OF, job="import_poll", run_id=UUID(int=5), found=OTHERWISE),
    ),
    (
        lambda: texts.loop_broke(OF, loop="pushes", found=BROKE),
        lambda: texts.loop_broke(OF, loop="pushes", found=OTHERWISE),
    ),
    (
        lambda: texts.loop_broke(None, loop="stream", found=BROKE),
        lambda: texts.loop_broke(None, loop="stream", found=OTHERWISE),
    ),
    (
        lambda: texts.not_ready(part="clearview", reason="no primary"),
        lambda: texts.not_ready(part="clearview", reason="ClearView's MongoDB does not answer."),
    ),
    (
        lambda: texts.events_undelivered("sink", reason="It is away", waiting_since=NOW),
        lambda: texts.events_undelivered("sink", reason="It refuses.", waiting_since=NOW - HOUR),
    ),
    (
        lambda: texts.events_untaken("sink", "candidate.created", reason="No queue is bound"),
        lambda: texts.events_untaken("sink", "candidate.created", reason="HTTP 400."),
    ),
    (
        lambda: texts.events_position_lost("sink", reason="history lost", since=NOW),
        lambda: texts.events_position_lost("sink", reason="no token.", since=NOW - HOUR),
    ),
]
"""Of each key two conditions with other facts."""
MODULES = [path for folder in ("daemon", "connectors") for path in Path(folder).rglob("*.py")]


def _lost(number: int) -> Condition:
    return texts.stream_position_lost(
        reason="history lost", repaired=2, found=recovery(RecoveryRule(), number)
    )


def named(pair: tuple[Callable[[], Condition], Callable[[], Condition]]) -> str:
    return pair[0]().key


def test_every_kind_has_words() -> None:
    assert {words().kind for words, _ in EVERY} == set(AlertKind)


@pytest.mark.parametrize("pair", EVERY, ids=named)
def test_the_title_names_it_and_the_message_is_whole_sentences(
    pair: tuple[Callable[[], Condition], Callable[[], Condition]],
) -> None:
    for words in pair:
        condition = words()

        assert condition.title
        assert not condition.title.endswith(".")
        assert condition.message.endswith(".")
        assert ".." not in condition.message
        assert "  " not in condition.message.replace(":1  poll", ":1 poll")
        assert condition.integration is None or condition.integration in condition.title


@pytest.mark.parametrize("pair", EVERY, ids=named)
def test_a_key_keeps_its_severity_whatever_the_facts(
    pair: tuple[Callable[[], Condition], Callable[[], Condition]],
) -> None:
    one, other = (words() for words in pair)

    assert one.key == other.key
    assert one.severity == other.severity or one.kind in GROWING


def test_a_missing_permission_is_not_called_a_refused_credential() -> None:
    refused, forbidden = (texts.auth_refused(OF, status=status) for status in (401, 403))

    assert (refused.key, refused.severity) == (forbidden.key, forbidden.severity)
    assert "refuses the credential" in refused.title
    assert "lacks a permission" in forbidden.title
    assert "HTTP 403" in forbidden.message


def test_no_two_texts_share_a_key() -> None:
    keys = [words().key for words, _ in EVERY]

    assert sorted(keys) == sorted(set(keys))


def test_every_text_is_looked_at_here() -> None:
    texts_here = {name for name, one in vars(texts).items() if _words_a_condition(name, one)}
    every: list[Callable[..., Condition]] = [_lost, *chain.from_iterable(EVERY)]
    looked_at = {name for words in every for name in _names(words)}

    assert texts_here - looked_at == set()


def _words_a_condition(name: str, one: object) -> bool:
    return (
        not name.startswith("_")
        and isfunction(one)
        and one.__annotations__.get("return") is Condition
    )


def _names(words: Callable[..., Condition]) -> tuple[str, ...]:
    return words.__code__.co_names


def test_no_other_module_words_a_condition() -> None:
    authors = {
        path.as_posix()
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Condition"
    }

    assert authors == {"daemon/core/alert_texts.py"}


def test_an_unexpected_error_is_reported_with_its_run_and_without_its_text() -> None:
    condition = texts.run_broke(OF, job="import_poll", run_id=UUID(int=4), found=BROKE)

    assert str(UUID(int=4)) in condition.message
    assert "KeyError at connectors.read.mapping:120" in condition.message
    assert condition.details["run_id"] == str(UUID(int=4))


@pytest.mark.parametrize(
    ("sunset", "severity", "when"),
    [
        (date(2026, 9, 1), "warning", "in 183 days"),
        (date(2026, 3, 3), "error", "in 1 day"),
        (date(2026, 3, 2), "error", "as of today"),
        (date(2026, 1, 1), "error", "already"),
    ],
)
def test_a_sunset_grows_more_severe(sunset: date, severity: str, when: str) -> None:
    condition = texts.version_sunset(OF, version="v1", sunset=sunset, today=NOW.date())

    assert condition.severity == severity
    assert condition.title.endswith(when)


def test_what_was_given_up_is_reported_with_the_command_that_helps() -> None:
    records = texts.dead_records(OF, records=1).message
    pushes = texts.dead_push(OF, application=UUID(int=2), status="offer", reason="422").message

    assert "ats-sync poll acme --sweep" in records
    assert "outbox" not in records
    assert "ats-sync outbox replay" in pushes
    assert "poll" not in pushes


def test_numbers_and_nouns_agree() -> None:
    assert texts.dead_records(OF, records=1).title == "acme: 1 record given up"
    assert texts.dead_records(OF, records=2).title == "acme: 2 records given up"


def test_an_error_without_a_full_stop_becomes_a_sentence() -> None:
    said = texts.integration_failing(OF, failures=3, since=NOW, error="answered (503)").message

    assert said.startswith("3 runs in a row failed: answered (503). Nothing is lost;")
