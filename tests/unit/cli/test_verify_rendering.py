"""What `verify` and `plan` print."""

import io
import json
from datetime import UTC, datetime

from rich.console import Console

from daemon.cli.verify import SHOWN, drift_data, preview_data, render_drift, render_preview
from daemon.core.conflict import StatusConflict
from daemon.core.preview import PreviewCounts, PreviewedChange, PreviewedField
from daemon.core.verification import Drift, VerificationCounts
from models.status import ApplicationStatus

STATUS = Drift(
    "field differs", "application", "a1", "applications", "status", "new", "new", "offer"
)
EDIT = Drift("local edit", "candidate", "c1", "candidates", "title", None, None, "Boss [bold]")


def counted(*items: Drift) -> VerificationCounts:
    counts = VerificationCounts(records=4, candidates=2, applications=2)
    for item in items:
        counts.note(item)
    return counts


def a_console() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100, highlight=False), text


def test_drift_is_distinguished_from_what_is_as_it_should_be() -> None:
    console, text = a_console()

    render_drift(console, "acme", [STATUS, EDIT], counted(STATUS, EDIT))

    shown = text.getvalue()
    assert shown.index("Drift") < shown.index("application a1")
    assert shown.index("As it should be") < shown.index("candidate c1")
    assert "acme: 1 differences in 4 records" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_values_are_never_read_as_markup() -> None:
    console, text = a_console()

    render_drift(console, "acme", [EDIT], counted(EDIT))

    assert "Boss [bold]" in text.getvalue()


def test_no_drift_is_one_line() -> None:
    console, text = a_console()

    render_drift(console, "acme", [], counted())

    assert text.getvalue() == ("acme: no drift in 4 records, 2 candidates, 2 applications.\n")


def test_a_long_list_is_cut_and_says_so() -> None:
    items = [Drift("missing in ClearView", "candidate", str(n)) for n in range(SHOWN + 5)]
    console, text = a_console()

    render_drift(console, "acme", items, counted(*items))

    assert "... and 5 more" in text.getvalue()
    assert f"{SHOWN + 5} differences" in text.getvalue()


def test_scripts_get_every_item_as_plain_values() -> None:
    found = json.loads(json.dumps(drift_data("acme", [STATUS, EDIT], counted(STATUS, EDIT))))

    assert found["drift"] == 1
    assert [item["is_drift"] for item in found["items"]] == [True, False]
    assert found["items"][0]["clearview"] == "offer"


CONFLICT = StatusConflict(
    application_external_id="a1",
    candidate_external_id="c1",
    base=ApplicationStatus.NEW,
    ats=ApplicationStatus.HIRED,
    clearview=ApplicationStatus.REJECTED,
    policy="ats_wins",
    winner=None,
)
CHANGE = PreviewedChange(
    "candidates",
    "c1",
    "c1",
    "updated",
    fields=(
        PreviewedField("company", "Old", "New"),
        PreviewedField("custom_fields.start", None, datetime(2026, 3, 2, tzinfo=UTC)),
    ),
    conflicts=(CONFLICT,),
)


def test_a_preview_is_a_field_diff_with_its_conflicts() -> None:
    counts = PreviewCounts(seen=9, unchanged=8)
    counts.note(CHANGE)
    counts.brakes.append("candidates: 4 of 9 records are missing")
    console, text = a_console()

    render_preview(console, "acme", [CHANGE], counts)

    shown = text.getvalue()
    assert "~ updated candidate c1" in shown
    assert "company: Old -> New" in shown
    assert "custom_fields.start: 2026-03-02T00:00:00.000Z" in shown
    assert "a person has to decide" in shown
    assert "deletions would be refused: candidates: 4 of 9" in shown
    assert shown.endswith("acme: 1 updated, 1 conflicts, 8 unchanged. Nothing was written.\n")


def test_a_failing_record_says_why() -> None:
    item = PreviewedChange("candidates", "c1", None, "failed", reason="id: not text")
    counts = PreviewCounts(seen=1)
    counts.note(item)
    console, text = a_console()

    render_preview(console, "acme", [item], counts)

    assert "! failed record c1 of candidates: id: not text" in text.getvalue()


def test_a_preview_for_scripts_holds_counts_and_changes() -> None:
    counts = PreviewCounts()
    counts.note(CHANGE)

    found = json.loads(json.dumps(preview_data("acme", [CHANGE], counts), default=str))

    assert found["counts"]["conflicts"] == 1
    assert found["changes"][0]["fields"][0] == {"path": "company", "old": "Old", "new": "New"}
