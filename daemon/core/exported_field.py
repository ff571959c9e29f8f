"""The field that the analytics export writes at the ATS: left out when a record is imported."""

from daemon.core.snapshot import Record

DEFAULT_FIELD = "clearview_status"
"""The field, unless the operator names another one."""


def own_value(record: Record, field: str) -> str | None:
    """Returns the value of the export in the record; None if there is none."""
    custom = (record.get("custom_fields") or {}).get(field)
    if custom is not None and custom != "":
        return str(custom)
    prefix = f"{field}:"
    tags = (tag for tag in record.get("tags") or [] if tag.startswith(prefix))
    return next((tag.removeprefix(prefix) for tag in tags), None)


def is_shown(value: str, shown: str | None) -> bool:
    """Returns True if the ATS shows the value, in whatever form it writes numbers."""
    if shown is None:
        return False
    try:
        return float(shown) == float(value)
    except ValueError:
        return shown.strip().casefold() == value.strip().casefold()


def without_own(record: Record, field: str | None) -> Record:
    """Returns the record without the custom field, or the tags, that the export writes.

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
