"""Binds a marked tree to a pydantic model and puts every complaint where it belongs in the file."""

from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.annotations import Wanted, file_key
from config.convert import Converter
from config.document import Document
from config.messages import known_words, sentence
from config.nodes import Path
from config.problems import did_you_mean

Model = TypeVar("Model", bound=BaseModel)

_KEY_STEP = "[key]"
_FEW_ENOUGH_TO_LIST = 16


def bind(document: Document, model: type[Model]) -> Model | None:
    """The model's instance, or None with at least one error reported on the document."""
    return _Binder(document).bind(model)


@dataclass(slots=True)
class _Binder:
    document: Document
    converter: Converter = field(init=False)

    def __post_init__(self) -> None:
        self.converter = Converter(self.document, self._explain)

    def bind(self, model: type[Model]) -> Model | None:
        before = len(self.document.problems.errors)
        values = self.converter.convert(self.document.root, Wanted(model), ())
        try:
            bound = model.model_validate(values)
        except ValidationError as error:
            self._explain(error, ())
            return None
        return bound if len(self.document.problems.errors) == before else None

    def _explain(self, error: ValidationError, base: Path) -> None:
        for details in error.errors(include_url=False, include_input=False):
            path, on_key = self._place(details, base)
            if not self._is_settled(path):
                self._report(details, path, on_key=on_key)

    def _place(self, details: ErrorDetails, base: Path) -> tuple[Path, bool]:
        path = (*base, *details["loc"])
        if path and path[-1] == _KEY_STEP and self.document.node(path) is None:
            return path[:-1], True
        return path, details["type"] == "extra_forbidden"

    def _is_settled(self, path: Path) -> bool:
        return any(path[:length] in self.converter.settled for length in range(len(path) + 1))

    def _report(self, details: ErrorDetails, path: Path, *, on_key: bool) -> None:
        if details["type"] == "mistakes":
            for mistake in details["ctx"]["mistakes"]:
                self.document.mistake(mistake, below=path)
            return
        message, hint = self._words(details, path, on_key=on_key)
        self.document.error(path, message, hint=hint, on_key=on_key)

    def _words(self, details: ErrorDetails, path: Path, *, on_key: bool) -> tuple[str, str | None]:
        message = sentence(details)
        if details["type"] == "extra_forbidden":
            return self._unknown_key(message, path)
        written = str(path[-1]) if on_key else self.document.text(path)
        if not written:
            return message, None
        hint = did_you_mean(written, known_words(details))
        return (f"{message}, without quotes", None) if hint == written else (message, hint)

    def _unknown_key(self, message: str, path: Path) -> tuple[str, str | None]:
        model = self.converter.models.get(path[:-1])
        known = [file_key(*item) for item in model.model_fields.items()] if model else []
        hint = did_you_mean(str(path[-1]), known)
        if hint is None and 0 < len(known) <= _FEW_ENOUGH_TO_LIST:
            message += f"; known here: {', '.join(known)}"
        return message, hint
