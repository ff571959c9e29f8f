"""A key for which the other list has no record: counted on the run, warned of once, and no alert."""

from datetime import datetime
from typing import Any

import pytest
from aiohttp import web

from connectors.definition import load_definition
from connectors.simulator import Fault, create_simulator
from connectors.values import Mapped, ReadIssue, Window
from tests.support.ats import Imported, connect
from tests.support.tiny_ats import TinyAts, tiny_ats, tiny_connector

PEOPLE = [{"id": n, "name": f"N{n}", "team": team} for n, team in enumerate(["a", "b", "b", None])]


def definition(**join: str) -> str:
    more = "".join(f", {name}: {value}" for name, value in join.items())
    return f"""\
connector: tiny
title: Tiny
api: {{base_url: https://tiny.example, check: {{get: /me}}}}
auth: {{kind: none}}
lists:
  people:
    holds: candidates
    request: {{get: /people}}
    records: rows
    cursor: {{kind: none}}
    joins: {{team: {{list: teams, key: team{more}}}}}
  teams:
    holds: lookup
    request: {{get: /teams}}
    records: rows
    fetch: {{request: {{get: /teams, query: {{ids: "{{ids}}"}}}}, records: rows, batch: 50}}
candidate: {{external_id: id, first_name: name, company: joined.team.name}}
"""


class Warnings:
    """Keeps what a connector warns of."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def request_sent(self, *, integration: str, operation: str) -> None: ...

    def answer_received(
        self, *, integration: str, operation: str, status: int | None, seconds: float
    ) -> None: ...

    def waiting(self, *, integration: str, until: datetime, reason: str) -> None: ...

    def warned(self, *, integration: str, message: str) -> None:
        self.messages.append(message)


async def answer(request: web.Request) -> web.Response:
    if request.path == "/people":
        return web.json_response({"rows": PEOPLE})
    return web.json_response({"rows": [{"id": "a", "name": "Blue"}]})


async def issues_of(ats: TinyAts, text: str) -> tuple[list[Any], list[ReadIssue]]:
    connector = tiny_connector(ats, text)
    await connector.prepare_mapping("people")
    [page] = [each async for each in connector.pages("people", Window())]
    mapped = await connector.map_records("people", page.records)
    issues = list(connector.take_issues())
    await connector.close()
    companies = [
        each.candidate["company"] if isinstance(each, Mapped) and each.candidate else "failed"
        for each in mapped
    ]
    return companies, issues


@pytest.mark.parametrize(
    "join", [{}, {"load": "needed"}, {"optional": "true"}, {"load": "needed", "optional": "true"}]
)
async def test_records_are_imported_and_keys_that_find_nothing_are_counted(
    join: dict[str, str],
) -> None:
    async with tiny_ats(answer) as ats:
        companies, [issue] = await issues_of(ats, definition(**join))

    assert companies == ["Blue", None, None, None]
    assert (issue.kind, issue.name, issue.count) == ("key", "teams", 2)
    assert not issue.hides_records


async def test_of_a_sparse_list_nothing_is_counted() -> None:
    async with tiny_ats(answer) as ats:
        companies, issues = await issues_of(ats, definition(sparse="true"))

    assert (companies, issues) == (["Blue", None, None, None], [])


async def test_missing_keys_are_warned_of_once_however_many_polls_meet_them() -> None:
    simulator = create_simulator("greenhouse", candidates=30, unlimited=True)
    await simulator.start()
    warnings = Warnings()
    connector = connect(simulator, observer=warnings)
    simulator.faults.add(Fault("missing_row", name="rejection_reasons", count=None))
    found, counted = Imported(), []
    try:
        for _ in range(3):
            await found.walk(connector, full=True)
            counted.append([(each.name, each.count) for each in connector.take_issues()])
    finally:
        await connector.close()
        await simulator.stop()

    assert counted[0] == counted[1] == counted[2]
    assert [name for name, _ in counted[0]] == ["rejection_reasons"]
    assert len([each for each in warnings.messages if "rejection_reasons" in each]) == 1


@pytest.mark.parametrize("vendor", ["ashby", "bamboohr", "greenhouse", "smartrecruiters",
                                    "lever", "teamtailor", "workable"])  # fmt: skip
async def test_in_an_account_of_no_vendor_is_a_key_missing(vendor: str) -> None:
    simulator = create_simulator(vendor, candidates=80, unlimited=True, seed=5)
    await simulator.start()
    connector = connect(simulator)
    try:
        await Imported().walk(connector, full=True)
        issues = connector.take_issues()
    finally:
        await connector.close()
        await simulator.stop()

    assert [issue for issue in issues if issue.kind == "key"] == []


def test_greenhouse_is_read_for_its_own_reasons_too() -> None:
    model = load_definition("greenhouse").model

    assert model.lists["rejection_reasons"].request.query["include_defaults"] == "true"
