"""A mistake that a check found in values, before anybody looked up where in the file it stands."""

import msgspec

from config.nodes import Path


class Mistake(msgspec.Struct, frozen=True):
    """What is wrong at a path, counted from the value that was checked.

    `also` names a second place whose line the message should mention; `on_key` points at the key
    rather than at its value.
    """

    path: Path
    message: str
    hint: str | None = None
    also: Path | None = None
    on_key: bool = False
