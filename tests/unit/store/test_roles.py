"""The printed roles say for each collection exactly what may be done with it."""

from typing import Any

import pytest

from daemon.store.retention import HOLDABLE
from daemon.store.roles import ROLES, SECRET, Databases, Role, role_commands
from models.documents import OWN_DOCUMENTS
from models.documents.base import collection_name
from models.migrations import MIGRATIONS

DATABASES = Databases(own="own", clearview="cv")
NAMES = {collection_name(document): document for document in OWN_DOCUMENTS}
CHANGES = {"insert", "update", "remove", "createIndex", "collMod", "dropCollection", "dropIndex"}


def privileges(role: Role) -> list[dict[str, Any]]:
    [one] = role_commands(role, DATABASES)
    return list(one.command["privileges"])


def actions(role: Role, database: str, collection: str) -> set[str]:
    """What the role may do with a collection, by its name or by its database."""
    return {
        action
        for each in privileges(role)
        if each["resource"]["db"] == database and each["resource"]["collection"] in ("", collection)
        for action in each["actions"]
    }


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_more_than_collections_of_both_databases_and_the_oplog(role: Role) -> None:
    for each in privileges(role):
        resource = each["resource"]
        assert set(resource) == {"db", "collection"}
        assert resource["db"] in {"own", "cv"} or resource == {
            "db": "local",
            "collection": "oplog.rs",
        }
        assert not {"anyAction", "dropDatabase", "grantRole", "bypassDocumentValidation"} & {
            *each["actions"]
        }


@pytest.mark.parametrize("role", ["reader", "operator"])
@pytest.mark.parametrize("name", NAMES)
def test_readers_and_operators_find_all_but_secrets(role: Role, name: str) -> None:
    assert ("find" in actions(role, "own", name)) is (NAMES[name] not in SECRET)


@pytest.mark.parametrize("name", [*NAMES, "candidates", "applications"])
def test_a_reader_changes_nothing(name: str) -> None:
    for database in ("own", "cv", "local"):
        assert not actions("reader", database, name) & CHANGES


@pytest.mark.parametrize("name", ["candidates", "applications", "attachments.files"])
def test_an_operator_changes_nothing_in_clearview(name: str) -> None:
    assert not actions("operator", "cv", name) & CHANGES


def test_no_one_changes_what_is_in_the_audit_log() -> None:
    for role in ROLES:
        assert not actions(role, "own", "audit_log") & {"update", "remove"}


@pytest.mark.parametrize("name", ["audit_log", "erasures", "data_keys", "migrations"])
def test_no_role_removes_what_outlives_an_integration(name: str) -> None:
    for role in ROLES:
        assert "remove" not in actions(role, "own", name)


def test_the_daemon_drops_indexes_of_retentions_and_of_migrations_only() -> None:
    found = {name for name in NAMES if "dropIndex" in actions("daemon", "own", name)}

    of_migrations = {change.collection for step in MIGRATIONS for change in step.changes}
    assert found <= {collection_name(document) for document in HOLDABLE} | of_migrations
    assert {collection_name(document) for document in HOLDABLE} <= found
