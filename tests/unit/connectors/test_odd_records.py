"""A field fails alone; a record fails by its identity, its stage or a cap, with the reason."""

import json
from typing import Any

import msgspec
import pytest
from aiohttp import web

from connectors.read.ids import MAX_ID_CHARACTERS
from connectors.read.record_caps import MAX_ITEMS, MAX_RECORD_BYTES
from connectors.values import Mapped, MappingFailed, RawRecord, ReadIssue, Window
from tests.support.tiny_ats import TinyAts, definition_text, tiny_ats, tiny_connector

CANDIDATE = """\
candidate:
  external_id: id
  first_name: name
  emails: emails
  phones: {each: phones, value: number, type: kind}
  tags: "tags[].title"
  custom_fields: {each: fields, key: label, value: value}
  attachments: {each: files, external_id: id, name: name, url: url, url_expires_at: until}
  external_updated_at: updated
"""
BOTH = """\
candidate: {external_id: id, first_name: name}
application:
  each: applications
  external_id: id
  candidate_external_id: record.id
  job: {external_id: job.id, name: job.title}
  stage: {external_id: stage.id, name: stage.name, kind: stage.kind}
  rejection_reason: reason
  applied_at: made
statuses:
  kinds: {Open: interview, Closed: rejected}
"""
STAGE = {"id": 5, "name": "Talk", "kind": "Open"}


async def map_one(
    record: Any, mapping: str = CANDIDATE, **operator: Any
) -> tuple[Any, list[ReadIssue]]:
    """What becomes of one record, and what is reported of its fields."""
    text = definition_text().split("candidate:")[0] + mapping
    if mapping is BOTH:
        text = text.replace("holds: candidates", "holds: both")
    connector = tiny_connector(TinyAts("http://127.0.0.1:9"), text, **operator)
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    (found,) = await connector.map_records("people", [RawRecord("1", raw, None)])
    return found, list(connector.take_issues())


@pytest.mark.parametrize(
    ("field", "odd", "empty"),
    [
        ("name", {"first": "A"}, None),
        ("name", ["A"], None),
        ("emails", [{"address": "x"}], []),
        ("emails", [["x"]], []),
        ("phones", "0123", []),
        ("phones", [{"number": {"a": 1}}], []),
        ("tags", [{"title": {"en": "x"}}], []),
        ("files", [{"id": 1, "name": []}], []),
        ("updated", 1700000000, None),
        ("updated", {"at": "now"}, None),
        ("updated", "yesterday", None),
        ("updated", "99999-01-01", None),
    ],
)
async def test_a_field_that_cannot_be_read_fails_alone_and_is_counted(
    field: str, odd: Any, empty: Any
) -> None:
    good = {"id": 1, "name": "A", "emails": ["a@b"], "tags": [{"title": "t"}], "updated": None}
    names = {"name": "first_name", "files": "attachments", "updated": "external_updated_at"}
    name = names.get(field, field)

    found, issues = await map_one({**good, field: odd})

    assert isinstance(found, Mapped)
    assert found.candidate is not None
    assert found.candidate[name] == empty  # type: ignore[literal-required]  # one of its fields
    assert found.candidate["external_id"] == "1"
    assert found.failed_fields == {f"candidate.{name}"}
    assert [(each.kind, each.name, each.count) for each in issues] == [
        ("field", f"candidate.{name}", 1)
    ]
    others = {"first_name": "A", "emails": [{"value": "a@b", "type": None}], "tags": ["t"]}
    for other, value in others.items():
        if other != name:
            assert found.candidate[other] == value  # type: ignore[literal-required]  # one of its fields


async def test_fields_are_counted_by_name_and_reported_without_content() -> None:
    connector = tiny_connector(TinyAts("http://127.0.0.1:9"), definition_text())
    raws = [RawRecord(f"{n}", b'{"id": %d, "name": ["Secret"]}' % n, None) for n in range(1, 6)]

    await connector.map_records("people", raws)
    (issue,) = connector.take_issues()

    assert (issue.name, issue.count) == ("candidate.first_name", 5)
    assert "Secret" not in issue.reason
    assert connector.take_issues() == []


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        ("text", {"_raw": "text"}),
        (7, {"_raw": 7}),
        ([{"label": "a", "value": {"b": [1]}}], {"a": {"b": [1]}}),
        ([{"label": "a", "value": 1}, "ZQX", None], {"a": 1}),
        (None, {}),
        ([], {}),
    ],
)
async def test_custom_fields_are_kept_as_they_came(odd: Any, kept: dict[str, Any]) -> None:
    found, _ = await map_one({"id": 1, "fields": odd})

    assert found.candidate["custom_fields"] == kept
    assert found.failed_fields == frozenset()


async def test_a_custom_field_whose_type_changed_is_kept_raw_and_counted() -> None:
    mapping = CANDIDATE.replace("value: value}", "value: {parse_time: value, format: epoch_s}}")
    fields = [{"label": "start", "value": 0}, {"label": "end", "value": "soon"}]

    found, issues = await map_one({"id": 1, "fields": fields}, mapping)

    custom = found.candidate["custom_fields"]
    assert custom["start"].year == 1970
    assert custom["end"] == "soon"
    assert [(each.name, each.count) for each in issues] == [("candidate.custom_fields", 1)]
    assert "soon" not in issues[0].reason


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        (["Start.Date", "Start_Date"], {"Start_Date": 1, "Start_Date_2": 0}),
        (["Start_Date", "Start.Date"], {"Start_Date": 0, "Start_Date_2": 1}),
        (["a.b", "a.b"], {"a_b": 0, "a_b_2": 1}),
        (["a.b", "a_b_2", "a_b"], {"a_b": 2, "a_b_2": 1, "a_b_2_": 0}),
        (["$x", "_x"], {"_x": 1, "_x_2": 0}),
    ],
)
async def test_labels_that_reduce_to_one_name_keep_all_values(
    labels: list[str], kept: dict[str, int]
) -> None:
    fields = [{"label": label, "value": at} for at, label in enumerate(labels)]

    found, _ = await map_one({"id": 1, "fields": fields})

    assert found.candidate["custom_fields"] == kept


@pytest.mark.parametrize("field", ["emails", "phones", "tags", "fields", "files"])
async def test_null_where_a_list_is_expected_is_an_empty_list(field: str) -> None:
    found, issues = await map_one({"id": 1, field: None})

    assert issues == []
    assert not found.candidate[
        {"fields": "custom_fields", "files": "attachments"}.get(field, field)
    ]


async def test_null_applications_are_none_and_null_among_them_is_left_out() -> None:
    none, _ = await map_one({"id": 1, "applications": None}, BOTH)
    one, _ = await map_one({"id": 1, "applications": [None, {"id": 2, "stage": STAGE}]}, BOTH)

    assert none.applications == ()
    assert [each["external_id"] for each in one.applications] == ["2"]


ODD_IDS = [
    "",
    " ",
    None,
    {},
    {"a": 1},
    [],
    ["1"],
    True,
    False,
    1.5,
    2.0,
    "x" * 10_000,
    "a\nb",
    "\0",
    ".",
    "..",
]


@pytest.mark.parametrize("odd", [*ODD_IDS, int("9" * 500)], ids=lambda value: repr(value)[:12])
async def test_a_record_without_a_usable_id_fails_without_one(odd: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"rows": [{"id": 1}, {"id": odd, "name": "Secret"}, {"id": "b"}]})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        (page,) = [page async for page in connector.pages("people", Window())]
        await connector.close()

    assert [record.external_id for record in page.records] == ["1", "b"]
    assert [failed.external_id for failed in page.failed] == [None]
    assert page.failed[0].message.startswith("record 2 of the page has")
    assert "Secret" not in page.failed[0].message
    assert not page.complete


async def test_the_longest_id_is_taken() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"rows": [{"id": "x" * MAX_ID_CHARACTERS}]})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        (page,) = [page async for page in connector.pages("people", Window())]
        await connector.close()

    assert len(page.records[0].external_id) == MAX_ID_CHARACTERS
    assert page.complete


@pytest.mark.parametrize("odd", ODD_IDS, ids=lambda value: repr(value)[:12])
async def test_an_application_without_a_usable_id_fails_its_record(odd: Any) -> None:
    record = {"id": 1, "applications": [{"id": odd, "stage": STAGE}]}

    found, _ = await map_one(record, BOTH)

    assert isinstance(found, MappingFailed)
    assert found.external_id == "1"
    assert "application.external_id has" in found.message


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"stage": {"id": {"a": 1}, "name": "x"}}, "application.stage"),
        ({"stage": {"id": 5, "name": ["x"]}}, "application.stage"),
        ({"stage": {"id": 5, "name": "x", "kind": {}}}, "application.stage"),
        ({"stage": {**STAGE, "kind": "Closed"}, "reason": {"en": "x"}}, "who turned whom down"),
    ],
)
async def test_a_status_is_never_guessed_where_what_it_comes_of_cannot_be_read(
    part: dict[str, Any], says: str
) -> None:
    found, _ = await map_one({"id": 1, "applications": [{"id": 2, **part}]}, BOTH)

    assert isinstance(found, MappingFailed)
    assert says in found.message


@pytest.mark.parametrize("odd", [{"id": {}, "title": "x"}, {"id": 1, "title": []}, {"id": 1.5}])
async def test_a_job_that_cannot_be_read_is_left_out(odd: Any) -> None:
    record = {"id": 1, "applications": [{"id": 2, "stage": STAGE, "job": odd}]}

    found, issues = await map_one(record, BOTH)

    assert found.applications[0]["job"] == {"external_id": None, "name": None}
    assert found.failed_fields == {"application.job"}
    assert [each.name for each in issues] == ["application.job"]


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (b'{"id": 1, "name": %s}' % nested(300), "nested deeper than 100"),
        (b'{"id": 1, "unread": %s}' % nested(101), "nested deeper than 100"),
        (b'{"id": 1, "fields": [{"label": "a", "value": %s}]}' % nested(800), "nested deeper"),
        (b'{"id": 1, "name": "%s"}' % (b"x" * MAX_RECORD_BYTES), "bytes; at most"),
        ({"id": 1, "fields": [{"label": f"f{n}", "value": n} for n in range(MAX_ITEMS + 1)]},
         "candidate.custom_fields has 2001 entries; at most 2000"),
        ({"id": 1, "emails": ["a"] * (MAX_ITEMS + 1)}, "candidate.emails has 2001 entries"),
        ({"id": 1, "tags": [{"title": "a"}] * (MAX_ITEMS + 1)}, "candidate.tags has 2001 entries"),
        (b'{"id": 1, "fields": %s}' % msgspec.json.encode(
            [{"label": f"f{n}", "value": "x"} for n in range(500_000)]), "bytes; at most"),
    ],
    ids=["300 deep", "101 deep, unread", "800 deep", "1 MB", "fields", "emails", "tags", "500,000"],
)  # fmt: skip
async def test_a_record_above_a_cap_fails_with_the_reason(record: Any, says: str) -> None:
    found, _ = await map_one(record)

    assert isinstance(found, MappingFailed)
    assert found.external_id == "1"
    assert says in found.message


async def test_a_record_at_the_caps_is_imported() -> None:
    record = b'{"id": 1, "name": "A", "fields": [%s]}' % b",".join(
        b'{"label": "f%d", "value": %s}' % (n, nested(95) if n == 0 else b"1")
        for n in range(MAX_ITEMS)
    )

    found, issues = await map_one(record)

    assert isinstance(found, Mapped)
    assert len(found.candidate["custom_fields"]) == MAX_ITEMS  # type: ignore[index]  # there is one
    assert issues == []


async def test_too_many_applications_fail_their_record() -> None:
    applications = [{"id": n, "stage": STAGE} for n in range(1, MAX_ITEMS + 2)]

    found, _ = await map_one({"id": 1, "applications": applications}, BOTH)

    assert isinstance(found, MappingFailed)
    assert "2001 applications" in found.message


async def test_an_operators_own_custom_field_of_any_type_is_kept() -> None:
    fields = {"custom_fields.salary": "salary"}
    for value in ({"amount": 5}, [1, 2], "5", 10**30, None):
        found, _ = await map_one({"id": 1, "salary": value}, fields=fields)

        kept = str(value) if isinstance(value, int) else value
        assert found.candidate["custom_fields"]["salary"] == kept
