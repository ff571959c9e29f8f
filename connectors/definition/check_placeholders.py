"""Checks placeholders against the names that have a value there."""

from collections.abc import Iterable

from config.checked_document import Document
from config.nodes import NodePath
from config.problems import did_you_mean
from connectors.definition.placeholders import malformed_in, names_in
from connectors.definition.root import DefinitionModel

_FEW = 14


def settings_names(model: DefinitionModel) -> set[str]:
    """The placeholders that every request knows."""
    names = {f"credentials.{name}" for name in model.credentials}
    names |= {f"options.{name}" for name in model.options}
    return names | {"now", "today"} | ({"acting_user"} if model.acting_user else set())


def check_placeholders(
    document: Document, path: NodePath, value: object, known: Iterable[str]
) -> None:
    """Report what is in braces and is none of the known names."""
    names = set(known)
    for location, text in malformed_in(value, path):
        document.error(
            location,
            f"{text} is no placeholder; write {{name}}, {{name:int}} or {{name:number}}, and each "
            "brace that belongs to the text itself twice: {{ or }}",
        )
    for use in names_in(value, path):
        if use.name not in names:
            document.error(use.path, _message(use.name, names), hint=did_you_mean(use.name, names))


def _message(name: str, names: set[str]) -> str:
    if name == "acting_user":
        return "{acting_user} is used, but the definition declares no `acting_user`"
    part, _, rest = name.partition(".")
    if rest and part in {"credentials", "options"}:
        return f"{{{name}}} is used, but `{part}` declares no `{rest}`"
    shown = f"; known here: {', '.join(sorted(names))}" if 0 < len(names) <= _FEW else ""
    return f"unknown placeholder {{{name}}}{shown}"
