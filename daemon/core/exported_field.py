"""What the analytics export wrote into the ATS is no news when it is imported again."""

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]
DEFAULT_FIELD = "clearview_status"
"""What it writes to, where the operator names no other."""


def own_value(record: Record, field: str) -> str | None:
    """The value of our own export in the record; None if there is none."""
    custom = (record.get("custom_fields") or {}).get(field)
    if custom is not None and custom != "":
        return str(custom)
    prefix = f"{field}:"
    tags = (tag for tag in record.get("tags") or [] if tag.startswith(prefix))
    return next((tag.removeprefix(prefix) for tag in tags), None)


def is_shown(value: str, shown: str | None) -> bool:
    """True if the ATS shows the value, in whatever form it writes numbers."""
    if shown is None:
        return False
    try:
        return float(shown) == float(value)
    except ValueError:
        return shown.strip().casefold() == value.strip().casefold()


def without_own(record: Record, field: str | None) -> Record:
    """The record without the custom field, or the tags, that our own export writes.

    Tags are `field:value`.
    """
    if field is None:
        return record
    custom, tags = record.get("custom_fields") or {}, record.get("tags") or []
    own_tags = [tag for tag in tags if tag.startswith(f"{field}:")]
    if field not in custom and not own_tags:
        return record
    cleaned = {**record, "custom_fields": {k: v for k, v in custom.items() if k != field}}
    if own_tags:
        cleaned["tags"] = [tag for tag in tags if tag not in own_tags]
    return cleaned
