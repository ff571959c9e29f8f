"""The tables of the catalog say what the definitions say, whatever the vendor is called."""

from pathlib import Path

import pytest

from connectors.definition import load_definition_text
from connectors.definition.overview import READS, WRITES, overview
from tests.support.definitions import ACME, spoilt


def cell(column: str, text: str = ACME) -> str:
    model = load_definition_text(text, path=Path("acme.yaml")).model
    return {**READS, **WRITES}[column](model)


@pytest.mark.parametrize(
    ("column", "old", "new", "before", "after"),
    [
        (
            "custom fields",
            "  custom_fields: {each: fields, key: label, value: value}\n",
            "",
            "candidate",
            "—",
        ),
        ("tags", "application:\n", "  tags: labels\napplication:\n", "—", "yes"),
        (
            "attachments",
            "application:\n",
            "  attachments: {each: files, name: name}\napplication:\n",
            "—",
            "names",
        ),
        (
            "attachments",
            "application:\n",
            "  attachments: {each: files, name: name, url: url}\napplication:\n",
            "—",
            "names, addresses",
        ),
        (
            "application lacks",
            "  applied_at: created_at\n",
            "",
            "source, rejected_at, hired_at",
            "source, applied_at, rejected_at, hired_at",
        ),
        ("guard", '"{guard}", to', '"{stage_id}", to', "move", "—"),
        ("withdraw", "unreject: Acme", "withdraw: Acme", "by a reason", "—"),
        (
            "note",
            "analytics:\n",
            '  note: {request: {post: /n, body: {t: "{note}"}}}\nanalytics:\n',
            "—",
            "yes",
        ),
        (
            "note",
            '{reason: "{reason_id}"}',
            '{reason: "{reason_id}", why: "{note}"}',
            "—",
            "with rejected, withdrawn",
        ),
        (
            "rejection e-mail",
            '{reason: "{reason_id}"}',
            '{reason: "{reason_id}", mail: "{email_template}"}',
            "—",
            "yes",
        ),
    ],
)
def test_a_cell_follows_the_definition(
    column: str, old: str, new: str, before: str, after: str
) -> None:
    text = spoilt(old, new)
    if column == "guard":
        text = text.replace("    guard: [stage_id]\n", "")

    assert (cell(column), cell(column, text)) == (before, after)


def test_what_is_read_in_the_background_is_marked() -> None:
    text = spoilt("application:\n", "  tags: detail.tags[].name\napplication:\n").replace(
        "  applications:\n    holds: applications\n",
        "    detail: {read: {tags: {request: {get: '/candidates/{id}/tags'}, many: true}}}\n"
        "  applications:\n    holds: applications\n",
    )

    assert cell("tags", text) == "yes (later)"


def test_every_ats_has_a_line_in_both_tables() -> None:
    lines = overview().splitlines()

    assert sum(line.startswith("| Greenhouse |") for line in lines) == 2
    assert lines.count("") == 1
