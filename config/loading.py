"""Loads YAML files: parses, resolves references, validates, checks, and raises all mistakes at once."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
from pydantic import BaseModel

from config.checked_document import Document
from config.problems import ConfigIssue, ConfigIssues
from config.references import Resolver
from config.validation import validate
from config.yaml_tree import parse_yaml, read_yaml

Model = TypeVar("Model", bound=BaseModel)

Check = Callable[[Document], None]
"""Reports on the marked tree; runs whether or not the tree is valid for its model."""


class Loaded(msgspec.Struct, Generic[Model], frozen=True):
    """A file's validated content, with the tree that knows the position of every value."""

    value: Model
    document: Document

    @property
    def problems(self) -> ConfigIssues:
        """The collection for later checks; call its `raise_errors()` after the last one."""
        return self.document.problems

    @property
    def warnings(self) -> tuple[ConfigIssue, ...]:
        """Everything unwise that is no mistake."""
        return tuple(self.document.problems.warnings)


def load_yaml_model(
    path: Path,
    model: type[Model],
    *,
    text: str | None = None,
    resolve_references: bool,
    checks: Iterable[Check] = (),
    environment: Mapping[str, str] | None = None,
) -> Loaded[Model]:
    """Returns the file as an instance of the model, with its tree.

    With `text` that is loaded, and the file is not read: messages name it by `path`.

    Raises:
        ConfigError: with every mistake that could be found in one pass.
    """
    problems = ConfigIssues()
    if text is None:
        root = read_yaml(path, problems)
    else:
        root = parse_yaml(text.encode("utf-8", "surrogatepass"), str(path), problems)
    document = Document(path, root, problems)
    return load_document(document, model, resolve_references, checks, environment)


def load_document(
    document: Document,
    model: type[Model],
    resolve_references: bool,
    checks: Iterable[Check],
    environment: Mapping[str, str] | None = None,
) -> Loaded[Model]:
    """Loads a parsed document like a file.

    Raises:
        ConfigError: with every mistake that could be found in one pass.
    """
    if resolve_references:
        values = os.environ if environment is None else environment
        resolver = Resolver(document.file, document.path.parent, values, document.problems)
        root = resolver.resolve(document.root)
        document = Document(document.path, root, document.problems)
    value = validate(document, model)
    for check in checks:
        check(document)
    document.problems.raise_errors()
    if value is None:
        raise AssertionError("validation failed without an error")
    return Loaded(value, document)
