"""A definition and its vendor's OpenAPI document: each contradiction is found at its line, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.definition import load_definition
from connectors.definition.load import CATALOG
from connectors.openapi.comparison import compare
from connectors.openapi.document import MAX_BYTES, OpenApiDocument, read_document
from connectors.openapi.findings import Comparison
from models.errors import UserError
from tests.support.command_line import ats_sync

PARTS = Path(__file__).parent / "bamboohr_parts.yaml"
DEFINITION = (CATALOG / "bamboohr.yaml").read_text(encoding="utf-8")


def compared(tmp_path: Path, *spoilt: tuple[str, str], document: Any = None) -> Comparison:
    text = DEFINITION
    for old, new in spoilt:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "bamboohr.yaml"
    file.write_text(text, encoding="utf-8")
    root = document or read_document(PARTS)
    return compare(load_definition(str(file)), root)


def spoilt_parts(old: str, new: str) -> OpenApiDocument:
    text = PARTS.read_text(encoding="utf-8")
    assert old in text
    return OpenApiDocument(yaml.safe_load(text.replace(old, new)))


def line_of(text: str) -> int:
    return next(at for at, line in enumerate(DEFINITION.splitlines(), 1) if text in line)


def test_the_catalogs_definition_agrees_with_what_is_known_of_the_vendor(tmp_path: Path) -> None:
    found = compared(tmp_path)

    assert found.findings == []
    assert found.checked > 60


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "{get: /statuses}}",
            "{get: /status}}",
            'the document has no such path (did you mean "/api/v1/applicant_tracking/statuses"?)',
        ),
        (
            'post: "/applications/{application_id}/comments", body: {type: comment, comment: "{note}"}',
            'put: "/applications/{application_id}/comments", body: {type: comment, comment: "{note}"}',
            "the document has this path with POST only",
        ),
        (
            "applicationStatus: INACTIVE",
            "aplicationStatus: INACTIVE",
            'the document has no query parameter "aplicationStatus" (did you mean "applicationStatus"?)',
        ),
        (
            "applicationStatus: HIRED, jobStatusGroups: ALL, sortBy: created_date",
            "applicationStatus: HIRED, jobStatusGroups: ALL, sortBy: create_date",
            'the document knows no "create_date" here (did you mean "created_date"?)',
        ),
        (
            '    pagination: {kind: page, parameter: page, done: "paginationComplete == `true` && !nextPageUrl"}\n    # newSince',
            '    pagination: {kind: page, parameter: pages, done: "paginationComplete == `true` && !nextPageUrl"}\n    # newSince',
            'the document has no query parameter "pages" (did you mean "page"?)',
        ),
        (
            "    records: applications\n",
            "    records: application\n",
            'in the answer there is no "application" (did you mean "applications"?)',
        ),
        (
            "name: job.title.label",
            "name: job.title.name",
            'in the answer there is no "name"',
        ),
        (
            "phones: detail.full.applicant.phoneNumber",
            "phones: detail.full.applicant.email.phone",
            'in the answer "phone" is read from a value that is a string',
        ),
        (
            "key: status.id, sparse: true}\n      hired",
            "key: status.key, sparse: true}\n      hired",
            'in the answer there is no "key"',
        ),
        (
            "    name: name\n    kind: code",
            "    name: title\n    kind: code",
            'in the answer there is no "title"',
        ),
    ],
    ids=[
        *("path", "method", "parameter", "word", "paging", "records", "mapping", "text", "join"),
        "stages",
    ],
)
def test_a_mistake_is_found_at_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = compared(tmp_path, (old, new))

    assert {one.message for one in found.findings if one.verdict == "mismatch"} >= {message}
    first = next(one for one in found.findings if one.message == message)
    lines = (tmp_path / "bamboohr.yaml").read_text(encoding="utf-8").splitlines()
    changed = {line for line in new.splitlines() if line not in old.splitlines()}
    assert any(part in lines[first.line - 1] for part in changed)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ('{status: "{stage_id}"}', "is sent as string; the document wants integer"),
        ('{state: "{stage_id:int}"}', 'the document has no body field "state"'),
        ('{state: "{stage_id:int}"}', 'the document demands the body field "status"'),
        ('{status: ["{stage_id:int}"]}', "the document wants no list here"),
    ],
)
def test_a_body_is_compared_field_by_field(tmp_path: Path, new: str, message: str) -> None:
    found = compared(tmp_path, ('{status: "{stage_id:int}"}', new))

    assert message in {one.message.split(" (")[0] for one in found.findings}


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        (
            "/applicant_tracking/statuses:",
            "/applicant_tracking/{what}:",
            "lists.statuses.request.get",
            'the document has no such path (did you mean "/api/v1/applicant_tracking/{what}"?)',
        ),
        (
            "{name: newSince, in: query, schema",
            "{name: newSince, in: query, required: true, schema",
            "lists.hired.request",
            'the document demands the query parameter "newSince"',
        ),
    ],
)
def test_a_document_that_demands_something_else_is_believed(
    tmp_path: Path, old: str, new: str, path: str, message: str
) -> None:
    found = compared(tmp_path, document=spoilt_parts(old, new))

    assert (path, message) in {(one.path, one.message) for one in found.findings}


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("label: {type: string}}}\n    Applicant", "label: {}}}\n    Applicant", None),
        (
            'title: {$ref: "#/components/schemas/Label"}',
            "title: {type: object}",
            "application.job.name",
        ),
        (
            'title: {$ref: "#/components/schemas/Label"}',
            'title: {$ref: "https://elsewhere.example/label.json"}',
            "application.job.name",
        ),
        (
            'title: {$ref: "#/components/schemas/Label"}',
            'title: {$ref: "#/components/schemas/ApplicationRow/properties/job/properties/title"}',
            "application.job.name",
        ),
        (
            'title: {$ref: "#/components/schemas/Label"}',
            "title: {type: object, properties: {id: {}}, additionalProperties: true}",
            "application.job.name",
        ),
    ],
    ids=["untyped", "no keys", "elsewhere", "round in a circle", "more keys"],
)
def test_what_the_document_leaves_open_is_no_contradiction(
    tmp_path: Path, old: str, new: str, path: str | None
) -> None:
    found = compared(tmp_path, document=spoilt_parts(old, new))

    assert [one.path for one in found.findings] == ([] if path is None else [path])
    assert found.count("mismatch") == 0


def test_schemas_that_refer_to_themselves_end(tmp_path: Path) -> None:
    endless = {"oneOf": [{"$ref": "#/components/schemas/Label"}] * 12}
    document = OpenApiDocument(yaml.safe_load(PARTS.read_text(encoding="utf-8")))
    document.root["components"]["schemas"]["Label"] = endless

    found = compared(tmp_path, document=document)

    assert [(one.verdict, one.path) for one in found.findings] == [
        ("unknown", "application.job.name"),
        ("unknown", "application.custom_fields"),
    ]


def test_one_of_several_shapes_is_enough(tmp_path: Path) -> None:
    both = ("name: job.title.label", "name: job.titel || job.title.label")
    first = (
        "  source: applicant.source\nfiles:",
        "  source: [source.name, applicant.source]\nfiles:",
    )

    assert compared(tmp_path, both, first).findings == []


def test_a_condition_is_followed_into_its_parts(tmp_path: Path) -> None:
    old = "linkedinUrl && {value: linkedinUrl"
    found = compared(tmp_path, (old, "linkedInUrl && {value: linkedinUrl"))

    [one] = found.findings
    assert one.line == line_of("links:")
    assert "linkedInUrl" in one.message


def test_an_address_that_no_server_has_is_said_and_the_rest_compared(tmp_path: Path) -> None:
    document = spoilt_parts(
        "https://{companyDomain}.bamboohr.com\n", "https://api.example/gateway/{companyDomain}\n"
    )
    found = compared(tmp_path, document=document)

    assert [(one.verdict, one.path) for one in found.findings] == [("unknown", "api.base_url")]


def test_a_json_document_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "document.json"
    file.write_text(json.dumps(yaml.safe_load(PARTS.read_text(encoding="utf-8"))))

    assert compared(tmp_path, document=read_document(file)).findings == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"openapi: 3.1.0\npaths: [\n", "is neither JSON nor YAML (line 3)"),
        (b'{"openapi": "3.1.0", ', "is neither JSON nor YAML"),
        (b"\xff\xfe\x00", "is neither JSON nor YAML"),
        (b"", "is no OpenAPI document: it holds no object"),
        (b"- 1\n", "is no OpenAPI document: it holds no object"),
        (b"swagger: '2.0'\npaths: {/a: {}}\n", "is a Swagger 2.0 document"),
        (b"swagger: 2.0\npaths: {/a: {}}\n", "is a Swagger 2.0 document"),
        (b"openapi: 4.0.0\npaths: {/a: {}}\n", "does not say `openapi: 3.…`"),
        (b"title: x\n", "does not say `openapi: 3.…`"),
        (b"openapi: 3.0.3\npaths: {}\n", "describes no paths"),
        (b"[" * 200_000, "is nested too deeply to be read"),
        (b'{"a":' * 200_000, "is nested too deeply to be read"),
    ],
)
def test_a_file_that_is_no_such_document_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "document"
    file.write_bytes(content)

    with pytest.raises(UserError) as refused:
        read_document(file)

    assert str(refused.value).removeprefix(f"{file} ") == message


def test_a_file_that_is_too_large_or_not_there_is_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)

    with pytest.raises(UserError, match="is larger than 32 MiB"):
        read_document(huge)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_document(tmp_path / "missing.yaml")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_document(tmp_path)


def test_the_command_shows_findings_and_exits_with_one(tmp_path: Path) -> None:
    file = tmp_path / "bamboohr.yaml"
    file.write_text(DEFINITION.replace("name: job.title.label", "name: job.title.name"))
    words = ("connectors", "check", file, "--openapi", PARTS)

    shown, as_json = ats_sync(*words), ats_sync(*words, "--json")
    fine = ats_sync("connectors", "check", "bamboohr", "--openapi", PARTS)
    refused = ats_sync("connectors", "check", "bamboohr", "--openapi", file)

    assert (shown.code, as_json.code, fine.code, refused.code) == (1, 1, 0, 2)
    assert "application.job.name" in shown.out
    [finding] = as_json.json["findings"]
    assert (finding["verdict"], finding["line"]) == ("mismatch", line_of("job.title.label"))
    assert "0 contradictory" in fine.out
    assert "does not say `openapi: 3.…`" in refused.err
