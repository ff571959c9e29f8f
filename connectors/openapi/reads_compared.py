"""Compares the paths by which a definition reads answers: records, ids, paging, joins and mappings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from config.nodes import NodePath
from connectors.definition.analytics import Analytics, ValueAnalytics
from connectors.definition.check_mapping import sources_of
from connectors.definition.lists import List
from connectors.definition.paths import DETAIL, JOINED
from connectors.definition.records import NOTHING
from connectors.definition.root import DefinitionModel
from connectors.definition.sources import (
    KEY,
    Each,
    FirstOf,
    JoinText,
    LookUp,
    MapValues,
    ParseTime,
    PathSource,
    Source,
    SplitName,
)
from connectors.definition.writes import Choice, NoteWrite, Write
from connectors.openapi.document import Json
from connectors.openapi.findings import Findings
from connectors.openapi.path_walk import PathWalk
from connectors.openapi.schemas import ANYTHING, Schemas

Answers = Mapping[NodePath, Json]
_TEXT: Json = {"type": "string"}
_PAGING = ("at", "more", "done", "total", "pages")


class ReadsCompared:
    """Follows each path through the schema of the answer that it reads."""

    def __init__(
        self, model: DefinitionModel, schemas: Schemas, answers: Answers, findings: Findings
    ) -> None:
        """`answers` are the schemas of the answers, by the path of their request."""
        self._model = model
        self._schemas = schemas
        self._answers = answers
        self._findings = findings
        self._rows: dict[str, Json] = {}
        self._full: dict[str, Json] = {}
        self._details: dict[str, dict[str, Json]] = {}

    def compare(self) -> None:
        """Compares every path of the definition."""
        for name, spec in self._model.lists.items():
            self._rows[name] = self._read_list(name, spec)
        for name, spec in self._model.lists.items():
            self._read_joins(name, spec)
        for name, spec in self._model.lists.items():
            self._read_mapping(name, spec)
        self._read_writes()
        self._read_file_address()

    # Lists

    def _read_list(self, name: str, spec: List) -> Json:
        """Reads what a list's own answers have; returns the schema of a record."""
        path: NodePath = ("lists", name)
        answer = self._answer((*path, "request"))
        row = self._record((*path, "records"), spec.records, answer)
        for key in _PAGING:
            self._read((*path, "pagination", key), getattr(spec.pagination, key, None), answer)
        self._read((*path, "total"), spec.total, answer)
        self._read((*path, "cursor", "field"), getattr(spec.cursor, "field", None), row)
        self._read((*path, "cursor", "at"), getattr(spec.cursor, "at", None), answer)
        if spec.holds != "lookup" and not (spec.fetch and spec.fetch.adds_id):
            known = row if row == ANYTHING else self._schemas.extended(row, {"_scope": _TEXT})
            self._read((*path, "id"), spec.id, known)
        self._full[name] = row
        if spec.fetch is not None:
            at: NodePath = (*path, "fetch")
            fetched = self._answer((*at, "request"))
            full = self._record((*at, "records"), spec.fetch.records, fetched)
            is_known = ANYTHING not in (full, row)
            self._full[name] = {"anyOf": [full, row]} if spec.reads_inline and is_known else row
        self._details[name] = {
            key: self._detail((*path, "detail", "read", key), read.records, many=read.many)
            for key, read in spec.detail_reads.items()
        }
        return row

    def _detail(self, path: NodePath, records: str, *, many: bool) -> Json:
        answer = self._answer((*path, "request"))
        one = self._record((*path, "records"), records, answer)
        return {"type": "array", "items": one} if many else one

    def _record(self, path: NodePath, records: str, answer: Json) -> Json:
        """Returns the schema of one record: answers hold a list of them, or one alone."""
        found = None if answer == ANYTHING else self._walk(path, records, answer)
        if found is None:
            return ANYTHING
        items = self._schemas.items(found)
        return found if items is None else items

    def _read_joins(self, name: str, spec: List) -> None:
        for join, declared in spec.joins.items():
            path: NodePath = ("lists", name, "joins", join)
            self._read((*path, "key"), declared.key, self._context(name))
            if declared.by is not None:
                self._read((*path, "by"), declared.by, self._rows.get(declared.list, ANYTHING))

    def _context(self, name: str) -> Json:
        """Returns the schema of a record as mappings see it."""
        if self._full[name] == ANYTHING:
            return ANYTHING
        spec = self._model.lists[name]
        joined: dict[str, Json] = {}
        for join, declared in spec.joins.items():
            row = self._rows.get(declared.list, ANYTHING)
            joined[join] = {"type": "array", "items": row} if declared.many else row
        more = {
            JOINED: {"type": "object", "properties": joined},
            DETAIL: {"type": "object", "properties": self._details[name]},
            "_scope": _TEXT,
        }
        return self._schemas.extended(self._full[name], more)

    # Mappings

    def _read_mapping(self, name: str, spec: List) -> None:
        whole = self._context(name)
        if spec.holds in {"candidates", "both"}:
            self._read_sources(("candidate",), self._model.candidate, whole)
        if spec.holds in {"applications", "both"}:
            part = self._application(whole)
            self._read_sources(("application",), self._model.application, part)
            for at, outcome in enumerate(self._model.statuses.outcomes):
                self._read(("statuses", "outcomes", at, "when"), outcome.when, part)

    def _application(self, whole: Json) -> Json:
        """Returns the schema of an application, which may be a part of a record."""
        each = None if self._model.application is None else self._model.application.each
        if each is None or whole == ANYTHING:
            return whole
        found = PathWalk(self._schemas).run(each, whole)
        items = None if found is None else self._schemas.items(found)
        more = {
            name: below
            for name in (JOINED, DETAIL)
            if (below := self._schemas.below(whole, name)) is not None
        }
        return self._schemas.extended(items or ANYTHING, {**more, "record": whole})

    def _read_sources(self, path: NodePath, mapping: object, schema: Json) -> None:
        each = getattr(mapping, "each", None)
        if each is not None:
            self._read((*path, "each"), each, self._schemas.below(schema, "record") or ANYTHING)
        for at, source in sources_of(mapping, path):
            self._read_source(at, source, schema)

    def _read_source(self, path: NodePath, source: Any, schema: Json) -> None:
        if source in (None, NOTHING) or schema == ANYTHING:
            return
        missing, is_unsure = self._missing(source, schema)
        self._report(path, missing, is_unsure=is_unsure)

    def _missing(self, source: Source, schema: Json) -> tuple[list[str], bool]:
        """Returns the reasons why a source has no value, and whether the schema leaves it open."""
        found: tuple[list[str], bool] = [], False
        match source:
            case PathSource() if source.path != KEY:
                walk = PathWalk(self._schemas)
                walk.run(source.path, schema)
                found = walk.missing, walk.is_unsure
            case FirstOf():
                found = self._any_missing(source.sources, schema)
            case JoinText():
                found = self._some_missing(source.sources, schema)
            case LookUp():
                rows = Each(source.rows, {k: PathSource(k) for k in (source.by, source.take)})
                found = self._some_missing([source.source, rows], schema)
            case ParseTime() | SplitName() | MapValues():
                found = self._missing(source.source, schema)
            case Each():
                found = self._missing_in_each(source, schema)
        return found

    def _some_missing(self, sources: Iterable[Source], schema: Json) -> tuple[list[str], bool]:
        """Every one is needed."""
        every = [self._missing(each, schema) for each in sources]
        return [m for missing, _ in every for m in missing], any(u for _, u in every)

    def _any_missing(self, sources: Sequence[Source], schema: Json) -> tuple[list[str], bool]:
        """One that is there is enough: definitions accept several shapes."""
        every = [self._missing(each, schema) for each in sources]
        for missing, is_unsure in every:
            if not missing:
                return [], is_unsure
        return [m for missing, _ in every for m in missing], False

    def _missing_in_each(self, source: Each, schema: Json) -> tuple[list[str], bool]:
        walk = PathWalk(self._schemas)
        whole = walk.run(source.path, schema)
        if whole is None or walk.missing:
            return walk.missing, walk.is_unsure
        items = self._schemas.items(whole)
        item = self._schemas.values(whole) if items is None else items
        missing, unsure = self._some_missing(source.fields.values(), item)
        return missing, walk.is_unsure or unsure

    # Writes

    def _read_writes(self) -> None:
        writes, analytics = self._model.writes, self._model.analytics
        application = ANYTHING if writes.read is None else self._context(writes.read.list)
        self._read_stages(application)
        if writes.reasons is not None:
            for name in (writes.reasons.list, *writes.reasons.more):
                self._read_fields(("writes", "reasons"), writes.reasons, self._rows[name])
        for name, write in writes.operations().items():
            path: NodePath = ("writes", name)
            self._shown(path, write)
            if write.guard:
                guards = FirstOf(tuple(map(PathSource, write.guard)))
                self._read_source((*path, "guard"), guards, application)
            self._read_choices((*path, "choose"), write.choose)
        if writes.note is not None:
            self._shown(("writes", "note"), writes.note)
        if analytics is not None:
            self._shown(("analytics",), analytics)
        if isinstance(analytics, ValueAnalytics):
            self._read_choices(("analytics", "choose"), analytics.choose)
            if analytics.replaces is not None:
                path = ("analytics", "replaces", "values")
                self._read(path, analytics.replaces.values, application)

    def _read_stages(self, application: Json) -> None:
        stages = self._model.writes.stages
        if stages is None or stages.list is None:
            return
        path: NodePath = ("writes", "stages")
        row = self._rows[stages.list]
        if stages.each is not None and row != ANYTHING:
            found = self._walk((*path, "each"), stages.each, row)
            items = None if found is None else self._schemas.items(found)
            row = self._schemas.extended(items or ANYTHING, {"record": row})
        self._read_fields(path, stages, row)
        self._read((*path, "application_scope"), stages.application_scope, application)

    def _read_fields(self, path: NodePath, spec: object, row: Json) -> None:
        for name in ("external_id", "name", "kind", "slug", "position", "scope", "status"):
            self._read_source((*path, name), getattr(spec, name, None), row)
        self._read((*path, "active"), getattr(spec, "active", None), row)

    def _read_choices(self, path: NodePath, choices: Mapping[str, Choice]) -> None:
        for name, choice in choices.items():
            row = self._rows[choice.list]
            for where in choice.where:
                self._read((*path, name, "where", where), where, row)
            self._read((*path, name, "take"), choice.take, row)

    def _shown(self, path: NodePath, write: Write | NoteWrite | Analytics) -> None:
        self._read((*path, "shown_by"), write.shown_by, self._answer((*path, "request")))

    def _answer(self, request: NodePath) -> Json:
        return self._answers.get(request, ANYTHING)

    # Files

    def _read_file_address(self) -> None:
        files = self._model.files
        if files is not None and files.address is not None:
            path: NodePath = ("files", "address")
            answer = self._answer((*path, "request"))
            self._read((*path, "at"), files.address.at, answer)

    # Paths

    def _read(self, path: NodePath, text: str | None, schema: Json) -> None:
        if text is not None and schema != ANYTHING:
            self._walk(path, text, schema)

    def _walk(self, path: NodePath, text: str, schema: Json) -> Json | None:
        walk = PathWalk(self._schemas)
        found = walk.run(text, schema)
        self._report(path, walk.missing, is_unsure=walk.is_unsure)
        return found

    def _report(self, path: NodePath, missing: Sequence[str], *, is_unsure: bool) -> None:
        if missing:
            self._findings.mismatch(path, f"in the answer {'; '.join(dict.fromkeys(missing))}")
        elif is_unsure:
            self._findings.unknown(path, "the document does not say whether this is there")
        else:
            self._findings.agrees()
