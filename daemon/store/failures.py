"""What an error of MongoDB is about: the server as a whole, or one document.

An outage passes, and the work is repeated as it is. A document that is refused would be refused
again: it fails by itself, with the reason.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bson.errors import BSONError, InvalidDocument
from pymongo.errors import (
    BulkWriteError,
    DocumentTooLarge,
    InvalidName,
    OperationFailure,
    PyMongoError,
    WriteError,
)

DUPLICATE_KEYS = frozenset({11000, 11001, 12582})
REFUSED_BY_VALIDATOR = 121
PASSING = frozenset(
    # Elections, shutdowns, lost connections, cursors, sessions and snapshots, moved chunks.
    {6, 7, 43, 63, 89, 90, 91, 117, 133, 134, 150, 175, 189, 202, 206, 225, 234, 237, 239, 246}
    | {249, 251, 267, 314, 317, 358, 384, 9001, 10107, 11600, 11601, 11602, 13388, 13435, 13436}
    # Time-outs, conflicts between writers, write concerns that could not be met.
    | {24, 46, 50, 64, 79, 100, 112, 244, 262}
    # Privileges and credentials, which are those of every operation.
    | {11, 13, 18, 31, 33, 391, 8000}
    # Disks and memory.
    | {146, 292, 12501, 14031}
)
"""Error codes that say nothing about the document at hand."""
_PASSING_LABELS = ("RetryableWriteError", "TransientTransactionError", "SystemOverloadedError")
_ABOUT = {
    28: "a field that should hold fields holds something else in ClearView",
    56: "a field has an empty name",
    171: "two of its fields are lists, and one index has both",
    10334: "the document is too large",
    17280: "a field is too long for an index",
    17419: "the document would become too large",
    17420: "the document would become too large",
}
"""What a person needs to know of the usual codes."""
_DUPLICATE_OF = re.compile(r"index: (\S+) dup key")
_BY_DEFAULT = re.compile(r"_-?\d+$")


def fails_by_content(error: Exception) -> bool:
    """True if the work fails by what it holds; False if the same work can succeed later.

    A missing privilege is no matter of a document: it concerns every other one as well.
    """
    if isinstance(error, BulkWriteError):
        return _bulk_fails_by_content(error)
    if isinstance(error, DocumentTooLarge | InvalidDocument | InvalidName | BSONError):
        return True
    if isinstance(error, OperationFailure):
        passes = error.timeout or error.code is None or error.code in PASSING
        return not (passes or any(error.has_error_label(label) for label in _PASSING_LABELS))
    return not isinstance(error, PyMongoError | OSError | TimeoutError)


def _bulk_fails_by_content(error: BulkWriteError) -> bool:
    details = error.details or {}
    codes = [int(each.get("code", 0)) for each in details.get("writeErrors", [])]
    return bool(codes) and not details.get("writeConcernErrors") and PASSING.isdisjoint(codes)


def is_own_document(write_error: Mapping[str, Any]) -> bool:
    """True for a duplicate key of `_id`: the document is there already.

    Any other unique index belongs to whoever owns the collection, and refuses the document.
    """
    if write_error.get("code") not in DUPLICATE_KEYS:
        return False
    pattern = write_error.get("keyPattern")
    if isinstance(pattern, Mapping):
        return list(pattern) == ["_id"]
    named = _DUPLICATE_OF.search(str(write_error.get("errmsg", "")))
    return named is not None and named[1] == "_id_"


def refusal(write_error: Mapping[str, Any]) -> str:
    """The reason for which MongoDB refused a document; no value of it is quoted."""
    code = write_error.get("code")
    if code in DUPLICATE_KEYS:
        fields = _fields_of(write_error)
        which = f" on {', '.join(fields)}" if fields else ""
        return f"refused by a unique index{which}: another document has the same values"
    if code == REFUSED_BY_VALIDATOR:
        return f"refused by the collection's validator{_broken_rules(write_error)}"
    about = f": {_ABOUT[code]}" if code in _ABOUT else ""
    return f"refused by MongoDB (code {code}){about}"


def _fields_of(write_error: Mapping[str, Any]) -> Sequence[str]:
    pattern = write_error.get("keyPattern")
    if isinstance(pattern, Mapping):
        return list(pattern)
    named = _DUPLICATE_OF.search(str(write_error.get("errmsg", "")))
    return [] if named is None else [_BY_DEFAULT.sub("", named[1])]


def _broken_rules(write_error: Mapping[str, Any]) -> str:
    """Names of fields as the validator's own rules have them, as far as the server says."""
    details = (write_error.get("errInfo") or {}).get("details") or {}
    rules = details.get("schemaRulesNotSatisfied") or []
    names: dict[str, None] = {}
    for rule in rules if isinstance(rules, list) else []:
        if not isinstance(rule, Mapping):
            continue
        names |= dict.fromkeys(map(str, rule.get("missingProperties") or []))
        for broken in rule.get("propertiesNotSatisfied") or []:
            names |= {str(broken.get("propertyName")): None}
    return f" ({', '.join(names)})" if names else ""


def write_error_of(error: WriteError) -> Mapping[str, Any]:
    """A single write's error in the form of one in a bulk."""
    return {"code": error.code, **(error.details or {})}
