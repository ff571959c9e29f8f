"""The privileges that the daemon and its commands need on MongoDB, as `createRole` commands."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from beanie import Document

from daemon.store.attachment_files import BUCKET
from daemon.store.integration_data import OF_THE_DAEMON
from daemon.store.retention import HOLDABLE
from models.documents import (
    CLEARVIEW_DOCUMENTS,
    OWN_DOCUMENTS,
    Alert,
    AlertMute,
    AuditEntry,
    ClearViewApplication,
    IntegrationSettings,
    Lease,
    OAuthToken,
    QueuedFile,
    StatusOutboxEntry,
    StatusUpdateLog,
)
from models.documents.base import collection_name
from models.documents.views import VIEWS
from models.migrations import MIGRATIONS

Role = Literal["daemon", "reader", "operator"]
ROLES: Mapping[Role, str] = {
    "daemon": "runs `ats-sync run`, and every command",
    "reader": "runs the commands that look: status, history, doctor, plan, verify, lists",
    "operator": "runs those as well, and add, change, pause, resume, mute, replay, drop; asks a running daemon "
    "for a poll",
}
_LIST = ("listCollections", "listIndexes")
_LOOK = ("find", *_LIST)
_CHANGE = ("insert", "update", "remove")
_MAKE = ("createCollection", "createIndex", "collMod")
_WATCH = ("changeStream",)
_OPERATED: Mapping[type[Document], tuple[str, ...]] = {
    IntegrationSettings: ("insert", "update"),
    Alert: ("update",),
    AlertMute: _CHANGE,
    StatusOutboxEntry: ("update",),
    QueuedFile: ("update",),
    StatusUpdateLog: ("insert", "remove"),
    Lease: ("insert", "update"),
    AuditEntry: ("insert",),
}
"""The collections that an operator's commands change."""
SECRET: frozenset[type[Document]] = frozenset({OAuthToken})
"""The collections of sealed tokens, which only the daemon reads."""


class Databases(msgspec.Struct, frozen=True):
    """The names and clusters of the two databases."""

    own: str
    clearview: str
    apart: bool = False
    """They are on two clusters, each with roles of its own."""
    writes_candidates: bool = True
    """False in `mode: http`: ClearView's service writes its collections."""


class RoleOn(msgspec.Struct, frozen=True):
    """A role on one cluster."""

    cluster: str
    """The setting that names it."""
    command: Mapping[str, Any]
    """For the database `admin`."""


def role_commands(role: Role, databases: Databases) -> list[RoleOn]:
    """Returns `createRole` for each cluster."""
    own, clearview = _own(role, databases), _clearview(role, databases)
    name = f"ats_sync_{role}"
    if not databases.apart:
        return [RoleOn("ATS_SYNC_MONGODB_URI", _create(name, [*own, *clearview]))]
    return [
        RoleOn("ATS_SYNC_MONGODB_URI", _create(name, own)),
        RoleOn("clearview.mongodb.uri", _create(name, clearview)),
    ]


def _create(name: str, privileges: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"createRole": name, "privileges": list(privileges), "roles": []}


def _on(database: str, collection: str, actions: Sequence[str]) -> Mapping[str, Any]:
    resource = {"db": database, "collection": collection}
    return {"resource": resource, "actions": list(actions)}


def _own(role: Role, databases: Databases) -> list[Mapping[str, Any]]:
    if role == "daemon":
        return [
            _on(databases.own, "", (*_LOOK, *_MAKE, *_WATCH)),
            *(_on(databases.own, collection_name(each), _actions(each)) for each in OWN_DOCUMENTS),
            *(_on(databases.own, collection_name(each), ("dropIndex",)) for each in HOLDABLE),
            *_migrations(databases.own),
        ]
    looks = [
        _on(databases.own, "", _LIST),
        *(
            _on(databases.own, collection_name(each), ("find",))
            for each in OWN_DOCUMENTS
            if each not in SECRET
        ),
        *(_on(databases.own, view.name, ("find",)) for view in VIEWS),
    ]
    if role == "reader":
        return looks
    return [
        *looks,
        *(
            _on(databases.own, collection_name(document), actions)
            for document, actions in _OPERATED.items()
        ),
    ]


def _actions(document: type[Document]) -> tuple[str, ...]:
    """Returns what the daemon does with the documents of a collection: the audit log only grows."""
    if document is AuditEntry:
        return ("insert",)
    return ("insert", "update") if document in OF_THE_DAEMON else _CHANGE


def _migrations(database: str) -> list[Mapping[str, Any]]:
    """Returns what the steps of `models/migrations` take beside the daemon's daily privileges."""
    actions: dict[str, dict[str, None]] = {}
    for change in (change for step in MIGRATIONS for change in step.changes):
        if (action := change.privilege) not in (*_CHANGE, *_MAKE):
            actions.setdefault(change.collection, {})[action] = None
    return [_on(database, collection, tuple(taken)) for collection, taken in actions.items()]


def _clearview(role: Role, databases: Databases) -> list[Mapping[str, Any]]:
    """Returns privileges on ClearView's cluster; its oplog is compared with the stream's position."""
    oplog = _on("local", "oplog.rs", ("find", "collStats"))
    if role != "daemon":
        return [_on(databases.clearview, "", _LOOK), oplog]
    if databases.writes_candidates:
        names = map(collection_name, CLEARVIEW_DOCUMENTS)
        bucket = ("insert", "remove", "createCollection", "createIndex")
        written = [
            *(_on(databases.clearview, name, (*_CHANGE, *_MAKE)) for name in names),
            *(_on(databases.clearview, f"{BUCKET}.{part}", bucket) for part in ("files", "chunks")),
        ]
    else:
        written = [_on(databases.clearview, collection_name(ClearViewApplication), ("update",))]
    return [_on(databases.clearview, "", (*_LOOK, *_WATCH)), *written, oplog]
