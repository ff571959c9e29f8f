"""Every condition has words, and they tell the reader what to do."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from daemon.core import alert_texts as texts
from daemon.core.recovery import RecoveryRule, recovery
from daemon.ports.alerts import AlertKind, Condition

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OF = texts.Of("acme", UUID(int=1))
EVERY: list[Callable[[], Condition]] = [
    lambda: texts.integration_failing(OF, failures=3, since=NOW, error="503"),
    lambda: texts.auth_refused(OF, status=401),
    lambda: texts.dead_letters(OF, pushes=2, records=1),
    lambda: texts.stream_position_at_risk(age=timedelta(hours=3), window=timedelta(hours=9)),
    lambda: texts.stream_position_lost(
        reason="history lost", repaired=2, found=recovery(RecoveryRule(), 1)
    ),
    lambda: texts.stream_position_lost(
        reason="history lost", repaired=2, found=recovery(RecoveryRule(), 3)
    ),
    lambda: texts.deletion_brake(OF, list_name="people", missing=40, known=99, max_percent=10),
    lambda: texts.schema_drift(OF, list_name="people", fields=["emails"]),
    lambda: texts.import_incomplete(OF, run_id=UUID(int=2), parts=["jobs of 7 (HTTP 502)"] * 11),
    lambda: texts.records_failing(OF, failing=12, run_id=UUID(int=2)),
    lambda: texts.zero_candidates(OF, list_name="people", known=99),
    lambda: texts.unmapped_stages(OF, stages=["Coffee"], applications=1),
    lambda: texts.conflicts_open(OF, count=1),
    lambda: texts.rate_limited(OF, since=NOW, until=None),
    lambda: texts.export_missed(OF, period_start=NOW, period_end=NOW, error="503."),
    lambda: texts.config_refused(problems=["one"]),
    lambda: texts.version_sunset(OF, version="v1", sunset=date(2026, 4, 1), today=NOW.date()),
    lambda: texts.notification_undelivered(channel="http:x", error="401."),
]


def test_every_kind_has_words() -> None:
    assert {words().kind for words in EVERY} == set(AlertKind)


@pytest.mark.parametrize("words", EVERY, ids=lambda w: w().kind.value)
def test_the_title_names_it_and_the_message_is_whole_sentences(
    words: Callable[[], Condition],
) -> None:
    condition = words()

    assert condition.title
    assert not condition.title.endswith(".")
    assert condition.message.endswith(".")
    assert "  " not in condition.message
    assert condition.integration is None or condition.integration in condition.title


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


def test_what_was_given_up_is_told_with_the_command_that_helps() -> None:
    records = texts.dead_letters(OF, records=1).message
    pushes = texts.dead_letters(OF, pushes=1).message

    assert "ats-sync poll acme --sweep" in records
    assert "outbox" not in records
    assert "ats-sync outbox replay" in pushes
    assert "poll" not in pushes


def test_numbers_and_nouns_agree() -> None:
    assert texts.dead_letters(OF, pushes=2, records=1).title == (
        "acme: 2 pushes and 1 record given up"
    )


def test_an_error_without_a_full_stop_becomes_a_sentence() -> None:
    said = texts.integration_failing(OF, failures=3, since=NOW, error="answered (503)").message

    assert said.startswith("3 runs in a row failed: answered (503). Nothing is lost;")
