"""The pages say what is so: settings, commands, paths, folders and links are the code's own."""

import ast
import re
import sys
import tomllib
from datetime import timedelta
from importlib.metadata import packages_distributions
from typing import Any

import pytest
import typer
from aiohttp import web
from typer.core import TyperGroup
from typer.main import get_group

from config.durations import parse_duration
from config.settings import Settings, variable
from connectors.definition.overview import overview
from connectors.definition.publish import CATALOG_PAGE, catalog_page
from daemon.cli.command_table import build_app
from daemon.core.conditions import AlertKind
from daemon.http.api import ApiRoutes
from daemon.http.page import StatusPage
from daemon.http.probes import Probes
from daemon.http.webhooks import Webhooks
from daemon.runtime.metrics import PREFIX
from models.documents import CLEARVIEW_DOCUMENTS, OWN_DOCUMENTS
from models.documents.views import VIEWS
from tests.support.pages import ROOT, fenced, local_links, page, pages, section, table

README = page("README.md")
OPERATIONS = page("docs/operations.md")
DECISION_PARTS = ["Context", "Choice", "Consequence"]
MADE_LATER = {"tests/bench/RESULTS.md"}
"""`make bench` writes it."""


def as_written(default: Any) -> str:
    match default:
        case None:
            return ""
        case timedelta():
            return f"`{default.total_seconds():g}s`"
    return f"`{default}`"


def test_the_settings_table_is_what_the_settings_are() -> None:
    rows = table(section(OPERATIONS, "## Settings"))

    assert rows == [
        [f"`{variable(name)}`", as_written(field.default), field.description]
        for name, field in Settings.model_fields.items()
    ]


def test_the_tables_of_connectors_are_what_the_definitions_are() -> None:
    present = CATALOG_PAGE.read_text(encoding="utf-8")

    assert present == catalog_page(present), "run python -m connectors.definition.publish"
    assert f"\n\n{overview()}\n" in present


def test_a_default_written_as_duration_is_read_as_the_default() -> None:
    assert parse_duration("8s") == Settings.model_fields["shutdown_grace"].default


def test_the_commands_table_has_every_command_and_no_other() -> None:
    rows = table(section(OPERATIONS, "## Commands"))
    app: typer.Typer = build_app()
    commands = get_group(app).commands

    assert sorted(row[0].strip("`") for row in rows) == sorted(commands)


def test_groups_of_commands_are_shown_with_what_is_in_them() -> None:
    shown = {row[0].strip("`"): row[1] for row in table(section(OPERATIONS, "## Commands"))}
    groups = {
        name: set(group.commands)
        for name, group in get_group(build_app()).commands.items()
        if isinstance(group, TyperGroup)
    }

    assert groups
    for name, commands in groups.items():
        assert {each for each in commands if each not in shown[name]} == set(), name


def counted() -> set[str]:
    """Metrics by the names under which Prometheus sees them, from the calls in the sources."""
    found = set()
    for path in (ROOT / "daemon").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Attribute(attr="metrics" | "_metrics"),
                        attr="count" | "gauge" | "observe" as kind,
                    ),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    ending = "_total" if kind == "count" and not name.endswith("_total") else ""
                    found.add(f"{PREFIX}{name}{ending}")
    return found


def test_the_table_of_metrics_has_every_metric_and_no_other() -> None:
    rows = table(section(OPERATIONS, "## Metrics"))

    assert {row[0].strip("`") for row in rows} == counted()


def test_the_table_of_alerts_has_every_kind_and_no_other() -> None:
    rows = table(section(OPERATIONS, "## Alerts"))

    assert sorted(row[0].strip("`") for row in rows) == sorted(AlertKind)


def routes() -> set[str]:
    nothing: Any = None
    found: list[web.RouteDef] = [
        *Probes(nothing, {}, nothing).routes(),
        *StatusPage(nothing, nothing, nothing).routes(),
        *ApiRoutes(nothing).routes(),
        *Webhooks(nothing, nothing, nothing, nothing, nothing).routes(),
    ]
    return {f"{route.method} {route.path}" for route in found}


def test_the_http_table_has_every_path_and_no_other() -> None:
    rows = table(section(OPERATIONS, "## HTTP"))
    shown = {path for row in rows for path in re.findall(r"`([^`]+)`", row[0])}

    assert shown == routes()


def test_the_map_of_folders_names_every_folder_that_there_is() -> None:
    [listing] = fenced(section(README, "## What is where"), "text")
    shown, top = set(), ""
    for line in listing.splitlines():
        name = line.split()[0].rstrip("/")
        top = top if line.startswith(" ") else name
        shown.add(f"{top}/{name}" if line.startswith(" ") else name)
    packages = {
        str(path.parent.relative_to(ROOT))
        for top in ("daemon", "connectors")
        for path in (ROOT / top).glob("*/__init__.py")
    }

    assert all((ROOT / name).is_dir() for name in shown)
    assert shown >= packages - {"connectors/definition"}
    assert shown >= {"models", "config", "connectors", "daemon", "tests"}


def test_the_map_of_the_store_names_every_file_and_no_other() -> None:
    folder = ROOT / "daemon" / "store"
    named = re.findall(r"`(\w+\.py)`", page("daemon/store/README.md"))

    assert sorted(named) == sorted(p.name for p in folder.glob("*.py") if p.name != "__init__.py")


@pytest.mark.parametrize("name", pages())
def test_links_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    targets = set(local_links(page(name))) - MADE_LATER

    assert [target for target in targets if not (folder / target).exists()] == []


def test_the_picture_shows_files_and_collections_that_exist() -> None:
    [picture] = fenced(README, "mermaid")
    files = re.findall(r"<br/>(\S+\.py)", picture)
    stores = re.findall(r'\["([a-z_]+)"\]', picture.partition("subgraph own")[2])
    collections = {document.Settings.name for document in (*OWN_DOCUMENTS, *CLEARVIEW_DOCUMENTS)}

    assert len(files) == 5
    assert [name for name in files if not (ROOT / "daemon" / name).is_file()] == []
    assert len(stores) == 7
    assert set(stores) - {"people"} <= collections


@pytest.mark.parametrize(
    "name",
    [
        *("README.md", "CONTRIBUTING.md", "daemon/README.md", "models/README.md"),
        *("docs/architecture.md", "docs/operations.md", "docs/getting-started.md"),
    ],
)
def test_paths_that_a_page_names_exist(name: str) -> None:
    named = set(re.findall(r"`([a-z_]+/[\w/.-]*)`", page(name)))
    bases = (ROOT, (ROOT / name).parent, ROOT / "daemon")
    missing = [path for path in named if not any((base / path).exists() for base in bases)]

    assert named
    assert [path for path in missing if path not in MADE_LATER] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_a_page_names_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", page("Makefile"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b`", page(name)))

    assert named
    assert named <= targets


def test_every_library_that_is_imported_has_its_reason_among_the_decisions() -> None:
    decisions = "".join(
        page(name) for name in pages() if name.startswith("docs/decisions/")
    ).lower()
    declared = {
        re.split(r"[^A-Za-z-]", line, maxsplit=1)[0].lower()
        for line in tomllib.loads(page("pyproject.toml"))["project"]["dependencies"]
    }
    distributions = packages_distributions()
    used = {
        name.lower()
        for module in third_party_imports()
        for name in distributions.get(module, ())
        if name.lower() in declared
    }

    assert len(used) > 10
    assert [name for name in sorted(used) if name not in decisions] == []


def third_party_imports() -> set[str]:
    found = set()
    for folder in ("models", "config", "connectors", "daemon"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module is not None:
                    found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names


def test_every_decision_has_its_context_choice_consequence_and_date() -> None:
    names = [name for name in pages() if re.match(r"docs/decisions/\d", name)]
    index = page("docs/decisions/README.md")

    assert len(names) >= 30
    for name in names:
        words = page(name)
        assert re.search(r"^Date: \d{4}-\d{2}-\d{2}$", words, re.MULTILINE), name
        assert re.findall(r"^\*\*(\w+)\.\*\*", words, re.MULTILINE) == DECISION_PARTS, name
        assert name.rpartition("/")[2] in index, name


def test_the_table_of_collections_has_every_collection_and_view_and_no_other() -> None:
    shown = {row[1].strip("`"): row[2].strip("`") for row in table(page("docs/collections.md"))}
    own = {document.Settings.name: "ats_sync" for document in OWN_DOCUMENTS}
    views = {view.name: "ats_sync" for view in VIEWS}
    clearview = {document.Settings.name: "clearview" for document in CLEARVIEW_DOCUMENTS}

    assert shown == own | views | clearview


def test_the_table_of_connectors_has_every_definition() -> None:
    shown = set(re.findall(r"catalog/(\w+)\.yaml", page("docs/connectors.md")))

    assert shown == {path.stem for path in (ROOT / "connectors/catalog").glob("*.yaml")}
