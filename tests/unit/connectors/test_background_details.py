"""What a list does not show is read in the background, by requests that a definition names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from config.problems import ConfigError
from connectors.connector import Connector
from connectors.definition import load_definition_text
from connectors.errors import Forbidden, Unavailable
from connectors.values import Mapped, MappingFailed, RecordDetails, Window
from tests.support.tiny_ats import definition_text, tiny_ats, tiny_connector

DETAIL = """\
    detail:
      read:
        full: {request: {get: "/people/{id}"}, records: person}
        files: {request: {get: "/people/{id}/files"}, records: files, many: true, optional: true}
"""
MAPPING = """\
  tags: detail.full.tags
  custom_fields: {each: detail.full.answers, key: question, value: answer}
  attachments: {each: detail.files, external_id: id, name: name, url: href}
"""


def text(detail: str = DETAIL, mapping: str = MAPPING, **parts: str) -> str:
    files = "files: {lifetime: 30s, hosts: [f.example]}\n" if "url:" in mapping else ""
    written = definition_text(lists=detail, **parts)
    return written.replace(
        "candidate: {external_id: id, first_name: name}",
        f"candidate:\n  external_id: id\n  first_name: name\n{mapping}{files}",
    )


PER_APPLICATION = """\
    detail:
      read:
        answers: {per: application, request: {get: "/people/{id}/jobs/{job_id}/answers"}, many: true, optional: true}
"""


def text_per_application(detail: str = PER_APPLICATION) -> str:
    """A record is a person with several applications."""
    written = definition_text(lists=detail).replace("holds: candidates", "holds: both")
    return f"""{written}
application:
  each: applications
  external_id: id
  candidate_external_id: record.id
  stage: {{name: stage}}
  custom_fields: {{each: detail.answers, key: question, value: answer}}
"""


def complaints(written: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_definition_text(written, path=Path("tiny.yaml"))
    return [problem.message for problem in caught.value.problems]


async def answer(request: web.Request) -> web.Response:
    """Two people; the files of the second may not be read, and a third one is broken."""
    match request.path.split("/")[1:]:
        case ["people"]:
            rows = [{"id": 1, "name": "Ada", "detail": {"full": {"tags": ["not ours"]}}}]
            return web.json_response({"rows": rows})
        case ["people", "1" | "2"]:
            person = {"tags": ["cook"], "answers": [{"question": "Shifts?", "answer": True}]}
            return web.json_response({"person": person})
        case ["people", "1", "files"]:
            return web.json_response(
                {"files": [{"id": 5, "name": "CV.pdf", "href": "https://f/5"}]}
            )
        case ["people", "2", "files"]:
            return web.json_response({}, status=403)
        case ["people", "3"]:
            return web.json_response({"nobody": True})
    return web.json_response({}, status=404)


async def first_record(connector: Connector) -> Mapped:
    page = await anext(aiter(connector.pages("people", Window())))
    [mapped] = await connector.map_records("people", page.records)
    assert isinstance(mapped, Mapped)
    return mapped


async def test_a_record_is_mapped_without_waiting_for_its_details() -> None:
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text())
        mapped = await first_record(connector)
        await connector.close()

    assert ats.asked == ["GET /people"]
    assert mapped.candidate is not None
    assert (mapped.candidate["first_name"], mapped.candidate["tags"]) == ("Ada", [])


async def test_the_list_says_which_fields_follow() -> None:
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text())
        [facts] = connector.lists
        await connector.close()

    assert facts.detail is not None
    assert facts.detail.fields == {
        "candidate.tags",
        "candidate.custom_fields",
        "candidate.attachments",
    }
    assert not facts.read_again_in_sweeps


async def test_details_are_mapped_and_records_that_are_gone_or_broken_stop_no_other() -> None:
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text())
        found = await connector.read_details("people", ["1", "2", "3", "4"])
        issues = connector.take_issues()
        await connector.close()

    one, two = found["1"], found["2"]
    assert isinstance(one, RecordDetails)
    assert isinstance(two, RecordDetails)
    assert one.candidate["tags"] == ["cook"]
    assert one.candidate["custom_fields"] == {"Shifts?": True}
    [file] = one.candidate["attachments"]
    assert (file["external_id"], file["url"]) == ("5", "https://f/5")
    assert file["url_expires_at"] is not None
    assert two.candidate["attachments"] == []
    assert isinstance(found["3"], MappingFailed)
    assert found["4"] is None
    assert [issue.name for issue in issues] == ["people.files"]


async def test_details_that_all_fail_are_an_error_of_the_ats() -> None:
    async def away(_: web.Request) -> web.Response:
        return web.json_response({}, status=500)

    async with tiny_ats(away) as ats:
        connector = tiny_connector(ats, text())
        with pytest.raises(Unavailable):
            await connector.read_details("people", ["1", "2"])
        await connector.close()


async def test_a_detail_that_may_not_be_read_is_an_error_unless_it_is_optional() -> None:
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text(DETAIL.replace(", optional: true", "")))
        with pytest.raises(Forbidden):
            await connector.read_details("people", ["1", "2"])
        await connector.close()


async def test_details_come_in_batches_and_over_several_pages() -> None:
    detail = """\
    detail:
      read:
        files:
          request: {get: /files, query: {people: "{ids}"}}
          records: rows
          many: true
          batch: 2
          by: person
          pagination: {kind: page, parameter: page, more: more}
"""

    async def files(request: web.Request) -> web.Response:
        page = int(request.query.get("page", 1))
        rows = [{"id": f"{one}{page}", "person": one} for one in request.query["people"].split(",")]
        return web.json_response({"rows": rows, "more": page < 2})

    mapping = "  attachments: {each: detail.files, external_id: id}\n"
    async with tiny_ats(files) as ats:
        connector = tiny_connector(ats, text(detail, mapping))
        found = await connector.read_details("people", ["1", "2", "3"])
        await connector.close()

    ids = {
        key: [each["external_id"] for each in one.candidate["attachments"]]
        for key, one in found.items()
        if isinstance(one, RecordDetails)
    }
    assert ids == {"1": ["11", "12"], "2": ["21", "22"], "3": ["31", "32"]}
    assert len(ats.asked) == 4


async def test_what_belongs_to_an_application_is_read_for_its_job() -> None:
    async def answers(request: web.Request) -> web.Response:
        match request.path.split("/")[1:]:
            case ["people", "1", "jobs", "j1", "answers"]:
                return web.json_response([{"question": "Why?", "answer": "Money"}])
            case ["people", "3", *_]:
                return web.json_response({}, status=403)
        return web.json_response({}, status=404)

    jobs = {"1": {"1:j1": "j1", "1:j2": "j2"}, "3": {"3:j1": "j1"}}
    async with tiny_ats(answers) as ats:
        connector = tiny_connector(ats, text_per_application())
        found = await connector.read_details("people", ["1", "2", "3"], jobs)
        [facts] = connector.lists
        await connector.close()

    own = {e: one.applications for e, one in found.items() if isinstance(one, RecordDetails)}
    assert facts.detail is not None
    assert facts.detail.per_application
    assert own == {
        "1": {"1:j1": {"custom_fields": {"Why?": "Money"}}, "1:j2": {"custom_fields": {}}},
        "2": {},
        "3": {"3:j1": {"custom_fields": {}}},
    }


async def test_addresses_of_files_are_read_without_what_else_details_are_made_of() -> None:
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text())
        files = await connector.file_addresses("people", "1")
        gone = await connector.file_addresses("people", "4")
        await connector.close()

    assert files is not None
    assert [each.url for each in files.values()] == ["https://f/5"]
    assert gone == {}
    assert ats.asked == ["GET /people/1/files", "GET /people/4/files"]


async def test_addresses_that_the_record_itself_has_are_read_by_its_id() -> None:
    fetch = '    fetch: {request: {get: "/people/{id}"}, records: person}\n'
    mapping = "  attachments: {each: files, external_id: id, url: href}\n"

    async def one(request: web.Request) -> web.Response:
        if request.path != "/people/7":
            return web.json_response({}, status=404)
        return web.json_response({"person": {"id": 7, "files": [{"id": 1, "href": "https://f"}]}})

    async with tiny_ats(one) as ats:
        connector = tiny_connector(ats, text(fetch, mapping))
        files = await connector.file_addresses("people", "7")
        gone = await connector.file_addresses("people", "8")
        await connector.close()

    assert files is not None
    assert [each.url for each in files.values()] == ["https://f"]
    assert gone is None


async def test_an_operators_own_field_may_come_from_a_detail_or_from_the_list() -> None:
    fields = {"custom_fields.shifts": "detail.full.tags[0]", "custom_fields.called": "name"}
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text(), fields=fields)
        mapped = await first_record(connector)
        found = (await connector.read_details("people", ["1"]))["1"]
        await connector.close()

    assert mapped.candidate is not None
    assert mapped.candidate["custom_fields"] == {"called": "Ada"}
    assert isinstance(found, RecordDetails)
    assert found.candidate["custom_fields"] == {"Shifts?": True, "shifts": "cook"}


async def test_what_is_read_and_mapped_makes_the_version_of_details() -> None:
    async def version(change: Callable[[str], str], **operator: Any) -> str:
        connector = tiny_connector(ats, change(text()), **operator)
        [facts] = connector.lists
        await connector.close()
        assert facts.detail is not None
        return facts.detail.version

    async with tiny_ats(answer) as ats:
        first = await version(lambda same: same)
        others = [
            await version(lambda t: t.replace("first_name: name", "first_name: called")),
            await version(lambda t: t.replace("detail.full.tags", "detail.full.labels")),
            await version(lambda t: t.replace("/files", "/documents")),
        ]

    assert others[0] == first
    assert first not in others[1:]
    assert others[1] != others[2]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (
            text(mapping=MAPPING + "  external_created_at: detail.full.made\n"),
            "cannot wait for a detail: identities, times and statuses come with the list",
        ),
        (
            text(mapping=MAPPING + "  company: detail.ful.company\n"),
            "reads detail.ful, but no such request is declared on its list",
        ),
        (
            text(mapping="  tags: detail.full.tags\n"),
            "nothing reads detail.files",
        ),
        (
            text(DETAIL.replace("/people/{id}/files", "/files")),
            "needs {id} or {ids}: which records it is about",
        ),
        (
            text(DETAIL.replace("many: true", "many: true, batch: 9")),
            "several ids in a request need {ids} in it, and no `scopes`",
        ),
        (
            text(DETAIL.replace("full: {", "full: {per: application, ")),
            "needs `application.each`: a record is one application here",
        ),
        (
            text_per_application(PER_APPLICATION.replace("jobs/{job_id}", "jobs")),
            "needs {job_id}: which application it is about",
        ),
        (
            text_per_application(PER_APPLICATION.replace("per: application, ", "")),
            "is read of each application, but detail.answers is about each record",
        ),
        (
            text("    detail: {when: changed}\n", "  tags: tags\n"),
            "needs `fetch`, which reads a record in full",
        ),
    ],
)
def test_mistakes_are_reported(written: str, complaint: str) -> None:
    assert complaint in complaints(written)
