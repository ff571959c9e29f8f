"""Vendors that read and write moments by the clocks of the account, and not in UTC."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from config.problems import ConfigError
from connectors.definition import load_definition_text
from connectors.definition.cursors import UpdatedAtCursor
from connectors.read.cursor import change_filter
from connectors.values import Mapped, Window
from daemon.runtime.checked_config import load_checked_config
from tests.support.tiny_ats import definition_text, ids_of, tiny_ats, tiny_connector

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]


def cursor_text(format_name: str, zone: str, more: str = "") -> str:
    return (
        f'{{kind: updated_at, field: at, query: {{since: "{{from}}"}}, format: "{format_name}", '
        f'time_zone: "{zone}"{more}}}'
    )


async def asked_for(format_name: str, zone: str, since: str) -> str:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"rows": [], "since": request.query["since"]})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(cursor=cursor_text(format_name, zone)))
        await ids_of(connector, cursor={"updated_at": since})
        await connector.close()
    return URL(ats.asked[0].removeprefix("GET ")).query["since"]


@pytest.mark.parametrize(
    ("format_name", "zone", "since", "sent"),
    [
        ("iso_space", "Europe/Berlin", "2026-07-01T22:30:00Z", "2026-07-02 00:30:00"),
        ("iso_space", "Europe/Berlin", "2026-12-01T22:30:00Z", "2026-12-01 23:30:00"),
        ("date", "Europe/Berlin", "2026-07-01T22:30:00Z", "2026-07-02"),
        ("date", "America/New_York", "2026-07-01T02:00:00Z", "2026-06-30"),
        ("%d.%m.%Y %H:%M", "Asia/Kolkata", "2026-07-01T20:00:00Z", "02.07.2026 01:30"),
        ("iso", "Europe/Berlin", "2026-07-01T10:00:00Z", "2026-07-01T12:00:00.000+02:00"),
        ("iso_seconds", "Asia/Tokyo", "2026-07-01T10:00:00Z", "2026-07-01T19:00:00+09:00"),
        ("iso_space", "UTC", "2026-07-01T10:00:00Z", "2026-07-01 10:00:00"),
        # Clocks are put back: 02:30 comes twice, and may be read as the later one.
        ("iso_space", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25 01:30:00"),
        ("iso_space", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25 02:30:00"),
        # Clocks are put forward: 02:30 does not come.
        ("iso_space", "Europe/Berlin", "2026-03-29T01:30:00Z", "2026-03-29 03:30:00"),
    ],
)
async def test_a_filter_is_written_by_the_clocks_of_the_account(
    format_name: str, zone: str, since: str, sent: str
) -> None:
    assert await asked_for(format_name, zone, since) == sent


@given(
    minutes=st.integers(min_value=0, max_value=366 * 24 * 60),
    zone=st.sampled_from(ZONES),
    fold=st.sampled_from([0, 1]),
)
def test_whichever_way_a_vendor_reads_the_hour_that_comes_twice_no_change_is_passed_over(
    minutes: int, zone: str, fold: int
) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    kind = UpdatedAtCursor(kind="updated_at", field="at", query={"s": "{from}"}, format="iso_space")
    window = Window(cursor={"updated_at": since.isoformat()})

    text = change_filter(kind, window, now=since, zone=ZoneInfo(zone)).query["s"]
    read = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)

    assert read.astimezone(UTC) <= since
    assert since - read.astimezone(UTC) <= timedelta(hours=2)


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("Europe/Berlin", "2026-07-01T08:00:00.000Z"),
        ("America/New_York", "2026-07-01T14:00:00.000Z"),
        ("Asia/Kolkata", "2026-07-01T04:30:00.000Z"),
    ],
)
async def test_a_record_s_own_time_without_a_zone_moves_the_cursor_by_the_same_clocks(
    zone: str, moment: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"rows": [{"id": 1, "at": "2026-07-01 10:00:00"}]})

    async with tiny_ats(answer) as ats:
        text = definition_text(cursor=cursor_text("iso_space", zone, ", field_format: iso"))
        connector = tiny_connector(ats, text)
        [page] = [each async for each in connector.pages("people", Window())]
        await connector.close()

    assert page.next_cursor == {"updated_at": moment}


ACCOUNT = """\
connector: tiny
title: Tiny
api: {base_url: https://tiny.example, check: {get: /me}, time_zone: "{options.time_zone}"}
auth: {kind: none}
options: {time_zone: {description: The account's time zone, default: Europe/Berlin}}
lists:
  people:
    holds: both
    request: {get: /people}
    records: rows
    cursor: {kind: updated_at, field: at, query: {since: "{from}"}, format: iso_space, field_format: iso}
candidate: {external_id: id, first_name: name, external_created_at: at}
application:
  external_id: id
  candidate_external_id: id
  stage: {name: name}
  applied_at: {parse_time: day, format: "%d.%m.%Y"}
  rejected_at: zoned
"""


async def mapped(**operator: Any) -> tuple[Mapped, str]:
    row = {"id": 1, "name": "N", "at": "2026-07-01T10:00:00", "day": "02.07.2026",
           "zoned": "2026-07-01T10:00:00+05:00"}  # fmt: skip

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"rows": [row]})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, ACCOUNT, **operator)
        window = Window(cursor={"updated_at": "2026-07-01T08:00:00.000Z"})
        [page] = [each async for each in connector.pages("people", window)]
        [found] = await connector.map_records("people", page.records)
        await connector.close()
    assert isinstance(found, Mapped)
    return found, URL(ats.asked[0].removeprefix("GET ")).query["since"]


@pytest.mark.parametrize(
    ("options", "created", "applied", "since"),
    [
        ({}, "2026-07-01T08:00Z", "2026-07-01T22:00Z", "2026-07-01 10:00:00"),
        (
            {"time_zone": "America/New_York"},
            "2026-07-01T14:00Z",
            "2026-07-02T04:00Z",
            "2026-07-01 04:00:00",
        ),
    ],
)
async def test_an_option_gives_the_zone_of_filters_and_of_everything_that_is_mapped(
    options: dict[str, str], created: str, applied: str, since: str
) -> None:
    found, sent = await mapped(options=options)

    [application] = found.applications
    assert found.candidate is not None
    assert found.candidate["external_created_at"] == datetime.fromisoformat(created)
    assert application["applied_at"] == datetime.fromisoformat(applied)
    assert application["rejected_at"] == datetime.fromisoformat("2026-07-01T05:00Z")
    assert sent == since


async def test_records_are_mapped_again_when_the_account_s_zone_changes() -> None:
    async def answer(request: web.Request) -> web.Response:
        raise AssertionError

    async with tiny_ats(answer) as ats:
        versions = {
            tiny_connector(ats, ACCOUNT, options={"time_zone": zone}).lists[0].mapping_version
            for zone in ZONES
        }

    assert len(versions) == len(ZONES)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "default: Europe/Berlin",
            "default: Europe/Berln",
            'options.time_zone.default: must be an IANA time zone, such as Europe/Berlin (did you mean "Europe/Berlin"?)',
        ),
        (
            '"{options.time_zone}"}',
            "Mitteleuropa}",
            "api.time_zone: must be an IANA time zone, such as Europe/Berlin",
        ),
        (
            '"{options.time_zone}"}',
            '"+02:00"}',
            "api.time_zone: must be an IANA time zone, such as Europe/Berlin",
        ),
        (
            '"{options.time_zone}"}',
            '"Europe/{options.time_zone}"}',
            "api.time_zone: must be an IANA time zone, such as Europe/Berlin",
        ),
        (
            '"{options.time_zone}"}',
            '"{options.zone}"}',
            "api.time_zone: {options.zone} is used, but `options` declares no `zone`",
        ),
        (
            "format: iso_space, field_format: iso}",
            "format: epoch_ms, time_zone: Europe/Berlin}",
            "lists.people.cursor.time_zone: has no effect: epoch_ms is the same in every zone",
        ),
    ],
)
def test_a_zone_that_is_none_or_has_no_effect_is_refused_at_its_line(
    old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load_definition_text(ACCOUNT.replace(old, new), path=Path("tiny.yaml"))

    assert message in str(raised.value)


@pytest.mark.parametrize("zone", ["Europe/Berln", "CEST", "+02:00", "Europe"])
def test_an_operator_s_zone_that_is_none_is_refused_at_its_line_in_the_file(
    zone: str, tmp_path: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(ACCOUNT)
    file = tmp_path / "ats-sync.yaml"
    file.write_text(
        "version: 1\n"
        "connector_paths: [.]\n"
        "integrations:\n"
        "  acme:\n"
        "    connector: tiny\n"
        f'    options: {{time_zone: "{zone}"}}\n'
    )

    with pytest.raises(ConfigError) as raised:
        load_checked_config(file, environment={})

    place = ":6:26  integrations.acme.options.time_zone: must be an IANA time zone, such as "
    assert place in str(raised.value)
