"""Webhooks: who signed an event, when, and which records it names; anything else is refused."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from connectors.definition.root import DefinitionModel
from connectors.read.webhooks import (
    LONGEST_NAME,
    MOST_RECORDS,
    SignedEvent,
    WebhookReader,
    WebhookRefused,
)
from connectors.registry import load_definition
from connectors.simulator.webhook_events import Sent, hex_digest
from tests.support.fuzz_cases import examples
from tests.support.webhook_senders import (
    SECRET,
    ashby,
    breezy,
    greenhouse,
    lever,
    smartrecruiters,
    teamtailor,
    workable,
)

pytestmark = pytest.mark.fuzz("webhook bodies")
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@lru_cache
def model_of(connector: str) -> DefinitionModel:
    return load_definition(connector).model


def reader(connector: str, *secrets: str) -> WebhookReader:
    model = model_of(connector)
    assert model.webhook is not None
    holds = {
        name: spec.holds
        for name, spec in model.lists.items()
        if spec.holds != "lookup" and spec.fetch is not None
    }
    return WebhookReader(model.webhook, secrets or (SECRET,), holds)


def read(connector: str, sent: Sent, *secrets: str, at: datetime = NOW) -> SignedEvent:
    headers, body = sent
    return reader(connector, *secrets).read(CIMultiDict(headers), body, at)


def refusal(connector: str, sent: Sent, *secrets: str, at: datetime = NOW) -> str:
    with pytest.raises(WebhookRefused) as refused:
        read(connector, sent, *secrets, at=at)
    return refused.value.reason


def job_application(number: str) -> dict[str, Any]:
    return {
        "event_name": "job_application.update",
        "data": {"id": number, "type": "job-applications"},
    }


EVENTS: dict[str, tuple[Callable[..., Sent], Mapping[str, Any], str, Mapping[str, Sequence[str]]]] = {
    "greenhouse": (
        greenhouse,
        {"action": "candidate_stage_change", "payload": {"application": {"id": 7, "candidate": {"id": 3}}}},
        "candidate_stage_change",
        {"candidates": ("3",), "applications": ("7",)},
    ),
    "ashby": (
        ashby,
        {"action": "candidateStageChange", "data": {"application": {"id": "a", "candidate": {"id": "c"}}}},
        "candidateStageChange",
        {"candidates": ("c",), "applications": ("a",)},
    ),
    "workable": (
        workable,
        {"event_type": "candidate_moved", "data": {"id": "1f"}},
        "candidate_moved",
        {"candidates": ("1f",)},
    ),
    "lever": (
        lever,
        {"event": "candidateStageChange", "data": {"opportunityId": "o-1", "contactId": "k"}},
        "candidateStageChange",
        {"opportunities": ("o-1",)},
    ),
    "teamtailor": (
        teamtailor,
        job_application("12"),
        "job_application.update",
        {"job_applications": ("12",)},
    ),
    "smartrecruiters": (
        smartrecruiters,
        {"job_id": "j", "candidate_id": "c1", "application_id": "x"},
        "application.status.updated",
        {"candidates": ("c1",)},
    ),
    "breezy": (
        breezy,
        {"_id": "e", "type": "candidateDeleted", "object": {"position": {"_id": "p"}, "candidate": {"_id": "c"}}},
        "candidateDeleted",
        {"candidates": ("p:c",)},
    ),
}  # fmt: skip


KEYS = (
    *(
        "action",
        "payload",
        "application",
        "candidate",
        "person",
        "id",
        "data",
        "event_type",
        "event",
    ),
    *(
        "opportunityId",
        "contactId",
        "event_name",
        "type",
        "relationships",
        "job_id",
        "candidate_id",
    ),
    *("application_id", "object", "position", "_id", "token", "triggeredAt", "signature"),
)
"""Of the vendors' events."""


@pytest.mark.parametrize("connector", EVENTS)
def test_a_signed_event_names_its_records(connector: str) -> None:
    sign, payload, name, records = EVENTS[connector]

    event = read(connector, sign(payload, sent=NOW))

    assert (event.name, event.records) == (name, records)


@pytest.mark.parametrize("connector", EVENTS)
def test_an_event_signed_by_another_key_is_refused(connector: str) -> None:
    sign, payload, _, _ = EVENTS[connector]

    assert refusal(connector, sign(payload, secret="stolen", sent=NOW)) == "bad_signature"


@pytest.mark.parametrize("connector", EVENTS)
def test_both_keys_of_a_rotation_are_accepted(connector: str) -> None:
    sign, payload, name, _ = EVENTS[connector]

    assert read(connector, sign(payload, secret="new", sent=NOW), "new", SECRET).name == name
    assert read(connector, sign(payload, sent=NOW), "new", SECRET).name == name


@pytest.mark.parametrize("connector", EVENTS)
def test_an_event_without_a_signature_is_refused(connector: str) -> None:
    _, payload, _, _ = EVENTS[connector]

    assert refusal(connector, ({}, json.dumps(payload).encode())) == "not_signed"


@pytest.mark.parametrize("connector", ["lever", "teamtailor", "smartrecruiters"])
@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_event_that_was_sent_long_ago_or_ahead_is_refused(connector: str, minutes: int) -> None:
    sign, payload, _, _ = EVENTS[connector]

    sent = sign(payload, sent=NOW + timedelta(minutes=minutes))

    assert refusal(connector, sent) == "stale"


@pytest.mark.parametrize("connector", ["greenhouse", "ashby", "workable", "teamtailor"])
def test_a_body_that_was_changed_on_the_way_is_refused(connector: str) -> None:
    sign, payload, _, _ = EVENTS[connector]
    headers, body = sign(payload, sent=NOW)

    assert refusal(connector, (headers, body + b" ")) == "bad_signature"


def test_the_vendors_own_example_is_accepted() -> None:
    """SmartRecruiters, docs/receiving-webhook-notifications, recomputed 2026-11-23."""
    digest = "2e9291f10d44ca10204a4cd81b05d73b6a316b2b605d4e2e0e0b37b40198ce1f"
    headers = {
        "event-id": "123",
        "event-name": "application.created",
        "event-version": "v201910",
        "link": "<http://smartrecruiters.com/endpoint>; rel=self",
        "smartrecruiters-timestamp": "1574080897",
        "smartrecruiters-signature": f"v1={digest}",
    }
    sent = (headers, b'{"job_id":"jid","candidate_id":"cid"}')

    event = read(
        "smartrecruiters", sent, "HeBVky2bccvvkcXPimH8c", at=datetime.fromtimestamp(1574080900, UTC)
    )

    assert (event.event_id, event.records) == ("123", {"candidates": ("cid",)})


def test_an_event_that_is_sent_again_has_the_same_id() -> None:
    sign, payload, _, _ = EVENTS["ashby"]

    assert (
        read("ashby", sign(payload, sent=NOW)).event_id
        == read("ashby", sign(payload, sent=NOW)).event_id
    )
    assert (
        read("ashby", sign(payload, sent=NOW)).event_id
        != read("ashby", sign({**payload, "x": 1}, sent=NOW)).event_id
    )


@pytest.mark.parametrize(
    ("connector", "payload", "records"),
    [
        (
            "greenhouse",
            {"action": "delete_candidate", "payload": {"person": {"id": 3, "deleted_application_ids": [7, 8]}}},
            {"candidates": ("3",), "applications": ("7", "8")},
        ),
        (
            "greenhouse",
            {"action": "merge_candidate", "payload": {"person": {"id": 3, "new_candidate_id": 4}}},
            {"candidates": ("3", "4")},
        ),
        (
            "greenhouse",
            {"action": "candidate_anonymized", "payload": {"candidate_id": 3, "anonymized_fields": ["full_name"]}},
            {"candidates": ("3",)},
        ),
        (
            "ashby",
            {"action": "candidateMerge", "data": {"deletedCandidate": {"id": "c"}, "mergedCandidate": {"id": "d"}}},
            {"candidates": ("c", "d")},
        ),
        ("ashby", {"action": "candidateDelete", "data": {"candidate": {"id": "c"}}}, {"candidates": ("c",)}),
        ("workable", {"event_type": "candidate_deleted", "data": {"id": "1f"}}, {"candidates": ("1f",)}),
        ("lever", {"event": "candidateDeleted", "data": {"opportunityId": "o"}}, {"opportunities": ("o",)}),
        (
            "teamtailor",
            {"event_name": "candidate.destroy", "data": {"id": "9", "type": "candidates"}},
            {"candidates": ("9",)},
        ),
        ("smartrecruiters", {"id": "c1"}, {"candidates": ("c1",)}),
    ],
)  # fmt: skip
def test_an_event_about_a_deletion_or_a_merge_names_everyone_that_it_is_about(
    connector: str, payload: Mapping[str, Any], records: Mapping[str, Sequence[str]]
) -> None:
    sign = EVENTS[connector][0]

    assert read(connector, sign(payload, sent=NOW)).records == records


def test_an_event_names_no_more_records_than_a_run_reads_at_once() -> None:
    person = {"id": 3, "deleted_application_ids": [*range(1, 2000), *range(1, 2000)]}
    event = read("greenhouse", greenhouse({"action": "x", "payload": {"person": person}}))

    assert len(event.records["applications"]) == MOST_RECORDS


@pytest.mark.parametrize(
    "payload",
    [
        {"action": "ping"},
        {"action": "x", "payload": {"application": {"id": {"not": "an id"}}}},
        {"action": "x", "payload": ["a list"]},
        {"action": "x", "payload": {"application": {"id": "a\nb", "candidate": None}}},
    ],
)
def test_an_event_without_a_usable_id_names_no_record(payload: Mapping[str, Any]) -> None:
    assert read("greenhouse", greenhouse(payload)).records == {}


def test_the_name_of_an_event_is_short_and_printable() -> None:
    name = read("greenhouse", greenhouse({"action": "a\n\x00" + "x" * 1_000})).name

    assert len(name) == 100
    assert name.isprintable()


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_malformed(body: bytes) -> None:
    headers = {"Signature": f"sha256 {hex_digest(SECRET, body)}"}

    assert refusal("greenhouse", (headers, body)) == "malformed"


def test_without_a_key_every_event_is_refused() -> None:
    model = model_of("ashby")
    assert model.webhook is not None
    headers, body = ashby({"action": "x"}, secret="")

    with pytest.raises(WebhookRefused) as refused:
        WebhookReader(model.webhook, (), {}).read(CIMultiDict(headers), body, NOW)

    assert refused.value.reason == "not_configured"


def test_a_handshake_is_sent_back_only_where_the_vendor_has_one() -> None:
    headers = CIMultiDict({"x-hook-secret": "v"})

    assert reader("smartrecruiters").handshake(headers) == {"X-Hook-Secret": "v"}
    assert reader("ashby").handshake(headers) == {}


@pytest.mark.parametrize(
    ("connector", "body", "is_one"),
    [
        ("smartrecruiters", b"", True),
        ("smartrecruiters", b"{}\n", True),
        ("smartrecruiters", b'{"id":"c1"}', False),
        ("ashby", b"{}", False),
    ],
)
def test_a_registration_is_about_no_event(connector: str, body: bytes, is_one: bool) -> None:
    headers = CIMultiDict({"x-hook-secret": "v"})

    assert reader(connector).is_registration(headers, body) is is_one


@pytest.mark.parametrize("connector", EVENTS)
@settings(max_examples=examples(5_000))
@given(
    body=st.binary(max_size=200) | st.just(b'{"action":"x"}'),
    text=st.text(max_size=80),
    name=st.sampled_from([
        *("Signature", "Ashby-Signature", "X-Workable-Signature", "TT-Signature"),
        *("smartrecruiters-signature", "smartrecruiters-timestamp"),
    ]),
)  # fmt: skip
def test_nothing_but_a_refusal_comes_of_any_event(
    connector: str, body: bytes, text: str, name: str
) -> None:
    with pytest.raises(WebhookRefused):
        read(connector, ({name: text}, body))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("connector", EVENTS)
@settings(max_examples=examples(5_000))
@given(given=st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=6), is_event=st.booleans())
def test_any_signed_object_names_records_by_texts_or_is_refused(
    connector: str, given: dict[str, Any], is_event: bool
) -> None:
    sign, payload, _, _ = EVENTS[connector]
    try:
        event = read(connector, sign({**payload, **given} if is_event else given, sent=NOW))
    except WebhookRefused:
        return

    assert event.name.isprintable()
    assert len(event.name) <= LONGEST_NAME
    assert event.event_id
    for ids in event.records.values():
        assert 0 < len(ids) <= MOST_RECORDS
        assert {type(each) for each in ids} == {str}
        assert all(each.strip() for each in ids)
