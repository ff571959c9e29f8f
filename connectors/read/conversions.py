"""Makes a field's value of what a vendor has there: texts, contacts, files, custom fields. Pure."""

from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

from connectors.read.ids import identifier, unusable
from connectors.read.record_caps import MAX_DEPTH, TooMuch, capped
from connectors.times import read_time

_INT64 = 2**63
_WRAPPING = frozenset({"name", "type", "title"})


class FieldFailed(ValueError):
    """One field of a record could not be read; the message has no content of it."""


class FieldKept(FieldFailed):
    """A field could be read only in part; `kept` is what to use of it."""

    def __init__(self, message: str, kept: Any) -> None:
        super().__init__(message)
        self.kept = kept


class AsItCame(NamedTuple):
    """A value inside a list of entries that its function could not read."""

    value: Any
    reason: str


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
        raise FieldFailed(unusable(value))
    return found


def reference(value: Any) -> str | None:
    """The id of something else, which may be missing."""
    return None if value is None or value is False or value == "" else identity(value)


def moment(value: Any, zone: tzinfo = UTC) -> Any:
    """A moment; text is read as ISO 8601, in this zone where it names none."""
    if isinstance(value, str):
        return read_time(value, zone=zone)
    if isinstance(value, int | float):
        raise FieldFailed("found a number where a time is expected; use parse_time with a format")
    if isinstance(value, list | dict):
        raise FieldFailed("expected a time, found a list or an object")
    return value


def flag(value: Any) -> bool:
    """True or false; what is missing is false."""
    return value.lower() in {"true", "yes", "1"} if isinstance(value, str) else bool(value)


def contacts(value: Any) -> list[Any]:
    """Contact points from texts or objects; entries without a value are left out."""
    if value is None or value == "":
        return []
    items = value if isinstance(value, list) else [value]
    capped(items)
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
    capped(items)
    return [found for item in items if (found := text(item)) is not None]


def files(value: Any) -> list[Any]:
    if not value:
        return []
    if not isinstance(value, list):
        raise FieldFailed("expected a list; use `each`")
    capped(value)
    return [_file(item.get) for item in value if isinstance(item, dict)]


def _file(get: Callable[[str], Any]) -> dict[str, Any]:
    return {
        "external_id": identifier(get("external_id")),
        "name": text(get("name")),
        "kind": text(get("kind")),
        "url": text(get("url")),
        "url_expires_at": _expiry(get("url_expires_at")),
    }


def _expiry(value: Any) -> Any:
    """A moment that only says how long an address is good; none where it cannot be read."""
    if value is None:
        return None
    try:
        return None if isinstance(value, AsItCame) else moment(value)
    except ValueError:
        return None


def custom_fields(value: Any) -> dict[str, Any]:
    """Custom fields by key, from an object or from entries with `key` and `value`.

    Raises:
        FieldKept: a value could not be read as it should; it is kept as it came.
    """
    if not value:
        return {}
    pairs = _pairs(value)
    capped(pairs)
    found: dict[str, Any] = {}
    reason = ""
    for key, item in pairs:
        name = storable_key(key)
        if name in found:
            return _apart(pairs)
        value = unwrapped(item) if type(item) is dict else item
        if type(value) is AsItCame:
            value, reason = value.value, value.reason
        found[name] = value if type(value) is str else storable(value)
    if reason:
        raise FieldKept(f"{reason}; it is kept as it came", found)
    return found


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        entries: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        entries = [(item.get("key"), item.get("value")) for item in value if type(item) is dict]
    else:
        raise FieldKept("expected an object, or `each` with `key` and `value`", as_raw(value))
    return [(key, item) for key, item in entries if key is not None and key != ""]


def as_raw(value: Any) -> dict[str, Any]:
    """Returns custom fields that have no keys of their own, kept under one key."""
    return {"_raw": storable(value)}


def _apart(pairs: Iterable[tuple[Any, Any]], depth: int = 1) -> dict[str, Any]:
    """The same where several keys reduce to one name: each keeps its value.

    Which of them is numbered depends on the keys, not on the order in which the ATS lists them.
    """
    alike: dict[str, list[tuple[str, Any]]] = {}
    for key, item in pairs:
        alike.setdefault(storable_key(key), []).append((str(key), item))
    found: dict[str, Any] = {}
    for name, entries in alike.items():
        entries.sort(key=lambda entry: (entry[0] != name, entry[0]))
        taken = name
        for number, (_, item) in enumerate(entries, start=1):
            if number > 1:
                taken = f"{name}_{number}"
                while taken in alike or taken in found:
                    taken += "_"
            value = unwrapped(item)
            found[taken] = storable(value.value if type(value) is AsItCame else value, depth)
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


def storable(value: Any, depth: int = 1) -> Any:
    """A value that MongoDB can store.

    Raises:
        TooMuch: it is nested too deeply.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if depth > MAX_DEPTH:
        raise TooMuch(f"is nested deeper than {MAX_DEPTH} levels")
    match value:
        case int() if not -_INT64 <= value < _INT64:
            return str(value)
        case dict():
            found = {storable_key(key): storable(item, depth + 1) for key, item in value.items()}
            return found if len(found) == len(value) else _apart(value.items(), depth + 1)
        case list():
            return [storable(item, depth + 1) for item in value]
        case _:
            return value
