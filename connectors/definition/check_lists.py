"""Checks of lists: cursors, joins, reads by id, and whether everything declared is of use."""

import re

from config.checked_document import Document
from config.nodes import NodePath
from config.problems import did_you_mean
from connectors.definition.bodies import obstacle
from connectors.definition.check_placeholders import check_placeholders, settings_names
from connectors.definition.cursors import NoCursor, SyncTokenCursor, UpdatedAtCursor
from connectors.definition.lists import Fetch, Join, List
from connectors.definition.pagination import OffsetPagination, PagePagination
from connectors.definition.paths import joins_used
from connectors.definition.placeholders import names_in
from connectors.definition.root import DefinitionModel

_VOLATILE = re.compile(r"[^.\[\]\s]+(\[\])?(\.[^.\[\]\s]+(\[\])?)*")
_NAME = re.compile(r"[A-Za-z_]\w*")
_POLLED_ONLY = ("cursor", "detail", "joins", "scopes")


def check_lists(document: Document, model: DefinitionModel) -> None:
    for name, spec in model.lists.items():
        path: NodePath = ("lists", name)
        _check_requests(document, model, path, spec)
        _check_use(document, path, spec)
        if any(each.deleted_by == name for each in model.lists.values()):
            _check_deletions(document, path, spec)
        elif spec.holds == "lookup":
            _refuse_parts(document, path, spec, "a lookup list")
        else:
            _check_polled(document, path, spec)
        _check_scopes(document, model, path, spec)
        _check_joins(document, model, path, spec)
    if all(spec.holds == "lookup" for spec in model.lists.values()):
        document.error(("lists",), "no list holds candidates or applications")
    _check_unused_lookups(document, model)


def _check_requests(document: Document, model: DefinitionModel, path: NodePath, spec: List) -> None:
    names = settings_names(model)
    in_path = _in_path(spec)
    for key, part in spec.request.parts().items():
        # `_check_scopes` reports a {scope} that is not allowed.
        known = names | {"scope"} | (in_path if key == spec.request.method.lower() else set())
        if not _says_how_it_pages(document, path, spec, key):
            known |= {_counted_by(spec)}
        check_placeholders(document, (*path, "request", key), part, known)
    if spec.fetch is not None:
        known = names | {"id", "ids"} | ({"scope"} if spec.is_scoped else set())
        check_placeholders(document, (*path, "fetch", "request"), spec.fetch.request.parts(), known)
        _check_fetch(document, path, spec, spec.fetch)


def _counted_by(spec: List) -> str:
    """The parameter that counts pages or records; empty where none does."""
    pagination = spec.pagination
    if isinstance(pagination, PagePagination | OffsetPagination):
        return pagination.parameter
    return ""


def _in_path(spec: List) -> set[str]:
    """The placeholder that paging fills in the path."""
    return {_counted_by(spec)} if getattr(spec.pagination, "send_in", "") == "path" else set()


def _says_how_it_pages(document: Document, path: NodePath, spec: List, key: str) -> bool:
    """Reports a page number that is in the path but sent elsewhere; False then."""
    name = _counted_by(spec)
    used = {use.name for use in names_in(spec.request.path)}
    if key != spec.request.method.lower() or name not in used or name in _in_path(spec):
        return True
    message = f"needs `send_in: path`, because {{{name}}} is in the request's path"
    document.error((*path, "pagination"), message)
    return False


def _check_fetch(document: Document, path: NodePath, spec: List, fetch: Fetch) -> None:
    used = fetch.request.placeholders
    if not used & {"id", "ids"}:
        document.error((*path, "fetch", "request"), "needs {id} or {ids}: which records to read")
    if fetch.batch > 1 and "ids" not in used:
        document.error((*path, "fetch", "batch"), "several ids in a request need {ids} in it")
    if fetch.adds_id and (fetch.batch > 1 or not _NAME.fullmatch(spec.id)):
        message = "needs records that are read one by one, and an `id` that is a plain name"
        document.error((*path, "fetch", "adds_id"), message)


def _check_use(document: Document, path: NodePath, spec: List) -> None:
    pagination = spec.pagination
    for name in sorted(_in_path(spec) - {use.name for use in names_in(spec.request.path)}):
        message = f"is sent in the path, but {{{name}}} is not in the request's path"
        document.error((*path, "pagination", "send_in"), message)
    if getattr(pagination, "send_in", None) == "body":
        _needs_json_body(document, (*path, "pagination", "send_in"), spec)
        _check_entry(document, (*path, "pagination"), spec, getattr(pagination, "parameter", ""))
    if isinstance(spec.cursor, SyncTokenCursor) and spec.cursor.send_in == "body":
        _needs_json_body(document, (*path, "cursor"), spec)
        _check_entry(document, (*path, "cursor"), spec, spec.cursor.parameter)
    if spec.rotates and not spec.volatile:
        document.error((*path, "rotates"), "has no meaning without `volatile`")
    for at, volatile in enumerate(spec.volatile):
        if not _VOLATILE.fullmatch(volatile):
            message = "must be names with dots between, such as files[].url"
            document.error((*path, "volatile", at), message)


def _check_scopes(document: Document, model: DefinitionModel, path: NodePath, spec: List) -> None:
    if spec.scopes is None:
        if spec.holds != "lookup" and spec.is_scoped:
            message = "uses {scope}; say in `scopes` for which list's records this one is walked"
            document.error((*path, "request"), message)
        return
    location = (*path, "scopes")
    other = list_named(document, model, location, spec.scopes)
    if other is not None and (other.holds != "lookup" or other.is_scoped):
        message = f"lists.{spec.scopes} must be a lookup list without a {{scope}} of its own"
        document.error(location, message)
    if not spec.is_scoped:
        document.error(location, "is declared, but {scope} is nowhere in the list's request")
    _check_scoped_parts(document, path, spec)


def _check_scoped_parts(document: Document, path: NodePath, spec: List) -> None:
    if isinstance(spec.cursor, SyncTokenCursor):
        message = (
            "a sync token belongs to one walk; with `scopes` there are many: take another kind"
        )
        document.error((*path, "cursor"), message)
    if spec.total is not None:
        document.error((*path, "total"), "counts one scope's records only; remove it")
    if spec.fetch is not None and spec.fetch.batch > 1:
        message = "records of a list with `scopes` are read one by one; remove it"
        document.error((*path, "fetch", "batch"), message)


def _needs_json_body(document: Document, path: NodePath, spec: List) -> None:
    if spec.request.method == "GET" or not isinstance(spec.request.body, dict):
        document.error(path, "is sent in the body, but the request has no JSON body")


def _check_entry(document: Document, path: NodePath, spec: List, parameter: str) -> None:
    """Report a dotted name that leads nowhere in the request's body, or in that of `fetch`."""
    location = (*path, "parameter")
    fetch = spec.fetch if spec.fetch is not None and spec.fetch.paginated else None
    for request in (spec.request, *([fetch.request] if fetch else [])):
        body = request.body if isinstance(request.body, dict) else {}
        try:
            found = obstacle(body, parameter)
        except ValueError as error:
            document.error(location, str(error))
            return
        if found is not None:
            document.error(location, f"{found} is no object in the request's body")


def _refuse_parts(
    document: Document, path: NodePath, spec: List, of: str, *, has_cursor: bool = False
) -> None:
    """Reports parts of a list that only those have that are polled for records."""
    for part in _POLLED_ONLY:
        if getattr(spec, part) and not (has_cursor and part == "cursor"):
            document.error((*path, part), f"has no meaning on {of}", on_key=True)


def _check_deletions(document: Document, path: NodePath, spec: List) -> None:
    if spec.holds != "lookup":
        document.error((*path, "holds"), "a list of deleted records is a lookup list")
    if isinstance(spec.cursor, UpdatedAtCursor):
        _check_updated_at(document, (*path, "cursor"), spec.cursor)
    elif spec.cursor is None:
        document.error(path, "needs `cursor`; write {kind: none} where it shows all deletions")
    _refuse_parts(document, path, spec, "a list of deleted records", has_cursor=True)


def _check_polled(document: Document, path: NodePath, spec: List) -> None:
    if spec.cursor is None:
        message = "needs `cursor`; write {kind: none} where the ATS cannot say what changed"
        document.error(path, message)
    if isinstance(spec.cursor, UpdatedAtCursor):
        _check_updated_at(document, (*path, "cursor"), spec.cursor)
        detail = spec.detail if spec.reads_inline else None
        if spec.cursor.field is None and detail and detail.when != "always":
            message = (
                "must be `always` where `cursor` has no `field`: changed records look unchanged"
            )
            document.error((*path, "detail", "when"), message)
    if isinstance(spec.cursor, NoCursor) and not spec.absence_is_deletion:
        document.warn((*path, "absence_is_deletion"), "deletions can never be noticed here")
    if spec.deleted_by is not None and spec.fetch is None:
        document.error((*path, "deleted_by"), "needs `fetch`, which asks for a record by its id")
    if spec.reads_inline and spec.fetch is None:
        document.error((*path, "detail"), "needs `fetch`, which reads a record in full")


def _check_updated_at(document: Document, path: NodePath, cursor: UpdatedAtCursor) -> None:
    bounds = {"from", "to"}
    check_placeholders(document, (*path, "query"), cursor.query, bounds)
    check_placeholders(document, (*path, "body"), cursor.body, bounds)
    used = {use.name for use in names_in([cursor.query, cursor.body])}
    if "from" not in used:
        document.error(path, "never asks: {from} is neither in `query` nor in `body`")
    if cursor.create_only:
        message = (
            "records change, but the ATS sets this moment only at creation: changes would be "
            "missed; take another field, or {kind: none}"
        )
        document.error((*path, "create_only"), message)


def _check_joins(document: Document, model: DefinitionModel, path: NodePath, spec: List) -> None:
    earlier: set[str] = set()
    for name, join in spec.joins.items():
        location = (*path, "joins", name)
        check_join_list(document, model, location, join)
        for used in sorted(joins_used(join.key) - earlier):
            document.error(
                (*location, "key"),
                f"reads joined.{used}, which is no join declared before this one",
                hint=did_you_mean(used, earlier),
            )
        earlier.add(name)


def check_join_list(document: Document, model: DefinitionModel, path: NodePath, join: Join) -> None:
    other = list_named(document, model, (*path, "list"), join.list)
    if other is None:
        return
    if join.load == "needed" and other.fetch is None:
        message = f"lists.{join.list} has no `fetch` to read only what is needed by"
        document.error((*path, "load"), message)
    if other.is_scoped and (join.load == "all" or other.scopes):
        message = f"lists.{join.list} is read for each {{scope}} and cannot be joined whole"
        document.error((*path, "list"), message)


def list_named(
    document: Document, model: DefinitionModel, path: NodePath, name: str
) -> List | None:
    """Returns the list of that name; reports it where there is none."""
    if name not in model.lists:
        document.error(path, f'there is no list "{name}"', hint=did_you_mean(name, model.lists))
    return model.lists.get(name)


def _check_unused_lookups(document: Document, model: DefinitionModel) -> None:
    used = {join.list for spec in model.lists.values() for join in spec.joins.values()}
    used |= {
        join.list
        for spec in model.lists.values()
        for read in spec.detail_reads.values()
        for join in read.joins.values()
    }
    used |= {spec.deleted_by for spec in model.lists.values() if spec.deleted_by}
    if model.acting_user is not None and model.acting_user.users is not None:
        used.add(model.acting_user.users)
    used |= lists_named(model) | {spec.scopes for spec in model.lists.values() if spec.scopes}
    for name, spec in model.lists.items():
        if spec.holds == "lookup" and name not in used:
            message = "nothing uses this list; join it, name it in `writes`, or remove it"
            document.error(("lists", name), message, on_key=True)


def lists_named(model: DefinitionModel) -> set[str]:
    """Returns the lookup lists of writes and analytics."""
    writes, analytics = model.writes, model.analytics
    found: set[str | None] = set()
    if writes.stages is not None:
        found |= {writes.stages.list, writes.stages.scopes, *writes.stages.kinds_from}
    if writes.reasons is not None:
        found |= {writes.reasons.list, *writes.reasons.more}
    for write in writes.operations().values():
        found |= {choice.list for choice in write.choose.values()}
    found |= {choice.list for choice in getattr(analytics, "choose", {}).values()}
    return {name for name in found if name is not None}
