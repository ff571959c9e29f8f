"""Errors of MongoDB at the start, as sentences with a remedy. No text of the server is quoted."""

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

from daemon.store.failures import DUPLICATE_KEYS
from models.errors import UserError

UNAUTHORIZED = 13
LOGIN_REFUSED = frozenset({11, 18, 8000})
_INDEX_CONFLICTS = frozenset({85, 86})
_IS_A_VIEW = 166
_DIFFERS_IN_CASE = 13297
_ROLES = "`ats-sync roles print` shows all that the daemon needs"


class Step(msgspec.Struct, frozen=True):
    """What the start is doing when an error comes."""

    privilege: str
    """The privilege action that it takes."""
    database: str
    setting: str
    """Where the URI is configured."""
    collection: str | None = None
    index: str | None = None

    @property
    def place(self) -> str:
        """Where it is done."""
        return self.database if self.collection is None else f"{self.database}.{self.collection}"


@contextmanager
def explained(step: Step) -> Iterator[None]:
    """Turn an error of MongoDB into a sentence.

    Raises:
        UserError: what happened, where, and what to do.
    """
    try:
        yield
    except PyMongoError as error:
        raise start_error(error, step) from None


def start_error(error: PyMongoError, step: Step) -> UserError:
    """The sentence of an error."""
    if isinstance(error, InvalidName):
        return UserError(
            f"MongoDB does not allow the database name {step.database!r}",
            remedy="correct ATS_SYNC_DATABASE or clearview.mongodb.database",
        )
    if isinstance(error, AutoReconnect) or error.timeout:
        return UserError(
            f"MongoDB stopped answering while {step.place} was being prepared "
            f"({type(error).__name__})",
            remedy=f"look at its log and at the server that {step.setting} names, then start again",
        )
    if isinstance(error, OperationFailure):
        return _refused(error.code or 0, step)
    return UserError(
        f"MongoDB cannot be used ({type(error).__name__} at {step.place})",
        remedy=f"check {step.setting}",
    )


def missing_privilege(step: Step) -> UserError:
    """The user may not do what the start has to do."""
    return UserError(
        f"MongoDB refuses {step.privilege} on {step.place}: the user of {step.setting} lacks the "
        "privilege",
        remedy=f"grant it, or start once with a user that has it; {_ROLES}",
    )


def index_clash(step: Step, *, has: str, wants: str) -> UserError:
    """An index of the wanted name has other keys, and is not the daemon's to replace."""
    drop = f'db.getSiblingDB("{step.database}").{step.collection}.dropIndex("{step.index}")'
    return UserError(
        f"the index {step.index} of {step.place} has other keys ({has}) than the daemon needs "
        f"({wants}); it is kept as it is",
        remedy=f"if nothing needs it, drop it in mongosh with {drop}; else create it again under "
        "another name; then start again",
    )


def _refused(code: int, step: Step) -> UserError:
    if code == UNAUTHORIZED:
        return missing_privilege(step)
    if code in LOGIN_REFUSED:
        return UserError(
            f"MongoDB refused the login (code {code})",
            remedy=f"check user, password and authSource in {step.setting}",
        )
    if code in DUPLICATE_KEYS:
        return UserError(
            f"the unique index {step.index} of {step.place} cannot be built: two documents have "
            "the same values in its fields",
            remedy="remove one of the two, or restore the collection from a backup; then start "
            "again",
        )
    sentence, remedy = _other(code, step)
    return UserError(sentence, remedy=remedy)


def _other(code: int, step: Step) -> tuple[str, str]:
    if code in _INDEX_CONFLICTS:
        return (
            f"an index of {step.place} is in the way of {step.index} (code {code})",
            f"compare `db.{step.collection}.getIndexes()` with models/README.md",
        )
    if code == _IS_A_VIEW:
        return (
            f"{step.place} is a view, not a collection",
            "name the database that holds the collection in clearview.mongodb.database",
        )
    if code == _DIFFERS_IN_CASE:
        return (
            f"the database {step.database} exists already with other capital letters",
            "write its name in the same way in ATS_SYNC_DATABASE or clearview.mongodb.database",
        )
    what = step.privilege if step.index is None else f"{step.privilege} {step.index}"
    return (
        f"MongoDB refused {what} on {step.place} (code {code})",
        "look the code up in MongoDB's manual, and at the server's log",
    )


def command_error(error: PyMongoError) -> UserError:
    """The sentence of an error that ends a command."""
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


def unusable_uri(setting: str, error: Exception) -> UserError:
    """The driver does not take the URI, or finds no server by it; its words may quote parts of it."""
    kind = type(error).__name__ if isinstance(error, ConfigurationError) else "InvalidURI"
    return UserError(
        f"the MongoDB URI of {setting} cannot be used ({kind})",
        remedy="write mongodb://HOST:PORT/?replicaSet=NAME with user and password percent-encoded; "
        "`ats-sync validate` says which part is wrong",
    )
