"""Kinds of values that configuration files share: durations, percentages, names and addresses."""

import re
import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from config.durations import format_duration, parse_duration
from config.host_names import can_be_a_host
from config.nodes import NodePath
from config.secret_text import cleaned

T = TypeVar("T", timedelta, float, int)

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%")


class ConfigModel(BaseModel):
    """Base of the models of configuration files: only known keys, immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )


def optional_key(
    description: str,
    example: object,
    *,
    default: object = None,
    make: Callable[[], object] | None = None,
) -> Any:
    """A key that may be left out; its value then is `default`, or what `make` returns."""
    if make is not None:
        return Field(default_factory=make, description=description, examples=[example])
    return Field(default=default, description=description, examples=[example])


def switch(description: str, *, default: bool = False, example: bool = True) -> Any:
    """An optional key that is true or false."""
    return optional_key(description, example, default=default)


Duration = Annotated[
    timedelta,
    BeforeValidator(lambda v: parse_duration(str(v)) if isinstance(v, str | int | float) else v),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(ms|s|m|h|d)$"}),
]
"""A span of time, written as one whole number and a unit: `90s`, `5m`, `24h`, `7d`."""


def between(least: str, most: str) -> AfterValidator:
    """Limits a `Duration` to a sane range, both ends included."""
    return _in_range(least, most, parse_duration, format_duration)


def _in_range(
    least: str, most: str, parse: Callable[[str], T], show: Callable[[T], str]
) -> AfterValidator:
    low, high = parse(least), parse(most)

    def check(value: Any) -> Any:
        if not low <= value <= high:
            raise ValueError(f"must be from {least} to {most}, got {show(value)}")
        return value

    return AfterValidator(check)


def _share(value: object, info: ValidationInfo) -> object:
    if info.mode == "python" and not isinstance(value, str):
        return value
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a percentage, such as 10%")
    return float(match[1]) / 100


def _show_share(share: float) -> str:
    """Returns the written form of a share: `10%` for 0.1."""
    return f"{share * 100:.6g}%"


Share = Annotated[
    float,
    BeforeValidator(_share),
    PlainSerializer(_show_share, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]+)?\s*%$"}),
]
"""A part of a whole, written `10%`, kept as 0.1."""


def at_most(limit: str) -> AfterValidator:
    """Limits a `Share`, for example to `50%`."""
    return _in_range("0%", limit, lambda text: float(text.rstrip("%")) / 100, _show_share)


_SIZE = re.compile(r"([0-9]{1,12})\s*(B|KB|MB)")
_SIZE_UNITS = {"MB": 1024 * 1024, "KB": 1024, "B": 1}


def _parse_size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a size: one whole number and a unit, such as 500KB or 20MB")
    return int(match[1]) * _SIZE_UNITS[match[2]]


def _show_size(size: int) -> str:
    """Returns the shortest text that `_parse_size` reads back as the same size."""
    unit, factor = next(one for one in _SIZE_UNITS.items() if size % one[1] == 0 and size >= one[1])
    return f"{size // factor}{unit}"


Size = Annotated[
    int,
    BeforeValidator(lambda value: _parse_size(value) if isinstance(value, str) else value),
    PlainSerializer(_show_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+\s*(B|KB|MB)$"}),
]
"""A number of bytes, written as one whole number and a unit: `500KB`, `20MB`; 1 MB is 1024 KB."""


def size_between(least: str, most: str) -> AfterValidator:
    """Limits a `Size` to a sane range, both ends included."""
    return _in_range(least, most, _parse_size, _show_size)


def _slug(value: str) -> str:
    if not _SLUG.fullmatch(value):
        raise ValueError(
            "must be a name of small letters, digits and hyphens, at most 63, not starting with -"
        )
    return value


Slug = Annotated[
    str,
    AfterValidator(_slug),
    WithJsonSchema({"type": "string", "pattern": r"^[a-z0-9][a-z0-9-]{0,62}$"}),
]
"""A name that fits into URLs, file names and log fields."""


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


Filled = Annotated[str, AfterValidator(_filled), WithJsonSchema({"type": "string", "minLength": 1})]
"""Text with something in it."""


NOTE_NAMES = ("status", "previous_status", "job")
"""The placeholders of a note: none of them says anything about the person."""
_NOTE_PART = re.compile(r"\{([a-z_]*)\}|([{}])")


def _note_text(value: str) -> str:
    for name, brace in _NOTE_PART.findall(_filled(value)):
        if brace or name not in NOTE_NAMES:
            known = ", ".join(f"{{{each}}}" for each in NOTE_NAMES)
            raise ValueError(f"may hold only these in braces: {known}")
    return value


NoteText = Annotated[
    str, AfterValidator(_note_text), WithJsonSchema({"type": "string", "minLength": 1})
]
"""A note's text with its placeholders."""


def fill_note(text: NoteText, values: Mapping[str, str]) -> str:
    """Returns the text of a note; a job whose name holds braces changes nothing else in it."""
    return _NOTE_PART.sub(lambda found: values[found[1]], text)


Secret = Annotated[
    SecretStr, AfterValidator(lambda value: SecretStr(cleaned(value.get_secret_value())))
]
"""A secret without line breaks at its end; `config.secret_text` warns of them."""


def _http_url(value: str) -> str:
    parts = _split_url(value)
    if parts is None:
        raise ValueError("must be an address such as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or password; use credentials or token")
    if parts.query or parts.fragment:
        raise ValueError("must not carry a query (?) or fragment (#)")
    return value.rstrip("/")


def _split_url(value: str) -> Any:
    try:
        parts = urlsplit(value)
        host = can_be_a_host(parts.hostname or "")
        usable = parts.scheme in {"http", "https"} and host and (parts.port or 1) > 0
    except ValueError:
        return None
    whole = all(character.isprintable() and character != " " for character in value)
    return parts if usable and whole else None


HttpUrl = Annotated[
    str,
    AfterValidator(_http_url),
    WithJsonSchema({"type": "string", "pattern": "^https?://"}),
]
"""An http or https address without credentials, query or trailing slash."""


def _ca_file(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError("must be an absolute path, such as /etc/ssl/acme-ca.pem")
    try:
        ssl.create_default_context(cafile=value)
    except ssl.SSLError:
        raise ValueError("has no certificate in PEM form") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return value


CaFile = Annotated[Path, AfterValidator(_ca_file)]
"""A file with certificates of authorities, in PEM form."""
CA_FILE = (
    "Certificates of authorities (PEM) that are accepted beside the system's own. An absolute path."
)


def issue_at(
    path: NodePath, message: str, *, hint: str | None = None, also: NodePath | None = None
) -> InitErrorDetails:
    """Returns an error of a validator; both paths count from the value that is validated.

    The message gets the line of `also`, a second position in the file.
    """
    context = {"message": message, "hint": hint, "path": path, "also": also}
    error = PydanticCustomError("inconsistent", "is not consistent", context)
    return InitErrorDetails(type=error, loc=path, input=None)


def reject(issues: list[InitErrorDetails]) -> None:
    """Ends a validator with all its errors, each at its own path below the value.

    Raises:
        ValidationError: there is an error.
    """
    if issues:
        raise ValidationError.from_exception_data("value", issues, hide_input=True)


_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


def _file_host(value: str) -> str:
    if "://" in value:
        parts = _split_url(_http_url(value))
        if parts.path:
            raise ValueError("must not carry a path: files may be anywhere on the host")
        return value.rstrip("/").lower()
    if not _HOST.fullmatch(value.lower()):
        raise ValueError("must be a host such as files.example.com or *.example.com, or an address")
    return value.lower()


FileHost = Annotated[
    str,
    AfterValidator(_file_host),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
"""A host that files may be fetched from: by name or below a name (https), or scheme, host and port."""
