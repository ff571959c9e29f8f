"""Turns a vendor's record into canonical words: pure functions, compiled once per connector."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, tzinfo
from functools import partial
from typing import Any

import msgspec

from connectors.definition.records import ApplicationMapping, CandidateMapping
from connectors.definition.sources import (
    KEY,
    Constant,
    Each,
    FirstOf,
    JoinText,
    MapValues,
    ParseTime,
    PathSource,
    Source,
    SplitName,
    paths_in,
)
from connectors.paths import Getter, compile_path
from connectors.records import identifier
from connectors.statuses import StatusRules
from connectors.times import read_time
from models.candidate import ApplicationRecord, CandidateRecord, NamedRef
from models.status import UNMAPPED_STATUS

WHOLE = "record"
"""Where one of a record's applications holds the record itself."""
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INT64 = 2**63
_WRAPPING = frozenset({"name", "type", "title"})
Convert = Callable[[Any], Any]


class FieldFailed(ValueError):
    """One field of a record could not be read; the message has no content of it."""


def getter(source: Source, zone: tzinfo = UTC) -> Getter:
    """A function from a record to the source's value; `zone` is that of times without one."""
    match source:
        case PathSource():
            get = compile_path(source.path)
        case Constant():
            get = _constant(source.value)
        case FirstOf():
            get = _first_of([getter(each, zone) for each in source.sources])
        case ParseTime():
            get = _time(getter(source.source), source.format, zone)
        case SplitName():
            get = _split_name(getter(source.source), first=source.part == "first")
        case MapValues():
            get = _mapped(getter(source.source), source.values, source.otherwise)
        case JoinText():
            get = _joined([getter(each, zone) for each in source.sources], source.separator)
        case Each():
            get = _each(source, zone)
    return get


def plain_key(source: Source) -> str | None:
    """The record's own key that is the source's whole path, if that is all there is to it."""
    if isinstance(source, PathSource) and PLAIN_KEY.fullmatch(source.path):
        return source.path
    return None


def _constant(value: object) -> Getter:
    return lambda _: value


def _time(get: Getter, format_name: str, zone: tzinfo) -> Getter:
    return lambda record: read_time(get(record), format_name, zone)


def _first_of(getters: list[Getter]) -> Getter:
    def first(record: Any) -> Any:
        for get in getters:
            value = get(record)
            if value not in (None, "", []):
                return value
        return None

    return first


def _split_name(get: Getter, *, first: bool) -> Getter:
    def part(record: Any) -> Any:
        name = get(record)
        words = name.split(None, 1) if isinstance(name, str) else []
        if first:
            return words[0] if words else None
        return words[1].strip() if len(words) > 1 else None

    return part


def _mapped(get: Getter, values: Mapping[str, object], otherwise: object) -> Getter:
    def look_up(record: Any) -> Any:
        value = get(record)
        key = "true" if value is True else "false" if value is False else str(value)
        return values.get(key, otherwise) if value is not None else otherwise

    return look_up


def _joined(getters: list[Getter], separator: str) -> Getter:
    def join(record: Any) -> Any:
        parts = (get(record) for get in getters)
        return separator.join(str(part) for part in parts if part not in (None, "")) or None

    return join


def _each(source: Each, zone: tzinfo) -> Getter:
    find = compile_path(source.path)
    keyed = [name for name, each in source.fields.items() if each == PathSource(KEY)]
    fields = [(name, getter(e, zone)) for name, e in source.fields.items() if name not in keyed]
    by_key = keyed or (
        [] if "key" in source.fields or source.fields.keys() >= {"type"} else ["key"]
    )

    plain = [
        (name, plain_key(source.fields[name]) or "")
        for name, _ in fields
        if plain_key(source.fields[name])
    ]

    def entry(item: Any) -> Any:
        if type(item) is dict and len(plain) == len(fields):
            take = item.get
            return {name: take(key) for name, key in plain}
        return {name: get(item) for name, get in fields}

    def entries(record: Any) -> Any:
        found = find(record)
        if isinstance(found, dict) and by_key:
            return [
                {
                    "key": key,
                    **{name: get(item) for name, get in fields},
                    **dict.fromkeys(by_key, key),
                }
                for key, item in found.items()
            ]
        items = found if isinstance(found, list) else [] if found is None else [found]
        return [entry(item) for item in items]

    return entries


# What a field makes of a value


def text(value: Any) -> str | None:
    """Text, or a number as text."""
    if isinstance(value, str):
        return value or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise FieldFailed("expected text, found a list or an object")


def identity(value: Any) -> str:
    """An id, which must be there."""
    found = identifier(value)
    if found is None:
        raise FieldFailed("expected an id, found none")
    return found


def moment(value: Any, zone: tzinfo = UTC) -> Any:
    """A moment; text is read as ISO 8601."""
    return read_time(value, zone=zone) if isinstance(value, str) else _number_is_no_time(value)


def _number_is_no_time(value: Any) -> Any:
    if isinstance(value, int | float):
        raise FieldFailed("found a number where a time is expected; use parse_time with a format")
    return value


def flag(value: Any) -> bool:
    """True or false; what is missing is false."""
    return value.lower() in {"true", "yes", "1"} if isinstance(value, str) else bool(value)


def contacts(value: Any) -> list[Any]:
    """Contact points from texts or objects; entries without a value are left out."""
    if value is None or value == "":
        return []
    items = value if isinstance(value, list) else [value]
    points = []
    for item in items:
        if isinstance(item, dict):
            if "value" not in item:
                raise FieldFailed("expected objects with `value`; use `each` to name it")
            found, kind = item["value"], item.get("type")
        else:
            found, kind = item, None
        point = found if type(found) is str else text(found)
        if point:
            points.append(
                {"value": point, "type": kind if type(kind) is str else kind and text(kind)}
            )
    return points


def texts(value: Any) -> list[str]:
    """Texts; a single one counts as a list."""
    if value is None or value == "":
        return []
    items = value if isinstance(value, list) else [value]
    return [found for item in items if (found := text(item)) is not None]


def files(value: Any) -> list[Any]:
    """Attachments."""
    if not value:
        return []
    if not isinstance(value, list):
        raise FieldFailed("expected a list; use `each`")
    return [_file(item.get) for item in value if isinstance(item, dict)]


def _file(get: Callable[[str], Any]) -> dict[str, Any]:
    expires = get("url_expires_at")
    return {
        "external_id": identifier(get("external_id")),
        "name": text(get("name")),
        "kind": text(get("kind")),
        "url": text(get("url")),
        "url_expires_at": None if expires is None else moment(expires),
    }


def custom_fields(value: Any) -> dict[str, Any]:
    """Custom fields by key, from an object or from entries with `key` and `value`."""
    if not value:
        return {}
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(item.get("key"), item.get("value")) for item in value if isinstance(item, dict)]
    else:
        raise FieldFailed("expected an object, or `each` with `key` and `value`")
    found = {}
    for key, item in pairs:
        if key is None or key == "":
            continue
        value = unwrapped(item) if type(item) is dict else item
        found[storable_key(key)] = value if type(value) is str else storable(value)
    return found


def unwrapped(value: Any) -> Any:
    """Many vendors wrap a custom field's value together with its name and type."""
    if isinstance(value, dict) and "value" in value and not _WRAPPING.isdisjoint(value):
        return value["value"]
    return value


def storable_key(key: Any) -> str:
    """A key that MongoDB can store and address."""
    if isinstance(key, str) and key.isidentifier():
        return key
    name = str(key).replace("\0", "").replace(".", "_")
    return "_" + name[1:] if name.startswith("$") else name or "_"


def storable(value: Any) -> Any:
    """A value that MongoDB can store."""
    if value is None or isinstance(value, str | bool):
        return value
    match value:
        case int() if not -_INT64 <= value < _INT64:
            return str(value)
        case dict():
            return {storable_key(key): storable(item) for key, item in value.items()}
        case list():
            return [storable(item) for item in value]
        case _:
            return value


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
MAPPED_FIELDS = frozenset(
    {
        *(f"candidate.{name}" for name in _CANDIDATE),
        *(f"application.{name}" for name in _APPLICATION),
    }
)

Extras = Mapping[str, str]
"""Operator's own mappings: our field → the path where the vendor keeps it."""


class _Field(msgspec.Struct, frozen=True):
    name: str
    get: Getter
    convert: Callable[[Any], Any]
    paths: tuple[str, ...]
    key: str | None
    """The record's own key that it stands under, if that is its whole path."""


class _Fields:
    """The fields of one part of a record, read in one go.

    Texts that stand under one of the record's own keys are half of all fields: they are taken
    without calling anything.
    """

    def __init__(
        self,
        part: str,
        mapping: Any,
        kinds: Mapping[str, Convert],
        extras: Extras,
        zone: tzinfo,
    ) -> None:
        fields = list(_fields(part, mapping, _in_zone(kinds, zone), extras, zone))
        custom = _extra_custom_fields(part, extras)
        self._part = part
        self._none_yet = dict.fromkeys(each.name for each in fields)
        self._texts = [
            (each.name, each.key) for each in fields if each.key and each.convert is text
        ]
        self._steps = [
            (each.name, each.get, each.convert)
            for each in fields
            if not (each.key and each.convert is text)
        ]
        self._custom = [(name, compile_path(path)) for name, path in custom.items()]
        self.paths = (*(path for each in fields for path in each.paths), *custom.values())

    def read(self, record: Any) -> Any:
        found: Any = self._none_yet.copy()
        name = ""
        take = record.get
        try:
            for name, key in self._texts:
                value = take(key)
                if value is not None:
                    found[name] = value if value and type(value) is str else text(value)
            for name, get, convert in self._steps:
                found[name] = convert(get(record))
        except ValueError as error:
            raise FieldFailed(f"{self._part}.{name}: {error}") from None
        for name, get in self._custom:
            found["custom_fields"][name] = storable(unwrapped(get(record)))
        return found


def _in_zone(kinds: Mapping[str, Convert], zone: tzinfo) -> Mapping[str, Convert]:
    """The same, with times that carry no zone read in this one."""
    if zone is UTC:
        return kinds
    at = partial(moment, zone=zone)
    return {name: at if convert is moment else convert for name, convert in kinds.items()}


def _fields(
    part: str,
    mapping: Any,
    kinds: Mapping[str, Convert],
    extras: Extras,
    zone: tzinfo,
) -> Iterator[_Field]:
    for name, convert in kinds.items():
        own = extras.get(f"{part}.{name}") or (extras.get(name) if part == "candidate" else None)
        source = PathSource(own) if own else getattr(mapping, name)
        yield _Field(
            name, getter(source, zone), convert, tuple(paths_in(source)), plain_key(source)
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

    def __init__(self, mapping: CandidateMapping, extras: Extras, zone: tzinfo = UTC) -> None:
        """Compile every field once; `zone` is that of times without one."""
        self._fields = _Fields("candidate", mapping, _CANDIDATE, extras, zone)
        self.paths = self._fields.paths
        """Every path that a candidate is read from."""

    def read(self, record: Any) -> CandidateRecord:
        """The candidate.

        Raises:
            FieldFailed: a field is not what it should be.
        """
        found: CandidateRecord = self._fields.read(record)
        return found


class ReadApplication(msgspec.Struct, frozen=True):
    """An application, the stage's kind, and whether any rule knew the stage."""

    application: ApplicationRecord
    is_mapped: bool


class ApplicationMapper:
    """Reads applications."""

    def __init__(
        self, mapping: ApplicationMapping, rules: StatusRules, extras: Extras, zone: tzinfo = UTC
    ) -> None:
        """Compile every field once; `zone` is that of times without one."""
        self._rules = rules
        self._each = compile_path(mapping.each) if mapping.each else None
        self._fields = _Fields("application", mapping, _APPLICATION, extras, zone)
        job: list[Any] = [mapping.job.external_id, mapping.job.name]
        stage: list[Any] = [mapping.stage.external_id, mapping.stage.name, mapping.stage.kind]
        self._job = tuple(getter(part) for part in job)
        self._stage = tuple(getter(part) for part in stage)
        self.each = mapping.each
        self.paths = (
            *self._fields.paths,
            *(path for part in (*job, *stage) for path in paths_in(part)),
            *rules.paths,
        )
        """Every path that an application is read from; they start at what `parts` gives."""

    def parts(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        """The contexts that paths start from: the record itself, or each application in it."""
        if self._each is None:
            return [record]
        found = self._each(record)
        items = found if isinstance(found, list) else [] if found is None else [found]
        return [{**item, WHOLE: record} for item in items if isinstance(item, dict)]

    def read(self, context: Any) -> ReadApplication:
        """The application.

        Raises:
            FieldFailed: a field is not what it should be.
        """
        found = self._fields.read(context)
        found["job"] = _named(self._job[0](context), self._job[1](context))
        stage = _named(self._stage[0](context), self._stage[1](context))
        status = self._rules.status_of(
            context, stage, _kind(self._stage[2](context)), found["rejection_reason"]
        )
        found["stage"] = stage
        found["status"] = status or UNMAPPED_STATUS
        return ReadApplication(found, status is not None)


def _named(external_id: Any, name: Any) -> NamedRef:
    return NamedRef(external_id=identifier(external_id), name=text(name))


def _kind(value: Any) -> str | None:
    return None if value is None else str(value)
