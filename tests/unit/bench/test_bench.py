"""The bench's own parts: its pages, its arithmetic and its report."""

from xml.etree import ElementTree as ET

import msgspec

from tests.bench.chart import chart
from tests.bench.imports import BARE, COMPARED, LIMIT, OURS, VERIFY, SizeResult
from tests.bench.machine import Machine
from tests.bench.measuring import Cost
from tests.bench.ours import definition
from tests.bench.pushes import latency_of
from tests.bench.records import PER_PAGE, Variant, page_of, page_templates
from tests.bench.report import Results, markdown, plain_text

MS = 1_000_000
PLAIN = Variant()


def a_result(*, limit_s: float, ours_s: float) -> SizeResult:
    result = SizeResult(1_000)
    for work in (*BARE, *COMPARED.values()):
        result.costs[LIMIT, work] = [a_cost(limit_s)]
    for work in COMPARED:
        result.costs[OURS, work] = [a_cost(ours_s)]
    result.costs[OURS, VERIFY] = [a_cost(ours_s)]
    for side in (LIMIT, OURS):
        result.stored[side].append(2**20)
    return result


def a_cost(seconds: float) -> Cost:
    return Cost(seconds, seconds / 2, seconds / 4, 50.0, 0.0, {})


def records_of(number: int, variant: Variant = PLAIN) -> list[dict[str, object]]:
    found: list[dict[str, object]] = msgspec.json.decode(page_of(page_templates(), number, variant))
    return found


def test_no_two_pages_share_a_record() -> None:
    ids = [row["id"] for number in (0, 1, 4, 8) for row in records_of(number)]

    assert len(set(ids)) == len(ids) == 4 * PER_PAGE


def test_an_edition_changes_one_record_in_a_hundred() -> None:
    pairs = zip(records_of(2), records_of(2, Variant(edition=1)), strict=True)

    assert sum(one != other for one, other in pairs) == PER_PAGE // 100


def test_another_signature_changes_nothing_but_addresses_of_attachments() -> None:
    one, other = records_of(2)[3], records_of(2, Variant(signature="9"))[3]

    assert one != other
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == ["attachments"]


def test_only_the_rotating_definition_leaves_addresses_out() -> None:
    rotating, plain = (
        definition(rotating=each).model.lists["candidates"] for each in (True, False)
    )

    assert (rotating.rotates, plain.rotates) == (True, False)
    assert rotating.volatile == ["attachments[].url"]


def test_latency_is_from_the_acknowledgement_to_the_first_request_and_to_the_write() -> None:
    noticed = [("read", "a", 3 * MS), ("write", "a", 5 * MS), ("write", "b", 9 * MS)]

    found = latency_of({"a": 1 * MS, "b": 1 * MS}, noticed)

    assert (found.changes, found.request_p50, found.write_p50) == (2, 5.0, 6.0)


def test_a_ratio_of_one_half_takes_twice_as_long_as_the_limit() -> None:
    result = a_result(limit_s=1.0, ours_s=2.0)

    assert result.ratio("first import") == 0.5
    assert result.cpu_ratio("sweep") == 0.5


def test_the_printed_tables_fit_a_terminal_and_the_report_holds_the_same_figures() -> None:
    machine = Machine("2026-01-01", "a cpu", 2, 8, "3.11", "6.0")
    results = Results(machine, [a_result(limit_s=0.01, ours_s=0.02)])

    printed, report = plain_text(results), markdown(results)

    assert max(len(line) for line in printed.splitlines()) <= 100
    assert "| first import | 100,000 | 50,000 | 0.50 |" in report


def test_the_chart_draws_both_sides_of_every_work() -> None:
    drawn = ET.fromstring(chart([a_result(limit_s=1.0, ours_s=2.0)]))

    bars = [each for each in drawn.iter() if each.tag.endswith("rect")]
    assert len(bars) == 1 + 2 * len(COMPARED)
