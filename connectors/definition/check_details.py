"""Checks of what is read in the background: requests, and the fields that may wait for them."""

from collections.abc import Iterator

from config.checked_document import Document
from config.nodes import NodePath
from config.problems import did_you_mean
from connectors.definition.check_lists import check_join_list
from connectors.definition.check_placeholders import check_placeholders, settings_names
from connectors.definition.lists import DetailRead, List
from connectors.definition.pagination import NoPagination
from connectors.definition.paths import details_used
from connectors.definition.root import DefinitionModel
from connectors.definition.sources import Source, paths_in

LATER = {
    "candidate": frozenset(
        {
            "first_name", "last_name", "emails", "phones", "addresses", "company", "title",
            "links", "tags", "source", "custom_fields", "attachments", "is_private",
        }
    ),
    "application": frozenset({"source", "custom_fields"}),
}  # fmt: skip
"""The fields that may come later: no identity, no time, and nothing that a status is made of."""
_OTHER = {"record": "application", "application": "record"}
Sources = Iterator[tuple[NodePath, Source]]


def check_detail_requests(document: Document, model: DefinitionModel) -> None:
    names = settings_names(model)
    for name, spec in model.lists.items():
        if spec.detail is None:
            continue
        path: NodePath = ("lists", name, "detail")
        for key, read in spec.detail.read.items():
            _check_read(document, (*path, "read", key), read, spec, names)
            if read.per == "application":
                _check_per_application(document, (*path, "read", key), read, model)
            for name_of_join, join in read.joins.items():
                location = (*path, "read", key, "joins", name_of_join)
                check_join_list(document, model, location, join)


def _check_read(
    document: Document, path: NodePath, read: DetailRead, spec: List, names: set[str]
) -> None:
    known = names | {"id", "ids"} | ({"scope"} if spec.scopes else set())
    known |= {"job_id"} if read.per == "application" else set()
    check_placeholders(document, (*path, "request"), read.request.parts(), known)
    used = read.request.placeholders
    if not used & {"id", "ids"}:
        document.error((*path, "request"), "needs {id} or {ids}: which records it is about")
    if read.batch > 1 and ("ids" not in used or spec.scopes):
        document.error(
            (*path, "batch"), "several ids in a request need {ids} in it, and no `scopes`"
        )
    if not isinstance(read.pagination, NoPagination) and not read.many and read.batch == 1:
        document.error((*path, "pagination"), "has no meaning without `many`", on_key=True)


def _check_per_application(
    document: Document, path: NodePath, read: DetailRead, model: DefinitionModel
) -> None:
    if model.application is None or model.application.each is None:
        document.error((*path, "per"), "needs `application.each`: a record is one application here")
    if "job_id" not in read.request.placeholders:
        document.error((*path, "request"), "needs {job_id}: which application it is about")
    if read.batch > 1:
        document.error((*path, "batch"), "has no meaning with `per: application`", on_key=True)


def check_detail_fields(
    document: Document, model: DefinitionModel, part: str, sources: Sources
) -> None:
    """Reports fields that cannot come later, and names of details that no list declares."""
    holding = {"candidate": ("candidates", "both"), "application": ("applications", "both")}[part]
    lists = [spec for spec in model.lists.values() if spec.holds in holding]
    declared = [spec.detail_reads for spec in lists]
    each = part == "application" and model.application is not None and model.application.each
    wanted = "application" if each else "record"
    for path, source in sources:
        used = {name for text in paths_in(source) for name in details_used(text)}
        if not used or not any(declared):
            continue
        if path[1] not in LATER[part]:
            message = "cannot wait for a detail: identities, times and statuses come with the list"
            document.error(path, message)
        for name in sorted(used):
            if any(names[name].per != wanted for names in declared if name in names):
                message = (
                    f"is read of each {wanted}, but detail.{name} is about each {_OTHER[wanted]}"
                )
                document.error(path, message)
            if not all(name in names for names in declared):
                message = f"reads detail.{name}, but no such request is declared on its list"
                hint = did_you_mean(name, set().union(*declared))
                document.error(path, message, hint=hint)


def check_unused_details(document: Document, model: DefinitionModel, paths: set[str]) -> None:
    """Reports requests whose answers no mapping reads; `paths` are those of all mappings."""
    read = {name for path in paths for name in details_used(path)}
    for name, spec in model.lists.items():
        for key in spec.detail_reads.keys() - read:
            location = ("lists", name, "detail", "read", key)
            document.error(location, f"nothing reads detail.{key}", on_key=True)
