"""Whatever an ATS sends: a page is read, or fails as a known error; nothing else comes out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import SecretStr

from config.operator import Integration
from connectors.connector import Connector
from connectors.definition.load import Definition, load_definition_text
from connectors.errors import AtsError
from connectors.http.client import Answer, AtsHttp, Outgoing
from connectors.registry import create_connector
from connectors.values import Mapped, MappingFailed, Window
from tests.support.ats import QuickClock
from tests.support.fuzz_cases import examples
from tests.support.tiny_ats import definition_text

EXAMPLES = examples(250, otherwise=150)
SHARDS = examples(80, otherwise=1)
"""Every night 80 x 250 cases: Hypothesis remembers all bodies of one test, and 20,000 fill gigabytes."""
pytestmark = [pytest.mark.timeout(600), pytest.mark.fuzz("payloads")]

LISTS = """\
    total: total
    fetch: {request: {get: "/people/{id}"}}
  applications:
    holds: both
    request: {get: /applications}
    records: data.items
    pagination: {kind: page, parameter: page, more: data.more}
    cursor: {kind: none}
    volatile: ["files[].url"]
    joins:
      stage: {list: stages, key: stage_id, optional: true}
  stages: {holds: lookup, request: {get: /stages}, records: rows}
"""
MAPPING = """\
candidate:
  external_id: id
  first_name: {split_name: name, part: first}
  last_name: [last, {join_text: [name, middle]}]
  emails: emails
  phones: {each: phones, value: number, type: kind}
  links: {each: links, value: "@"}
  tags: "tags[].title"
  custom_fields: {each: fields, key: label, value: {parse_time: value, format: epoch_ms}}
  attachments: {each: files, external_id: id, name: name, url: url, url_expires_at: until}
  is_private: private
  external_created_at: {parse_time: made, format: epoch_s}
  external_updated_at: updated
application:
  external_id: application_id
  candidate_external_id: id
  job: {external_id: job.id, name: "sort_by(jobs, &id)[0].title"}
  stage: {external_id: stage_id, name: "joined.stage.name || stage.name", kind: stage.kind}
  rejection_reason: {map: reason, values: {a: b}, otherwise: x}
  custom_fields: own
  applied_at: updated
"""
KEYS = [
    "rows", "data", "items", "more", "next", "total", "id", "name", "last", "middle", "emails",
    "phones", "number", "kind", "links", "tags", "title", "fields", "label", "value", "files",
    "until", "private", "made", "updated", "application_id", "job", "jobs", "stage_id", "stage",
    "reason", "own", "type", "url", "_scope", "$a.b", "",
]  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**30, max_value=10**40)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2026-01-01", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", " "])
)
SHAPES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
    ),
    max_leaves=25,
)
RECORDS = st.dictionaries(st.sampled_from(KEYS), SHAPES, max_size=14)
PAGES = st.fixed_dictionaries(
    {"rows": st.lists(RECORDS | SHAPES, max_size=4)},
    optional={"next": SCALARS, "total": SCALARS, "data": SHAPES},
) | st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries(
            {"items": st.lists(RECORDS | SHAPES, max_size=4), "more": SCALARS}
        )
    }
)


def _spoilt(text: str, at: float, junk: bytes) -> bytes:
    """A body with junk somewhere in it."""
    raw = text.encode("utf-8", "surrogatepass")
    place = int(at * len(raw))
    return raw[:place] + junk + raw[place:]


BODIES = (
    st.binary(max_size=200)
    | SHAPES.map(json.dumps).map(str.encode)
    | PAGES.map(json.dumps).map(str.encode)
    | st.builds(
        _spoilt,
        PAGES.map(lambda page: json.dumps(page, ensure_ascii=False)),
        st.floats(0, 1),
        st.binary(max_size=3)
        | st.sampled_from([b"\xc3", b"\xe9", b"\n", b"\x00", b"[" * 3000, b"1e999", b"\\ud800"]),
    )
    | PAGES.map(lambda page: json.dumps(page).encode("utf-16"))
)
TYPES = st.sampled_from(
    ["application/json", "text/html", "", "application/json; charset=latin-1", "x; charset=none"]
)


class _Canned(AtsHttp):
    """Answers every request with one body."""

    def __init__(self) -> None:
        super().__init__()
        self.body = b""
        self.content_type = ""

    async def send(self, request: Outgoing, headers: Any) -> Answer:
        headers = CIMultiDictProxy(CIMultiDict({"Content-Type": self.content_type}))
        return Answer(200, headers, self.body, request.url)


CANNED = _Canned()


def _definition() -> Definition:
    text = definition_text(
        pagination="{kind: cursor, parameter: c, at: next}",
        cursor='{kind: updated_at, field: updated, query: {since: "{from}"}, time_zone: Europe/Berlin}',
        lists=LISTS,
    )
    return load_definition_text(text.split("candidate:")[0] + MAPPING, path=Path("tiny.yaml"))


@lru_cache
def _connector() -> Connector:
    connector: Any = create_connector(
        "acme",
        Integration(
            connector="tiny",
            endpoint="http://127.0.0.1:9",
            credentials={"key": SecretStr("secret")},
            fields={"custom_fields.salary": "value", "title": "job.jobs[0].title"},
        ),
        _definition(),
        clock=QuickClock(),
        jitter=lambda: 0.0,
    )
    connector.parts.transport.http = CANNED
    return connector  # it is made by its parts


async def _read_all(connector: Connector) -> AsyncIterator[object]:
    for facts in connector.lists:
        for window in (Window(), Window(cursor={"updated_at": "2026-01-01T00:00:00.000Z"})):
            try:
                await connector.prepare_mapping(facts.name)
                pages = connector.pages(facts.name, window)
                async for page in pages:
                    yield page
                    for each in await connector.map_records(facts.name, page.records):
                        yield each
            except AtsError as error:
                yield error


@pytest.mark.parametrize("shard", range(SHARDS))
@settings(max_examples=EXAMPLES)
@given(body=BODIES, content_type=TYPES)
def test_only_records_failures_and_known_errors_come_of_any_body(
    body: bytes, content_type: str, shard: int
) -> None:
    assert shard < SHARDS
    CANNED.body, CANNED.content_type = body, content_type
    connector = _connector()
    asked = {"1", "", " "}

    async def read() -> list[object]:
        found = [each async for each in _read_all(connector)]
        with suppress(AtsError):
            assert (await connector.fetch("people", sorted(asked))).keys() <= asked
        connector.take_issues()
        return found

    for each in asyncio.run(read()):
        if isinstance(each, Mapped | MappingFailed) and each.external_id is not None:
            assert each.external_id.strip()
