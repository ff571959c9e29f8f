"""An OpenAPI 3 document: read from a file, references followed, operations found by method and path."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import yaml

from config.files import read_limited
from models.errors import UserError

Json = Mapping[str, Any]
MAX_BYTES = 32 * 1024 * 1024
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 200
_LONGEST_CHAIN = 32
_METHODS = ("get", "post", "put", "patch", "delete")
_REMEDY = "Give the vendor's OpenAPI 3 document, as JSON or YAML."
_VARIABLE = re.compile(r"\{[^{}/]*\}")


class VendorOperation(msgspec.Struct, frozen=True):
    """One method of one path."""

    method: str
    path: str
    parameters: Sequence[Json]
    spec: Json


class OpenApiDocument:
    """A parsed document. References to other documents lead to an empty schema: anything may be there."""

    def __init__(self, root: Json) -> None:
        self.root = root
        info = _mapping(root.get("info"))
        self.title = f"{info.get('title', 'no title')} {info.get('version', '')}".strip()

    def resolve(self, value: Any) -> Json:
        """Returns the object that a value is or refers to; empty if it leads nowhere."""
        for _ in range(_LONGEST_CHAIN):
            found = _mapping(value)
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return found
            more = {key: item for key, item in found.items() if key != "$ref"}
            value = {**_mapping(self._at(reference)), **more}
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None
        value: Any = self.root
        for part in reference[2:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                value = value[int(name)]
            else:
                value = under(_mapping(value), name)
        return value

    @cached_property
    def operations(self) -> Sequence[VendorOperation]:
        """Every operation, with the parameters of its path among its own."""
        found: list[VendorOperation] = []
        for path, item in _mapping(self.root.get("paths")).items():
            whole = self.resolve(item)
            for method in _METHODS:
                if method not in whole:
                    continue
                spec = self.resolve(whole[method])
                parameters = [*_list(whole.get("parameters")), *_list(spec.get("parameters"))]
                known = list(map(self.resolve, parameters))
                found.append(VendorOperation(method.upper(), str(path), known, spec))
        return found

    @cached_property
    def base_paths(self) -> Sequence[tuple[str, ...]]:
        """The path of every server, in segments; variables have their default."""
        holders = [self.root, *map(self.resolve, _mapping(self.root.get("paths")).values())]
        servers = [_mapping(each) for holder in holders for each in _list(holder.get("servers"))]
        return sorted({segments(self._server_path(server)) for server in servers}) or [()]

    def _server_path(self, server: Json) -> str:
        variables = _mapping(server.get("variables"))
        url = _VARIABLE.sub(
            lambda found: str(_mapping(variables.get(found[0][1:-1])).get("default", found[0])),
            str(server.get("url", "")),
        )
        return path_of(url)


def path_of(url: str) -> str:
    """Returns the path of an address whose parts may be placeholders."""
    if "://" not in url:
        return url
    return "/" + url.split("://", 1)[1].partition("/")[2]


def segments(path: str) -> tuple[str, ...]:
    return tuple(part for part in urlsplit(path).path.split("/") if part)


def read_document(file: Path) -> OpenApiDocument:
    """Returns the document in a file.

    Raises:
        UserError: it cannot be read, is no OpenAPI 3 document, or is too large.
    """
    content = _content_of(file)
    try:
        root = _parsed(content)
    except (msgspec.DecodeError, yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise UserError(f"{file} is neither JSON nor YAML{_where(error)}", remedy=_REMEDY) from None
    except RecursionError:
        raise UserError(f"{file} is nested too deeply to be read", remedy=_REMEDY) from None
    return _checked(file, root)


def _content_of(file: Path) -> bytes:
    try:
        content = read_limited(file, MAX_BYTES + 1)
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror or type(error).__name__}"
        raise UserError(message, remedy=_REMEDY) from None
    if len(content) > MAX_BYTES:
        raise UserError(
            f"{file} is larger than {MAX_BYTES // 1024**2} MiB",
            remedy="Take out the paths that the connector does not use.",
        )
    return content


def _parsed(content: bytes) -> Any:
    if content.lstrip()[:1] == b"{":
        return msgspec.json.decode(content)
    text = content.decode("utf-8-sig")
    _require_shallow(text)
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both are safe loaders


def _require_shallow(text: str) -> None:
    """Raises RecursionError before the loader, which is written in C, would end the process (PyYAML 6.0)."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RecursionError


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1})" if mark is not None else ""


def _checked(file: Path, root: Any) -> OpenApiDocument:
    if not isinstance(root, dict):
        raise UserError(f"{file} is no OpenAPI document: it holds no object", remedy=_REMEDY)
    if "swagger" in root:
        raise UserError(
            f"{file} is a Swagger {str(root['swagger'])[:10]} document",
            remedy="Convert it to OpenAPI 3 first; most vendors publish both.",
        )
    if not str(root.get("openapi", "")).startswith("3."):
        raise UserError(f"{file} does not say `openapi: 3.…`", remedy=_REMEDY)
    if not isinstance(root.get("paths"), dict) or not root["paths"]:
        raise UserError(f"{file} describes no paths", remedy=_REMEDY)
    return OpenApiDocument(root)


def under(value: Json, name: str) -> Any:
    """The value of a key; YAML reads one such as 200 as a number."""
    return value.get(name, value.get(int(name)) if name.isdecimal() else None)  # type: ignore[call-overload]


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
