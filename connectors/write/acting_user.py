"""The user in whose name writes are made. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.definition.compiled_paths import compile_path
from connectors.read.ids import identifier


def user_problem(
    users: Iterable[Mapping[str, Any]], wanted: str, *, id_path: str, inactive: str | None
) -> str | None:
    """Returns why this user cannot act: not among the account's users, or deactivated."""
    id_of = compile_path(id_path)
    found = next((user for user in users if identifier(id_of(user)) == wanted), None)
    if found is None:
        return "is no user of this account"
    if inactive is not None and compile_path(inactive)(found):
        return "is deactivated at the ATS"
    return None
