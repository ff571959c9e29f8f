"""Tables of what each ATS of the catalog gives and takes, made from the definitions."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.definition.load import find_definitions, load_definition
from connectors.definition.paths import details_used
from connectors.definition.records import NOTHING, ApplicationMapping, CandidateMapping
from connectors.definition.root import DefinitionModel
from connectors.definition.sources import Each, paths_in
from connectors.definition.writes import REASON_NAMES
from models.status import ApplicationStatus

NO = "—"
_OWN_COLUMN = frozenset(
    {"each", "external_id", "candidate_external_id", "job", "stage", "custom_fields", "tags"}
    | {"attachments", "external_created_at", "external_updated_at"}
)
_CHANGES = {"updated_at": "since a time", "sync_token": "since a token", "none": "all, every poll"}
Cell = Callable[[DefinitionModel], str]


def overview() -> str:
    """Returns both tables, the ATSs by name."""
    models = [load_definition(name).model for name in find_definitions()]
    models.sort(key=lambda model: model.title.casefold())
    return f"{_table(READS, models)}\n\n{_table(WRITES, models)}\n"


def _table(columns: Mapping[str, Cell], models: Iterable[DefinitionModel]) -> str:
    rows = [[model.title, *(cell(model) for cell in columns.values())] for model in models]
    lines = [["ATS", *columns], ["---"] * (len(columns) + 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _yes_if(find: Callable[[DefinitionModel], object]) -> Cell:
    return lambda model: "yes" if find(model) else NO


# Reading


def _lacking(part: type[CandidateMapping | ApplicationMapping], name: str) -> Cell:
    """Names the fields that a record of the ATS does not have."""
    known = [field for field in part.model_fields if field not in _OWN_COLUMN]

    def cell(model: DefinitionModel) -> str:
        mapping = getattr(model, name)
        return ", ".join(f for f in known if getattr(mapping, f, NOTHING) == NOTHING) or "nothing"

    return cell


def _source(model: DefinitionModel, part: str, field: str) -> Any:
    return getattr(getattr(model, part), field, NOTHING)


def _when(source: Any) -> str:
    """Says if a field is read with its record, or in the background."""
    return " (later)" if any(map(details_used, paths_in(source))) else ""


def _custom_fields(model: DefinitionModel) -> str:
    found = [
        f"{part}{_when(source)}"
        for part in ("candidate", "application")
        if (source := _source(model, part, "custom_fields")) != NOTHING
    ]
    return ", ".join(found) or NO


def _tags(model: DefinitionModel) -> str:
    source = _source(model, "candidate", "tags")
    return NO if source == NOTHING else f"yes{_when(source)}"


def _attachments(model: DefinitionModel) -> str:
    source = _source(model, "candidate", "attachments")
    if source == NOTHING:
        return NO
    shown = ["names"]
    if isinstance(source, Each) and "url" in source.fields:
        shown.append("addresses")
    if model.files is not None:
        shown.append("files")
    return f"{', '.join(shown)}{_when(source)}"


def _changes(model: DefinitionModel) -> str:
    polled = [spec.cursor for spec in model.lists.values() if spec.holds != "lookup"]
    return ", ".join(dict.fromkeys(_CHANGES[cursor.kind] for cursor in polled if cursor))


def _deletions(model: DefinitionModel) -> str:
    polled = [spec for spec in model.lists.values() if spec.holds != "lookup"]
    found = "listed by the ATS" if any(spec.deleted_by for spec in polled) else "by sweeps"
    if not all(spec.absence_is_deletion for spec in polled):
        return NO
    return f"{found} and events" if model.webhook else found


READS: Mapping[str, Cell] = {
    "candidate lacks": _lacking(CandidateMapping, "candidate"),
    "application lacks": _lacking(ApplicationMapping, "application"),
    "custom fields": _custom_fields,
    "tags": _tags,
    "attachments": _attachments,
    "changes": _changes,
    "deletions": _deletions,
    "anonymised": _yes_if(lambda model: model.anonymised),
    "webhooks": _yes_if(lambda model: model.webhook),
}


# Writing


def _withdraw(model: DefinitionModel) -> str:
    reject = model.writes.reject
    if model.writes.withdraw is not None:
        return "yes"
    if reject is None or "withdraw" in model.waivers:
        return NO
    return "by a reason" if reject.request.placeholders & REASON_NAMES else "by a stage"


def _unreject(model: DefinitionModel) -> str:
    move = model.writes.move
    if model.writes.unreject is not None:
        return "yes"
    return "by a move" if move is not None and "rejected" in move.allowed_from else NO


def _hired(model: DefinitionModel) -> str:
    if model.writes.hire is None:
        return NO
    fields = ", ".join(model.writes.hired_fields)
    return f"yes ({fields})" if fields else "yes"


def _note(model: DefinitionModel) -> str:
    carried = [s.value for s in ApplicationStatus if model.writes.carries_note(s)]
    if model.writes.note is None:
        return f"with {', '.join(carried)}" if carried else NO
    return f"yes{' (needs a user)' if model.writes.note.needs_user else ''}"


def _acting_user(model: DefinitionModel) -> str:
    if model.acting_user is None:
        return NO
    return "needed" if model.acting_user.needed == "writes" else "optional"


def _guard(model: DefinitionModel) -> str:
    guarded = [name for name, write in model.writes.operations().items() if write.guard]
    return ", ".join(guarded) or NO


WRITES: Mapping[str, Cell] = {
    "move": _yes_if(lambda model: model.writes.move),
    "reject": _yes_if(lambda model: model.writes.reject),
    "withdraw": _withdraw,
    "unreject": _unreject,
    "hired": _hired,
    "note": _note,
    "rejection e-mail": _yes_if(lambda model: model.writes.takes_email),
    "analytics": lambda m: m.analytics.kind.replace("_", " ") if m.analytics else NO,
    "guard": _guard,
    "acting user": _acting_user,
}
