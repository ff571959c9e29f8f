"""Checks of time zones: names that the IANA database has, where they have an effect."""

from zoneinfo import available_timezones

from config.document import Document
from config.nodes import NodePath
from config.problems import did_you_mean
from connectors.definition.check_placeholders import check_placeholders, settings_names
from connectors.definition.cursors import UpdatedAtCursor
from connectors.definition.placeholders import PLACEHOLDER, names_in
from connectors.definition.root import DefinitionModel
from connectors.times import time_zone

_EPOCHS = {"epoch_ms", "epoch_s", "json_date"}


def check_zones(document: Document, model: DefinitionModel) -> None:
    """Report time zones that are none, and those without effect."""
    names = settings_names(model)
    for path, text in _zones(model):
        if PLACEHOLDER.fullmatch(text):
            check_placeholders(document, path, text, names)
        else:
            _check_name(document, path, text)
    for name in zone_options(model):
        option = model.options.get(name)
        if option is not None and option.default is not None:
            _check_name(document, ("options", name, "default"), option.default)
    for name, spec in model.lists.items():
        cursor = spec.cursor
        if isinstance(cursor, UpdatedAtCursor) and cursor.time_zone is not None:
            _check_effect(document, ("lists", name, "cursor", "time_zone"), cursor)


def zone_options(model: DefinitionModel) -> list[str]:
    """The options that hold an account's time zone."""
    uses = [use.name for _, text in _zones(model) for use in names_in(text)]
    return [name.removeprefix("options.") for name in uses if name.startswith("options.")]


def zone_hint(name: str) -> str | None:
    """The zone that was probably meant."""
    return did_you_mean(name, sorted(available_timezones()))


def _zones(model: DefinitionModel) -> list[tuple[NodePath, str]]:
    found: list[tuple[NodePath, str | None]] = [(("api", "time_zone"), model.api.time_zone)]
    found += [
        (("lists", name, "cursor", "time_zone"), spec.cursor.time_zone)
        for name, spec in model.lists.items()
        if isinstance(spec.cursor, UpdatedAtCursor)
    ]
    return [(path, text) for path, text in found if text is not None]


def _check_name(document: Document, path: NodePath, text: str) -> None:
    try:
        time_zone(text)
    except ValueError as error:
        document.error(path, str(error), hint=zone_hint(text))


def _check_effect(document: Document, path: NodePath, cursor: UpdatedAtCursor) -> None:
    written = {cursor.format, cursor.field_format or cursor.format}
    if written <= _EPOCHS:
        document.error(path, f"has no effect: {cursor.format} is the same in every zone")
