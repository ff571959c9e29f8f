"""Values of placeholders that are chosen from rows of the account's lookup lists."""

from collections.abc import Mapping
from dataclasses import dataclass

from config.problems import did_you_mean
from connectors.definition.compiled_paths import compile_path
from connectors.definition.placeholders import fill_text
from connectors.definition.writes import Choice
from connectors.errors import FieldUnknown
from connectors.http.parts import Parts
from connectors.read.conversions import text
from connectors.read.lookups import Rows
from connectors.read.reader import AtsReader

Choices = Mapping[str, Choice]


@dataclass(slots=True)
class ChoiceFinder:
    """Chooses values for one integration."""

    parts: Parts
    reader: AtsReader

    async def chosen(
        self, choices: Choices, values: Mapping[str, object], max_age_s: float
    ) -> dict[str, object]:
        """Returns a value for each choice; None where no row fits. Later ones may use earlier ones."""
        found: dict[str, object] = {}
        for name, choice in choices.items():
            rows = await self._rows(choice, {**values, **found}, max_age_s)
            found[name] = self._choose(choice, rows, {**values, **found})
        return found

    async def _rows(self, choice: Choice, values: Mapping[str, object], max_age_s: float) -> Rows:
        if choice.scope is None:
            return await self.reader.lookups.rows(choice.list, max_age_s=max_age_s)
        scope = fill_text(choice.scope, self.parts.settings.resolver(values))
        return await self.reader.load_rows(choice.list, scope)

    def _choose(self, choice: Choice, rows: Rows, values: Mapping[str, object]) -> object:
        resolve = self.parts.settings.resolver(values)
        wanted = [
            (compile_path(path), fill_text(value, resolve)) for path, value in choice.where.items()
        ]
        for row in rows:
            if all(text(get(row)) == value for get, value in wanted):
                return compile_path(choice.take)(row)
        return None

    async def of_field(
        self, choices: Choices, values: Mapping[str, object], max_age_s: float
    ) -> dict[str, object]:
        """Returns the values for an analytics field; the lists are read again before one counts as missing.

        Raises:
            FieldUnknown: the account has no such field.
        """
        missing: list[str] = []
        for age in (max_age_s, 0.0):
            found = await self.chosen(choices, values, age)
            missing = [n for n, each in choices.items() if each.required and found[n] is None]
            if not missing:
                return found
        raise await self._unknown(choices[missing[0]], str(values["field"]))

    async def _unknown(self, choice: Choice, field: str) -> FieldUnknown:
        similar = did_you_mean(field, await self._names(choice))
        hint = "" if similar is None else f' (did you mean "{similar}"?)'
        title = self.parts.definition.model.title
        return FieldUnknown(
            f'analytics: {title} has no field "{field}"{hint}; correct '
            f"`integrations.{self.parts.name}.analytics.field`, or create the field at the ATS"
        )

    async def _names(self, choice: Choice) -> list[str]:
        paths = [compile_path(path) for path, value in choice.where.items() if value == "{field}"]
        if choice.scope is not None or not paths:
            return []
        rows = await self.reader.lookups.rows(choice.list)
        return [name for row in rows if (name := text(paths[0](row)))]
