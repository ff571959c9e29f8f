"""What the analytics export wrote into the ATS is no news when it is imported again."""

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]
DEFAULT_FIELD = "clearview_status"
"""What it writes to, where the operator names no other."""


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
