"""Turns errors of MongoDB into sentences with a remedy. No text of the server is quoted."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    InvalidName,
    OperationFailure,
    PyMongoError,
)

from daemon.core.mongodb_codes import DUPLICATE_KEY, LOGIN_REFUSED, UNAUTHORIZED
from models.errors import UserError

_INDEX_CONFLICTS = frozenset({85, 86})
_DIFFERS_IN_CASE = 13297
_ROLES = "`ats-sync roles print` shows all that the daemon needs"


class Operation(msgspec.Struct, frozen=True):
    """An operation of the start, for the error that it may meet."""

    privilege: str
    """The privilege action of MongoDB that it takes."""
    database: str
    setting: str
    """Where the URI is configured."""
    collection: str | None = None
    index: str | None = None

    @property
    def namespace(self) -> str:
        """The database, or the collection with it."""
        return self.database if self.collection is None else f"{self.database}.{self.collection}"


@contextmanager
def explained(operation: Operation) -> Iterator[None]:
    """Turns an error of MongoDB into a sentence.

    Raises:
        UserError: what happened, where, and what to do.
    """
    try:
        yield
    except PyMongoError as error:
        raise start_error(error, operation) from None


def start_error(error: PyMongoError, operation: Operation) -> UserError:
    """Returns the sentence of an error at the start."""
    if isinstance(error, InvalidName):
        return UserError(
            f"MongoDB does not allow the database name {operation.database!r}",
            remedy="correct ATS_SYNC_DATABASE or clearview.mongodb.database",
        )
    if isinstance(error, AutoReconnect) or error.timeout:
        return UserError(
            f"MongoDB stopped answering while {operation.namespace} was being prepared "
            f"({type(error).__name__})",
            remedy=f"look at its log and at the server that {operation.setting} names, then start again",
        )
    if isinstance(error, OperationFailure):
        return _refused(error.code or 0, operation)
    return UserError(
        f"MongoDB cannot be used ({type(error).__name__} at {operation.namespace})",
        remedy=f"check {operation.setting}",
    )


def missing_privilege(operation: Operation) -> UserError:
    """Returns the error of a missing privilege."""
    return UserError(
        f"MongoDB refuses {operation.privilege} on {operation.namespace}: the user of {operation.setting} lacks the "
        "privilege",
        remedy=f"grant it, or start once with a user that has it; {_ROLES}",
    )


def not_usable(words: str, operation: Operation) -> UserError:
    """Returns the error of a collection that cannot hold what the daemon writes."""
    return UserError(
        f"{operation.namespace} {words}",
        remedy="name the database that holds the collection in clearview.mongodb.database; it must be an "
        "ordinary one",
    )


def index_clash(operation: Operation, *, has: str, wants: str) -> UserError:
    """Returns the error of an index that has the wanted name and other keys; the daemon does not replace it."""
    drop = f'db.getSiblingDB("{operation.database}").{operation.collection}.dropIndex("{operation.index}")'
    return UserError(
        f"the index {operation.index} of {operation.namespace} has other keys ({has}) than the daemon needs "
        f"({wants}); it is kept as it is",
        remedy=f"if nothing needs it, drop it in mongosh with {drop}; else create it again under "
        "another name; then start again",
    )


def _refused(code: int, operation: Operation) -> UserError:
    if code == UNAUTHORIZED:
        return missing_privilege(operation)
    if code in LOGIN_REFUSED:
        return UserError(
            f"MongoDB refused the login (code {code})",
            remedy=f"check user, password and authSource in {operation.setting}",
        )
    if code in DUPLICATE_KEY:
        return UserError(
            f"the unique index {operation.index} of {operation.namespace} cannot be built: two documents have "
            "the same values in its fields",
            remedy="remove one of the two, or restore the collection from a backup; then start "
            "again",
        )
    if code in _INDEX_CONFLICTS:
        return UserError(
            f"an index of {operation.namespace} is in the way of {operation.index} (code {code})",
            remedy=f"compare `db.{operation.collection}.getIndexes()` with models/README.md",
        )
    if code == _DIFFERS_IN_CASE:
        return UserError(
            f"the database {operation.database} exists already with other capital letters",
            remedy="write its name in the same way in ATS_SYNC_DATABASE or clearview.mongodb.database",
        )
    what = " ".join(filter(None, (operation.privilege, operation.index)))
    return UserError(
        f"MongoDB refused {what} on {operation.namespace} (code {code})",
        remedy="look the code up in MongoDB's manual, and at the server's log",
    )


def command_error(error: PyMongoError) -> UserError:
    """Returns the sentence of an error that ends a command."""
    if isinstance(error, OperationFailure) and error.code == UNAUTHORIZED:
        return UserError(
            "MongoDB refuses what this command does (code 13): the user lacks a privilege",
            remedy="use a user with the role that the command needs; `ats-sync roles print` shows "
            "the privileges of each role",
        )
    code = error.code if isinstance(error, OperationFailure) else None
    shown = type(error).__name__ if code is None else f"{type(error).__name__}, code {code}"
    return UserError(
        f"MongoDB failed this command ({shown})",
        remedy="`ats-sync doctor` looks at MongoDB; run the command again",
    )


def unreachable(words: str, hosts: str, setting: str) -> UserError:
    """Returns the error of servers that do not answer, or have no primary, in PyMongo's words."""
    # The time-outs and all servers follow in PyMongo's message.
    cause = words.split(" (configured timeouts", 1)[0].split(", Timeout:", 1)[0]
    remedy = f"start it, or correct {setting}; with none set, the embedded one is used"
    if "match selector" in cause:
        remedy = (
            "look at rs.status(): a new replica set needs rs.initiate(), another one a majority"
        )
    return UserError(f"MongoDB cannot be reached ({hosts}): {cause[:200]}", remedy=remedy)


def unusable_uri(setting: str, error: Exception) -> UserError:
    """Returns the error of a URI that the driver refuses; the driver's own text may quote parts of it."""
    kind = type(error).__name__ if isinstance(error, ConfigurationError) else "InvalidURI"
    return UserError(
        f"the MongoDB URI of {setting} cannot be used ({kind})",
        remedy="write mongodb://HOST:PORT/?replicaSet=NAME with user and password percent-encoded; "
        "`ats-sync validate` says which part is wrong",
    )
