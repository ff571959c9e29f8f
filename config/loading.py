"""Loads any of our YAML files: parse, resolve references, bind, check, and show all mistakes."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path as FilePath
from typing import Generic, TypeVar

import msgspec
from pydantic import BaseModel

from config.document import Document, Origin
from config.nodes import Mark, Path
from config.problems import Problem, Problems
from config.references import Resolver
from config.validation import validate
from config.yaml_tree import parse_yaml, read_yaml

Model = TypeVar("Model", bound=BaseModel)

Check = Callable[[Document], None]
"""A look at the marked tree that reports on it; runs whether or not the tree could be bound."""


class Loaded(msgspec.Struct, Generic[Model], frozen=True):
    """A file's typed content, together with the places where all of it stands."""

    value: Model
    document: Document

    @property
    def problems(self) -> Problems:
        """Where later checks report; call `raise_errors()` on it after the last one."""
        return self.document.problems

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is unwise but no mistake."""
        return tuple(self.document.problems.warnings)

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Line and column of a path such as `("integrations", "acme", "poll")`."""
        return self.document.mark(path, key=key)

    def origin(self, path: Path) -> Origin:
        """Where the value at a path comes from; never the value itself."""
        return self.document.origin(path)


def load_yaml_model(
    path: FilePath,
    model: type[Model],
    *,
    resolve_references: bool,
    checks: Iterable[Check] = (),
    environment: Mapping[str, str] | None = None,
) -> Loaded[Model]:
    """The file as a model's instance.

    Raises:
        ConfigError: with every mistake that could be found in one pass.
    """
    problems = Problems()
    document = Document(path, read_yaml(path, problems), problems)
    return _load(document, model, resolve_references, checks, environment)


def load_yaml_text(
    text: str,
    model: type[Model],
    *,
    path: FilePath,
    resolve_references: bool,
    checks: Iterable[Check] = (),
    environment: Mapping[str, str] | None = None,
) -> Loaded[Model]:
    """Like `load_yaml_model`, for a text that stands in no file; `path` is the name it goes by.

    Raises:
        ConfigError: with every mistake that could be found in one pass.
    """
    problems = Problems()
    root = parse_yaml(text.encode("utf-8", "surrogatepass"), str(path), problems)
    return _load(Document(path, root, problems), model, resolve_references, checks, environment)


def _load(
    document: Document,
    model: type[Model],
    resolve_references: bool,
    checks: Iterable[Check],
    environment: Mapping[str, str] | None,
) -> Loaded[Model]:
    if resolve_references:
        document = _resolved(document, os.environ if environment is None else environment)
    value = validate(document, model)
    for check in checks:
        check(document)
    document.problems.raise_errors()
    if value is None:
        raise AssertionError("binding failed without a reason")
    return Loaded(value, document)


def _resolved(document: Document, environment: Mapping[str, str]) -> Document:
    resolver = Resolver(document.file, document.path.parent, environment, document.problems)
    return Document(document.path, resolver.resolve(document.root), document.problems)
