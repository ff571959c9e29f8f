"""Kinds of stages that other lists show, and names that do not end an application."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from config.problems import ConfigError
from connectors.definition import load_definition_text
from connectors.read.lookups import distinct
from connectors.values import StageFacts
from models.status import ApplicationStatus as Status
from tests.support.tiny_ats import tiny_ats, tiny_connector

DEFINITION = """\
connector: tiny
title: Tiny
api: {base_url: https://tiny.example, check: {get: /me}}
auth: {kind: none}
lists:
  people: {holds: candidates, request: {get: /people}, records: rows, cursor: {kind: none}}
  stages: {holds: lookup, request: {get: /stages}, records: rows}
  ended: {holds: lookup, request: {get: /ended}, records: "rows[].{id: stage, kind: 'ENDED'}"}
  hired: {holds: lookup, request: {get: /hired}, records: "rows[].{id: stage, kind: 'HIRED'}"}
candidate: {external_id: id, first_name: name}
statuses:
  kinds: {ENDED: rejected, HIRED: hired}
  names_close: false
writes:
  stages: {list: stages, kind: type, kinds_from: [ended, hired]}
"""


class Account:
    """What the ATS has, by path."""

    def __init__(self, **lists: list[dict[str, Any]]) -> None:
        self.lists = lists

    async def answer(self, request: web.Request) -> web.Response:
        return web.json_response({"rows": self.lists.get(request.path.strip("/"), [])})


async def stages_of(account: Account, definition: str = DEFINITION) -> dict[str, StageFacts]:
    async with tiny_ats(account.answer) as ats:
        connector = tiny_connector(ats, definition)
        found = await connector.stages()
        await connector.close()
    return {stage.name: stage for stage in found}


STAGES = [
    {"id": 1, "name": "Neu", "type": "OPEN"},
    {"id": 2, "name": "Absage", "type": None},
    {"id": 3, "name": "Eingestellt"},
    {"id": 4, "name": "Rejected"},
    {"id": 5, "name": "Interview"},
]


async def test_a_stage_has_the_kind_that_another_list_shows() -> None:
    account = Account(stages=STAGES, ended=[{"stage": 2}] * 40, hired=[{"stage": 3}])

    found = await stages_of(account)

    statuses = {name: stage.status for name, stage in found.items()}
    assert statuses == {
        "Neu": None,
        "Absage": Status.REJECTED,
        "Eingestellt": Status.HIRED,
        "Rejected": None,
        "Interview": Status.INTERVIEW,
    }
    assert found["Neu"].kind == "OPEN"
    assert [name for name, stage in found.items() if stage.is_push_target] == [
        "Absage",
        "Eingestellt",
        "Interview",
    ]


async def test_kinds_are_read_again_with_the_lists_that_show_them() -> None:
    account = Account(stages=STAGES, ended=[], hired=[])
    async with tiny_ats(account.answer) as ats:
        connector = tiny_connector(ats, DEFINITION)
        before = {stage.name: stage.status for stage in await connector.stages()}
        account.lists["ended"] = [{"stage": 2}]
        after = {stage.name: stage.status for stage in await connector.stages()}
        await connector.close()

    assert (before["Absage"], after["Absage"]) == (None, Status.REJECTED)


async def test_a_fixed_stage_stands_in_for_what_only_listed_ones_say() -> None:
    rows = [
        {"id": 1, "name": "Phone screen", "type": "REVIEW"},
        {"id": 2, "name": "Onsite interview", "type": "INTERVIEW"},
        {"id": 3, "name": "Assessment", "type": "OTHER"},
        {"id": 4, "name": "Declined offer", "type": "INTERVIEW"},
    ]
    text = DEFINITION.replace(
        "kinds_from: [ended, hired]}",
        "kinds_from: [ended, hired], prefer_fixed: true, "
        "fixed: [{name: REVIEW, kind: REVIEW}, {name: INTERVIEW, kind: INTERVIEW}]}",
    ).replace("names_close: false", "coarse_kinds: {REVIEW: reviewing, INTERVIEW: interview}")

    found = await stages_of(Account(stages=rows), text)

    assert {name: (stage.is_push_target, stage.stands_in_for) for name, stage in found.items()} == {
        "REVIEW": (True, (Status.SCREENING,)),
        "INTERVIEW": (True, ()),
        "Phone screen": (False, ()),
        "Onsite interview": (False, ()),
        "Assessment": (True, ()),
        "Declined offer": (True, ()),
    }


@pytest.mark.parametrize("name", ["Hired", "rejected", "Withdrew", "Not a fit", "Declined offer"])
async def test_a_usual_name_ends_an_application_only_where_the_definition_lets_it(
    name: str,
) -> None:
    account = Account(stages=[{"id": 1, "name": name}])

    strict = await stages_of(account)
    usual = await stages_of(account, DEFINITION.replace("  names_close: false\n", ""))
    ended = usual[name].status

    assert strict[name].status is None
    assert ended is not None
    assert not ended.is_open


def test_equal_rows_of_a_lookup_list_are_kept_once_in_their_order() -> None:
    rows = [{"id": 2, "a": 1}, {"a": 1, "id": 2}, {"id": 1}, {"id": 2}, {"id": 1}]

    assert distinct(rows) == [{"a": 1, "id": 2}, {"id": 1}, {"id": 2}]


def test_a_list_of_kinds_that_is_not_declared_is_refused() -> None:
    text = DEFINITION.replace("kinds_from: [ended, hired]", "kinds_from: [ended, hird]")

    with pytest.raises(ConfigError) as raised:
        load_definition_text(text, path=Path("tiny.yaml"))

    [unused, unknown] = sorted(problem.path for problem in raised.value.problems)
    assert (unused, unknown) == ("lists.hired", "writes.stages.kinds_from[1]")
