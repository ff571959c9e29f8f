"""`events` in the operator's file: who gets events, and every mistake at its position."""

from pathlib import Path

import pytest

from config.loader import secrets_in
from config.loading import load_yaml_model
from config.operator import OperatorConfig
from config.problems import ConfigError
from models.event_types import EventType

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def events(text: str) -> OperatorConfig:
    return loaded(f"version: 1\nevents:\n  - {text}\n")


def loaded(text: str) -> OperatorConfig:
    here = Path("ats-sync.yaml")
    return load_yaml_model(here, OperatorConfig, text=text, resolve_references=True).value


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        events(text)
    return "\n".join(map(str, refused.value.problems))


def test_nothing_is_published_unless_the_file_says_so() -> None:
    assert loaded("version: 1\n").events == []


def test_a_broker_has_an_exchange_and_a_name_without_its_password() -> None:
    (sink,) = events('{kind: rabbitmq, url: "amqps://ats:hunter2@mq.example/hiring%2Feu"}').events

    assert (sink.kind, sink.name) == ("rabbitmq", "rabbitmq:mq.example:5671:hiring/eu:ats-sync")
    assert [secret.get_secret_value() for _, secret in secrets_in(sink)] == [
        "amqps://ats:hunter2@mq.example/hiring%2Feu"
    ]
    assert sink.include == "ids"


def test_a_new_password_keeps_the_name_and_so_the_position() -> None:
    names = {
        events(f'{{kind: rabbitmq, url: "amqp://ats:{word}@mq/"}}').events[0].name
        for word in ("one", "two")
    }

    assert names == {"rabbitmq:mq:5672:/:ats-sync"}


def test_a_webhook_has_one_key_or_two() -> None:
    text = f'{{kind: http, url: "https://h.example/x", secret: "{KEY} {KEY}"}}'

    assert events(text).events[0].name == "http:https://h.example/x"


def test_types_are_those_that_there_are() -> None:
    text = '{kind: rabbitmq, url: "amqp://mq/", types: [clearview.ats.candidate.created]}'
    wrong = problems('{kind: rabbitmq, url: "amqp://mq/", types: [clearview.ats.candidate.made]}')

    assert events(text).events[0].types == [EventType.CANDIDATE_CREATED]
    assert "3:" in wrong
    assert "types" in wrong


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{kind: kafka}", "rabbitmq"),
        ('{kind: rabbitmq, url: "https://mq.example"}', "must be an address such as amqps://"),
        ('{kind: rabbitmq, url: "amqp://u:hunter2@/"}', "must be an address such as amqps://"),
        ('{kind: rabbitmq, url: "amqp://u:hunter2@mq/?heartbeat=1"}', "must not carry a query"),
        ('{kind: http, url: "https://h.example"}', "secret"),
        ('{kind: http, url: "https://h.example", secret: "hunter2!"}', "must be whsec_ and base64"),
        ('{kind: http, url: "https://h.example", secret: "whsec_aHVudGVyMg=="}', "24 to 64 bytes"),
        (f'{{kind: http, url: "https://u:hunter2@h", secret: "{KEY}"}}', "user name or password"),
    ],
)
def test_a_mistake_has_its_words_and_quotes_no_secret(text: str, words: str) -> None:
    found = problems(text)

    assert words in found
    assert "hunter2" not in found


def test_a_receiver_that_is_listed_twice_is_refused() -> None:
    one = '{kind: rabbitmq, url: "amqp://mq/"}'

    assert "listed twice" in problems(f"{one}\n  - {one}")
