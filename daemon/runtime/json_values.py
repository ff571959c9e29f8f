"""Stored values as JSON shows them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from models.times import iso


def to_json(value: object) -> Any:
    """Returns a value that JSON can show: UUIDs as text, moments in ISO 8601 with a final Z, bytes in hexadecimal."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): to_json(item) for key, item in value.items()}
        case datetime() | bytes():
            return iso(value) if isinstance(value, datetime) else value.hex()
        case Iterable():
            return [to_json(item) for item in value]
        case msgspec.Struct():
            return to_json(msgspec.structs.asdict(value))
    return str(value)
