"""models/README.md: a paragraph for every collection and view, and queries that run as they stand."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from beanie import Document

from models.documents import CLEARVIEW_DOCUMENTS, OWN_DOCUMENTS
from models.documents.views import VIEWS
from models.ids import integration_id
from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.pages import fenced, page, section
from tests.support.shell_queries import NotUnderstood, Query, Shell, fields_of, read_queries

README = page("models/README.md")
DOCUMENTS: dict[str, type[Document]] = {
    document.Settings.name: document for document in (*OWN_DOCUMENTS, *CLEARVIEW_DOCUMENTS)
}
FIELDS: dict[str, set[str]] = {
    **{
        name: {"_id", *(field.alias or key for key, field in model.model_fields.items())}
        for name, model in DOCUMENTS.items()
    },
    **{view.name: {"_id", *view.fields} for view in VIEWS},
}
CLEARVIEWS = {document.Settings.name for document in CLEARVIEW_DOCUMENTS}
FILLED_BY_A_FIRST_IMPORT = {
    *("ats_integration_settings", "candidates_import_log", "candidate_snapshots"),
    *("sync_runs", "checkpoints", "candidates", "applications", "v_integration_health"),
}


def queries() -> list[Query]:
    found: list[Query] = []
    database = "ats_sync"
    for block in fenced(README, "js"):
        read, database = read_queries(block, database)
        found += read
    return found


def queries_of(collection: str) -> list[Query]:
    block = "\n".join(fenced(section(README, f"### `{collection}`"), "js"))
    return read_queries(block, "clearview" if collection in CLEARVIEWS else "ats_sync")[0]


def test_every_collection_and_view_has_a_paragraph_and_no_other_has() -> None:
    headings = {line[5:-1] for line in README.splitlines() if line.startswith("### `")}

    assert headings == set(FIELDS)


@pytest.mark.parametrize("collection", sorted(FIELDS))
def test_each_paragraph_has_words_and_queries_of_its_own_collection(collection: str) -> None:
    words = section(README, f"### `{collection}`").partition("```")[0].split()
    asked = queries_of(collection)

    assert len(words) >= 10
    assert asked
    assert {query.collection for query in asked} == {collection}


@pytest.mark.parametrize("query", queries(), ids=lambda q: f"{q.collection}.{q.call}")
def test_queries_speak_of_fields_that_exist(query: Query) -> None:
    assert fields_of(query) <= FIELDS[query.collection]


@pytest.mark.parametrize("query", queries(), ids=lambda q: f"{q.collection}.{q.call}")
def test_queries_use_the_database_that_holds_the_collection(query: Query) -> None:
    holder = "clearview" if query.collection in CLEARVIEWS else "ats_sync"

    assert query.database == holder


@pytest.mark.parametrize(
    "line",
    [
        "db.leases.drop()",
        "db.leases.find({_id: 1}",
        "db.leases.find({}) garbage",
        "db.leases.find({}).skip(3)",
        "db.leases.find({when: ISODate})()",
    ],
)
def test_what_is_not_understood_is_refused(line: str) -> None:
    with pytest.raises(NotUnderstood):
        read_queries(line, "ats_sync")


@pytest.fixture
async def acme(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    """A first import of an integration called acme."""
    async with workbench(mongo, tmp_path, names=["ashby"]) as bench:
        bench.write_config(
            integrations={"acme": bench._integration("acme", bench.simulators["ashby"])}
        )
        code, said = await bench.run_once()
        assert code == 0, said
        yield bench


@pytest.mark.mongo
@pytest.mark.e2e
async def test_every_query_runs_and_shows_what_a_first_import_wrote(acme: Workbench) -> None:
    shell = Shell({"ats_sync": acme.own, "clearview": acme.clearview})
    shown: set[str] = set()

    for query in queries():
        if await shell.run(query):
            shown.add(query.collection)

    assert shell.variables["acme"] == integration_id("acme")
    assert shown >= FILLED_BY_A_FIRST_IMPORT
