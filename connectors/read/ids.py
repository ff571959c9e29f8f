"""Checks ids of an ATS, for all of the connector. Pure."""

from typing import Any

MAX_ID_CHARACTERS = 256
"""Vendors' ids have 4 to 40; a scoped one has two of them."""
_SEGMENTS = frozenset({".", ".."})
"""In the path of a request they would name another resource, whatever their encoding."""
_OVERLONG = 10 ** (MAX_ID_CHARACTERS - 1)


def identifier(value: Any) -> str | None:
    """An id as text; None for what cannot be one.

    Texts and integers are ids. A blank or overlong text, one with control characters, one or two dots,
    a float, a boolean, a list and an object are none.
    """
    if type(value) is int:
        return str(value) if -_OVERLONG < value < _OVERLONG else None
    if isinstance(value, str):
        usable = value.isprintable() and len(value) <= MAX_ID_CHARACTERS and value.strip()
        return value if usable and value not in _SEGMENTS else None
    return None


def unusable(value: Any) -> str:
    """The reason why a value is no id, without its content."""
    if value is None:
        return "has no id"
    if isinstance(value, str):
        if len(value) > MAX_ID_CHARACTERS:
            return f"has an id of {len(value)} characters; at most {MAX_ID_CHARACTERS} are taken"
        if value in _SEGMENTS:
            return "has an id of dots only"
        return "has an id with control characters" if value.strip() else "has a blank id"
    return f"has an id that is {_KINDS.get(type(value), 'no text and no number')}"


_KINDS: dict[type, str] = {
    bool: "true or false",
    float: "a fraction",
    list: "a list",
    dict: "an object",
    int: "an overlong number",
}


def scoped_id(scope: str, external_id: str) -> str:
    """The id of a record of a list with scopes: its own id may need the scope to be read."""
    return f"{scope}:{external_id}"
