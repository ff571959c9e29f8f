"""Makes the views of the service's own database, and brings them up to date.

No part of the daemon reads them: one that cannot be made is reported, and stops nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import structlog
from pymongo.errors import OperationFailure

from daemon.core.mongodb_codes import NAMESPACE_EXISTS
from daemon.store.connection import Row
from daemon.store.mongo_retry import repeated
from daemon.store.preparation import TargetDatabase, collections_of
from daemon.store.start_errors import start_error
from models.documents.base import collection_name
from models.documents.views import VIEWS, StoredView

log = structlog.get_logger(__name__)

Problem = Literal["missing", "no_view", "outdated"]
PROBLEMS: Mapping[Problem, str] = {
    "missing": "is not there yet; the daemon's start makes it",
    "no_view": "is a collection, and should be a view: rename it, and start the daemon again",
    "outdated": "is another version's; the daemon's start brings it up to date",
}


async def prepare_views(target: TargetDatabase, views: Sequence[StoredView] = VIEWS) -> None:
    """Makes the missing views, and changes those of another version."""
    for view, problem in view_problems(await collections_of(target), views):
        match problem:
            case "missing":
                await _reported(target, view, "createCollection", "create")
            case "outdated":
                await _reported(target, view, "collMod", "collMod")
            case "no_view":
                log.warning("view_not_made", collection=view.name, reason=PROBLEMS[problem])


def view_problems(
    found: Mapping[str, Row], views: Sequence[StoredView] = VIEWS
) -> Iterator[tuple[StoredView, Problem]]:
    """Yields each view that is not as declared; `found` has the options of collections by name."""
    for view in views:
        has = found.get(view.name)
        if has is None:
            yield view, "missing"
        elif "viewOn" not in has:
            yield view, "no_view"
        elif {key: has.get(key) for key in _declared(view)} != _declared(view):
            yield view, "outdated"


def _declared(view: StoredView) -> dict[str, Any]:
    return {"viewOn": collection_name(view.on), "pipeline": view.pipeline}


async def _reported(target: TargetDatabase, view: StoredView, privilege: str, command: str) -> None:
    try:
        await repeated(lambda: target.database.command({command: view.name, **_declared(view)}))
    except OperationFailure as error:
        if error.code == NAMESPACE_EXISTS:
            return  # another replica, which starts as well, has made it
        operation = target.operation(privilege, view.name)
        log.warning(
            "view_not_made", collection=view.name, reason=str(start_error(error, operation))
        )
