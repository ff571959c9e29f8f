"""The meaning of MongoDB's errors: an outage passes, and a refused document fails by itself.

After an outage the same work is repeated as it is. A document that is refused would be refused again,
so it is reported with the reason. Other errors (a missing privilege, a full disk) are neither.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from bson.errors import BSONError, InvalidDocument
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    InvalidName,
    OperationFailure,
    PyMongoError,
)

from daemon.core.mongodb_codes import (
    DUPLICATE_KEY,
    NOT_OF_ONE_DOCUMENT,
    OUTAGE,
    REFUSED_BY_VALIDATOR,
)

WriteError = Mapping[str, Any]
"""One entry of `writeErrors` in a bulk's result."""
_OUTAGE_LABELS = ("RetryableWriteError", "TransientTransactionError", "ResumableChangeStreamError")
_RETRY_LABELS = ("RetryableWriteError", "TransientTransactionError", "SystemOverloadedError")
_ABOUT = {
    28: "a field that should hold fields holds something else in ClearView",
    56: "a field has an empty name",
    171: "two of its fields are lists, and one index has both",
    10334: "the document is too large",
    16755: "a geographic index cannot hold one of its fields",
    16766: "a hashed index cannot hold a list that is in it",
    17280: "a field is too long for an index",
    17419: "the document would become too large",
    17420: "the document would become too large",
}
"""Explanations of the usual codes."""
_DUPLICATE_OF = re.compile(r"index: (\S+) dup key")
_BY_DEFAULT = re.compile(r"_-?\d+$")
T = TypeVar("T")
_PAUSE_S = 0.2


def is_outage(error: BaseException) -> bool:
    """Returns True if MongoDB was away, changed its primary or took too long."""
    if not isinstance(error, PyMongoError):
        return False
    if isinstance(error, ConnectionFailure) or error.timeout:
        return True
    if any(error.has_error_label(label) for label in _OUTAGE_LABELS):
        return True
    if isinstance(error, BulkWriteError):
        # No refused write: the confirmation by a majority failed.
        return OUTAGE.issuperset(_codes(error))
    return isinstance(error, OperationFailure) and error.code in OUTAGE


def fails_by_content(error: Exception) -> bool:
    """Returns True if the work fails by what it holds; False if the same work can succeed later.

    A missing privilege does not count: it concerns every other document as well.
    """
    if isinstance(error, BulkWriteError):
        codes = _codes(error)
        confirmed = not (error.details or {}).get("writeConcernErrors")
        return bool(codes) and confirmed and NOT_OF_ONE_DOCUMENT.isdisjoint(codes)
    if isinstance(error, DocumentTooLarge | InvalidDocument | InvalidName | BSONError):
        return True
    if isinstance(error, OperationFailure):
        passes = error.timeout or error.code is None or error.code in NOT_OF_ONE_DOCUMENT
        return not (passes or any(error.has_error_label(label) for label in _RETRY_LABELS))
    return not isinstance(error, PyMongoError | OSError | TimeoutError)


def _codes(error: BulkWriteError) -> list[int]:
    """Returns the codes of the writes of a batch that failed by themselves."""
    return [int(each.get("code", 0)) for each in (error.details or {}).get("writeErrors") or ()]


def is_own_document(write_error: WriteError) -> bool:
    """Returns True for a duplicate key of `_id`: the document exists already.

    Any other unique index belongs to the owner of the collection, and refuses the document.
    """
    return write_error.get("code") in DUPLICATE_KEY and _duplicate_fields(write_error) == ["_id"]


def refusal(write_error: WriteError) -> str:
    """Returns the reason for which MongoDB refused a document; it quotes no value of it."""
    code = write_error.get("code")
    if code in DUPLICATE_KEY:
        fields = _duplicate_fields(write_error)
        where = f" on {', '.join(fields)}" if fields else ""
        return f"refused by a unique index{where}: another document has the same values"
    if code == REFUSED_BY_VALIDATOR:
        return f"refused by the collection's validator{_broken_rules(write_error)}"
    about = f": {_ABOUT[code]}" if code in _ABOUT else ""
    return f"refused by MongoDB (code {code}){about}"


def _duplicate_fields(write_error: WriteError) -> Sequence[str]:
    """Returns the fields of the unique index, or its name without directions."""
    pattern = write_error.get("keyPattern")
    if isinstance(pattern, Mapping):
        return list(pattern)
    named = _DUPLICATE_OF.search(str(write_error.get("errmsg", "")))
    if named is None:
        return []
    return ["_id" if named[1] == "_id_" else _BY_DEFAULT.sub("", named[1])]


def _broken_rules(write_error: WriteError) -> str:
    """Returns the fields that the validator names, as far as the server reports them."""
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


async def repeated(unit: Callable[[], Awaitable[T]], *, within_s: float = 30.0) -> T:
    """Returns the result of a unit that may be repeated without harm, which is repeated while there is no primary.

    The drivers repeat a single write once; updates of many documents and bulk writes with one they
    do not repeat at all, and an election takes longer than one repetition.

    Raises:
        PyMongoError: it still fails when the time is over, or repeating cannot help.
    """
    give_up_at = time.monotonic() + within_s
    while True:
        try:
            return await unit()
        except PyMongoError as error:
            if not is_outage(error) or time.monotonic() > give_up_at:
                raise
        await asyncio.sleep(_PAUSE_S)
