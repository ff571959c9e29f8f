"""Resolves `${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}` inside parsed values.

It works on values, never on the file's text, so that whatever a variable holds can neither add
keys nor end a quote. A resolved value is never part of a message.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from config.files import is_special, read_limited
from config.nodes import (
    MappingNode,
    Mark,
    Node,
    NodePath,
    Reference,
    Scalar,
    SequenceNode,
    scalars,
    show_path,
)
from config.problems import ConfigIssue, ConfigIssues, did_you_mean
from config.yaml_errors import mark_at

MAX_FILE_BYTES = 64 * 1024

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_FORMS = "write ${env:NAME}, ${env:NAME:-default} or ${file:PATH}; $${ is a plain ${"


class _UnresolvedError(Exception):
    """A reference that cannot be resolved, with the message for the operator."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Resolver(msgspec.Struct, frozen=True):
    """Replaces references by their values, and reports those that cannot be resolved.

    File references are relative to the folder of the YAML file.
    """

    file: str
    folder: Path
    environment: Mapping[str, str]
    problems: ConfigIssues

    def resolve(self, node: Node, path: NodePath = ()) -> Node:
        """Returns the tree with every reference replaced; each scalar keeps its references."""
        match node:
            case Scalar():
                return self._scalar(node, path) if "${" in node.text else node
            case SequenceNode():
                items = (self.resolve(item, (*path, at)) for at, item in enumerate(node.items))
                return replace(node, items=tuple(items))
            case MappingNode():
                entries = (
                    replace(entry, value=self.resolve(entry.value, (*path, entry.key)))
                    for entry in node.entries
                )
                return replace(node, entries=tuple(entries))

    def _scalar(self, scalar: Scalar, path: NodePath) -> Scalar:
        found: list[Reference] = []
        broken = False

        def fetch(match: re.Match[str]) -> str:
            nonlocal broken
            if match[0] == "$${":
                return "${"
            mark = _mark(scalar, match)
            try:
                reference, text = self._fetch(match, mark)
            except _UnresolvedError as error:
                problem = ConfigIssue(self.file, *mark, show_path(path), error.message, error.hint)
                self.problems.errors.append(problem)
                broken = True
                return ""
            found.append(reference)
            return text

        text = _REFERENCE.sub(fetch, scalar.text)
        return replace(scalar, text=text, references=tuple(found), unresolved=broken)

    def _fetch(self, match: re.Match[str], mark: Mark) -> tuple[Reference, str]:
        inside = match[1]
        if "${" in inside:
            raise _UnresolvedError(f"holds another reference, which cannot be; {_FORMS}")
        if not match[0].endswith("}"):
            raise _UnresolvedError("the reference that opens with ${ is never closed with }")
        if env := _ENV.fullmatch(inside):
            return self._from_environment(env[1], env[2], mark)
        if inside.startswith("file:") and inside.removeprefix("file:").strip():
            name = inside.removeprefix("file:").strip()
            return Reference("file", name, mark), _read_secret(name, self.folder)
        raise _UnresolvedError(f"is no known reference; {_FORMS}")

    def _from_environment(
        self, name: str, default: str | None, mark: Mark
    ) -> tuple[Reference, str]:
        value = self.environment.get(name, "")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise _UnresolvedError(f"environment variable {name} is not UTF-8 text")
        if value:
            return Reference("env", name, mark), value
        if default is not None:
            return Reference("env", name, mark, defaulted=True), default
        state = "is empty" if name in self.environment else "is not set"
        meant = None if name in self.environment else did_you_mean(name, self.environment)
        raise _UnresolvedError(
            f"environment variable {name} {state}; set it, or write ${{env:{name}:-default}}", meant
        )


def referenced_files(node: Node, folder: Path) -> set[Path]:
    """Returns the files that values of the resolved tree were read from."""
    return {
        folder / reference.name
        for _, scalar in scalars(node)
        for reference in scalar.references
        if reference.kind == "file"
    }


def _read_secret(written: str, folder: Path) -> str:
    name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in written)
    if is_special(folder / written):
        raise _UnresolvedError(f"{name} is a pipe, a socket or a device, not a file")
    try:
        content = read_limited(folder / written, MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise _UnresolvedError(f"file {name} does not exist") from None
    except IsADirectoryError:
        raise _UnresolvedError(f"{name} is a directory, not a file") from None
    except PermissionError:
        raise _UnresolvedError(f"file {name} may not be read by this user") from None
    except (OSError, ValueError):
        raise _UnresolvedError(f"file {name} cannot be read") from None
    return _as_text(name, content)


def _as_text(name: str, content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise _UnresolvedError(f"file {name} is larger than {MAX_FILE_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _UnresolvedError(f"file {name} is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise _UnresolvedError(f"file {name} is empty")
    return text


def _mark(scalar: Scalar, match: re.Match[str]) -> Mark:
    """Returns the position of the reference, or of its value where escapes hide the exact column."""
    earlier = scalar.text.count("${", 0, match.start())
    index = -1
    for _ in range(earlier + 1):
        index = scalar.raw.find("${", index + 1)
        if index < 0:
            return scalar.mark
    below = mark_at(scalar.raw, index)
    if below.line > 1:
        return Mark(scalar.mark.line + below.line - 1, below.column)
    return Mark(scalar.mark.line, scalar.mark.column + below.column - 1)
