"""Sizes in their written form: `500KB`, `20MB`."""

import re

_UNITS = {"MB": 1024 * 1024, "KB": 1024, "B": 1}
_SIZE = re.compile(r"([0-9]{1,12})\s*(B|KB|MB)")


def parse_size(text: str) -> int:
    """Returns the number of bytes of a text such as `500KB` or `20MB`; 1 MB is 1024 KB.

    Raises:
        ValueError: the text has another form.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a size: one whole number and a unit, such as 500KB or 20MB")
    return int(match[1]) * _UNITS[match[2]]


def format_size(size: int) -> str:
    """Returns the shortest text that `parse_size` reads back as the same size."""
    unit = next(name for name, factor in _UNITS.items() if size % factor == 0 and size >= factor)
    return f"{size // _UNITS[unit]}{unit}"
