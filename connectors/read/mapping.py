"""Turns a vendor's record into canonical words: pure functions, compiled once per connector."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import partial
from typing import Any

import msgspec

from connectors.definition.compiled_paths import Getter, compile_path
from connectors.definition.paths import details_used
from connectors.definition.records import ApplicationMapping, CandidateMapping
from connectors.definition.sources import Each, PathSource, paths_in
from connectors.read.conversions import (
    FieldKept,
    as_raw,
    contacts,
    custom_fields,
    files,
    flag,
    identity,
    moment,
    reference,
    storable,
    storable_key,
    text,
    texts,
    unwrapped,
)
from connectors.read.getters import getter, plain_key
from connectors.read.privacy import PrivacyFilter
from connectors.read.record_caps import MAX_ITEMS, TooMuch
from connectors.read.statuses import StatusRules
from models.candidate import ApplicationRecord, AtsRef, CandidateRecord
from models.status import TURNED_DOWN, UNMAPPED_STATUS

WHOLE = "record"
"""The key under which one of a record's applications holds the record itself."""
BROKEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""The errors of reading a field that the ATS sends in an unforeseen shape."""


Convert = Callable[[Any], Any]


class RecordFailed(ValueError):
    """A record cannot be imported: an identity or its stage cannot be read, or it is too much."""


class FieldIssue(msgspec.Struct, frozen=True):
    """A field of a record that could not be read, and what became of it."""

    name: str
    reason: str
    kept: bool
    """True: it has the value as it came. False: it was left out."""


_CANDIDATE: dict[str, Convert] = {
    "external_id": identity,
    "first_name": text,
    "last_name": text,
    "emails": contacts,
    "phones": contacts,
    "addresses": contacts,
    "company": text,
    "title": text,
    "links": contacts,
    "tags": texts,
    "source": text,
    "custom_fields": custom_fields,
    "attachments": files,
    "is_private": flag,
    "external_created_at": moment,
    "external_updated_at": moment,
}
_APPLICATION: dict[str, Convert] = {
    "external_id": identity,
    "candidate_external_id": identity,
    "rejection_reason": text,
    "source": text,
    "custom_fields": custom_fields,
    "applied_at": moment,
    "rejected_at": moment,
    "hired_at": moment,
    "external_updated_at": moment,
}

Extras = Mapping[str, str]
"""Operator's own mappings: our field → the path where the vendor keeps it."""


class _Field(msgspec.Struct, frozen=True):
    name: str
    get: Getter
    convert: Convert
    paths: tuple[str, ...]
    key: str | None
    """The record's own key that is its whole path, if it has such a path."""
    as_it_is: Getter
    """Gives the value from before its entries are read."""


class Fields:
    """The fields of one part of a record, read in one go.

    Texts under one of the record's own keys are half of all fields: they are taken
    without calling anything.
    """

    def __init__(
        self,
        part: str,
        fields: Sequence[_Field],
        custom: Mapping[str, str] | None = None,
        *,
        privacy: PrivacyFilter | None = None,
    ) -> None:
        custom = custom or {}
        self._privacy = privacy
        self._part = part
        self._none_yet = dict.fromkeys(each.name for each in fields)
        own_texts = [each for each in fields if each.key and each.convert is text]
        self._texts = [(each.name, each.key) for each in own_texts]
        self._steps = [
            (each.name, each.get, each.convert) for each in fields if each not in own_texts
        ]
        self._every = fields
        self._custom = [(name, compile_path(path)) for name, path in custom.items()]
        self._custom_paths = custom
        self.names = frozenset(self._none_yet)
        self.paths = (*(path for each in fields for path in each.paths), *custom.values())

    def of_lists(self, *, filtered: bool = True) -> "Fields":
        """The same for records of lists: custom fields that only details have are not set.

        Without `filtered`, what `privacy` keeps out is in it.
        """
        custom = self._custom_by(from_detail=False)
        privacy = self._privacy if filtered else None
        return Fields(self._part, self._every, custom, privacy=privacy)

    def of_details(self) -> "Fields":
        """The fields that are read from `detail`."""
        custom = self._custom_by(from_detail=True)
        fields = [
            each
            for each in self._every
            if any(map(details_used, each.paths)) or (custom and each.convert is custom_fields)
        ]
        return Fields(self._part, fields, custom, privacy=self._privacy)

    def only(self, name: str) -> "Fields":
        """One field by itself, without custom fields of the operator; none if it is not among them."""
        fields = [each for each in self._every if each.name == name]
        return Fields(self._part, fields, privacy=self._privacy)

    def _custom_by(self, *, from_detail: bool) -> dict[str, str]:
        paths = self._custom_paths
        return {k: p for k, p in paths.items() if bool(details_used(p)) is from_detail}

    def read(self, record: Any, issues: list[FieldIssue]) -> Any:
        """Every field; `issues` gets those that could not be read.

        Raises:
            RecordFailed: an identity cannot be read, or a field has too much in it.
        """
        found: Any = self._none_yet.copy()
        take = record.get
        try:
            for name, key in self._texts:
                value = take(key)
                if value is not None:
                    found[name] = value if value and type(value) is str else text(value)
            for name, get, convert in self._steps:
                found[name] = convert(get(record))
        except BROKEN:
            found = {each.name: self._field(each, record, issues) for each in self._every}
        for name, get in self._custom:
            found["custom_fields"][name] = self._own(name, get(record))
        if self._privacy is not None:
            self._privacy.apply(self._part, found)
        return found

    def _field(self, field: _Field, record: Any, issues: list[FieldIssue]) -> Any:
        name = f"{self._part}.{field.name}"
        try:
            return field.convert(field.get(record))
        except TooMuch as error:
            raise RecordFailed(f"{name} {error}") from None
        except BROKEN as error:
            reason = _reason(error)
            if field.convert is identity:
                raise RecordFailed(f"{name} {reason}") from None
            kept = self._kept(field, record, error)
            issues.append(FieldIssue(name, reason, kept is not None))
            return field.convert(None) if kept is None else kept

    def _kept(self, field: _Field, record: Any, error: Exception) -> Any:
        """Returns the value that a field keeps all the same: a custom field stays as it came."""
        if isinstance(error, FieldKept):
            return error.kept
        if field.convert is not custom_fields:
            return None
        try:
            return as_raw(field.as_it_is(record))
        except BROKEN:
            return None

    def _own(self, name: str, value: Any) -> Any:
        try:
            return storable(unwrapped(value))
        except TooMuch as error:
            raise RecordFailed(f"{self._part}.custom_fields.{name} {error}") from None


def _fields_of(
    part: str,
    mapping: Any,
    kinds: Mapping[str, Convert],
    extras: Extras,
    zone: tzinfo,
    privacy: PrivacyFilter | None,
) -> Fields:
    fields = []
    for name, usual in kinds.items():
        in_zone = usual is moment and zone is not UTC
        convert = partial(moment, zone=zone) if in_zone else usual
        own = extras.get(f"{part}.{name}") or (extras.get(name) if part == "candidate" else None)
        source = PathSource(own) if own else getattr(mapping, name)
        get = getter(source, zone)
        as_it_is = compile_path(source.path) if isinstance(source, Each) else get
        paths = tuple(paths_in(source))
        fields.append(_Field(name, get, convert, paths, plain_key(source), as_it_is))
    return Fields(part, fields, _extra_custom_fields(part, extras), privacy=privacy)


def _reason(error: Exception) -> str:
    """Our own words, or only the kind of error: others may quote the value."""
    return (
        str(error) if isinstance(error, ValueError) else f"cannot be read ({type(error).__name__})"
    )


def _extra_custom_fields(part: str, extras: Extras) -> dict[str, str]:
    """By key of a custom field: the path that the operator wants it from."""
    prefixes = [f"{part}.custom_fields."]
    if part == "candidate":
        prefixes.append("custom_fields.")
    return {
        storable_key(name.removeprefix(prefix)): path
        for name, path in extras.items()
        for prefix in prefixes
        if name.startswith(prefix)
    }


class CandidateMapper:
    """Reads candidates."""

    def __init__(
        self,
        mapping: CandidateMapping,
        extras: Extras,
        zone: tzinfo = UTC,
        privacy: PrivacyFilter | None = None,
        *,
        anonymised: str | None = None,
    ) -> None:
        """Compile every field once; `zone` is that of times without one."""
        self._anonymised = None if anonymised is None else compile_path(anonymised)
        fields = _fields_of("candidate", mapping, _CANDIDATE, extras, zone, privacy)
        self._fields = fields.of_lists()
        self.details = fields.of_details()
        """The fields that are read in the background."""
        self.paths = (*fields.paths, *([anonymised] if anonymised is not None else []))
        """Every path that a candidate is read from."""

    def read(self, record: Any, issues: list[FieldIssue]) -> CandidateRecord:
        """The candidate; `issues` gets the fields that could not be read.

        Raises:
            RecordFailed: there is no candidate to be had from it.
        """
        found: CandidateRecord = self._fields.read(record, issues)
        return found

    def is_anonymised(self, record: Any) -> bool:
        """True if the vendor has removed the person's data."""
        return self._anonymised is not None and flag(self._anonymised(record))


class ReadApplication(msgspec.Struct, frozen=True):
    """An application, the stage's kind, and whether any rule knew the stage."""

    application: ApplicationRecord
    is_mapped: bool


class ApplicationMapper:
    """Reads applications."""

    def __init__(
        self,
        mapping: ApplicationMapping,
        rules: StatusRules,
        extras: Extras,
        zone: tzinfo = UTC,
        privacy: PrivacyFilter | None = None,
    ) -> None:
        """Compile every field once; `zone` is that of times without one."""
        self._rules = rules
        self._each = compile_path(mapping.each) if mapping.each else None
        fields = _fields_of("application", mapping, _APPLICATION, extras, zone, privacy)
        self._privacy = privacy
        self._fields = fields.of_lists(filtered=False)
        self.details = fields.of_details()
        """The fields that are read in the background."""
        job: list[Any] = [mapping.job.external_id, mapping.job.name]
        stage: list[Any] = [mapping.stage.external_id, mapping.stage.name, mapping.stage.kind]
        self._job = tuple(getter(part) for part in job)
        self._stage = tuple(getter(part) for part in stage)
        self.each = mapping.each
        self.paths = (
            *fields.paths,
            *(path for part in (*job, *stage) for path in paths_in(part)),
            *rules.paths,
        )
        """Every path that an application is read from; they start at what `parts` gives."""

    def parts(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        """The contexts that paths start from: the record itself, or each application in it.

        Raises:
            RecordFailed: there are too many, or something among them is no object.
        """
        if self._each is None:
            return [record]
        found = self._each(record)
        items = found if isinstance(found, list) else [found]
        items = [item for item in items if item is not None]
        if len(items) > MAX_ITEMS:
            raise RecordFailed(f"has {len(items)} applications; at most {MAX_ITEMS} are taken")
        if not all(isinstance(item, dict) for item in items):
            raise RecordFailed("application.each found something that is no object")
        return [{**item, WHOLE: record} for item in items]

    def read(self, context: Any, issues: list[FieldIssue]) -> ReadApplication:
        """The application; `issues` gets the fields that could not be read.

        Raises:
            RecordFailed: there is no application to be had from it, or its status would be a guess.
        """
        own: list[FieldIssue] = []
        found = self._fields.read(context, own)
        found["job"] = self._job_of(context, own)
        stage, kind = self._stage_of(context)
        status = self._rules.status_of(context, stage, kind, found["rejection_reason"])
        if status in TURNED_DOWN and any(each.name in _DECIDES for each in own):
            raise RecordFailed(f"{own[0].name} {own[0].reason}; it says who turned whom down")
        found["stage"] = stage
        found["status"] = status or UNMAPPED_STATUS
        if self._privacy is not None:  # only now: a status may follow from the reason
            self._privacy.apply("application", found)
        issues += own
        return ReadApplication(found, status is not None)

    def _job_of(self, context: Any, issues: list[FieldIssue]) -> AtsRef:
        try:
            return _named(*(get(context) for get in self._job))
        except BROKEN as error:
            issues.append(FieldIssue("application.job", _reason(error), kept=False))
            return AtsRef(external_id=None, name=None)

    def _stage_of(self, context: Any) -> tuple[AtsRef, str | None]:
        """The stage and its kind. A status comes of them, so that none is ever left out."""
        try:
            external_id, name, kind = (get(context) for get in self._stage)
            return _named(external_id, name), text(kind)
        except BROKEN as error:
            raise RecordFailed(f"application.stage {_reason(error)}") from None


_DECIDES = frozenset({"application.rejection_reason"})


def _named(external_id: Any, name: Any) -> AtsRef:
    return AtsRef(external_id=reference(external_id), name=text(name))
