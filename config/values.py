"""Kinds of values that configuration files share: durations, percentages, names and addresses."""

import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from config.durations import format_duration, parse_duration
from config.mistakes import Mistake
from config.secret_text import cleaned

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%")


class ConfigModel(BaseModel):
    """A mapping in a configuration file: only known keys, never changed once read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(ms|s|m|h|d)$"}),
]
"""A span of time, written as one whole number and a unit: `90s`, `5m`, `24h`, `7d`."""


def between(least: str, most: str) -> AfterValidator:
    """Limits a `Duration` to a sane range, both ends included."""
    low, high = parse_duration(least), parse_duration(most)

    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise ValueError(f"must be from {least} to {most}, got {format_duration(value)}")
        return value

    return AfterValidator(check)


def _share(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _PERCENT.fullmatch(value.strip())
    if match is None:
        raise ValueError("must be a percentage, such as 10%")
    return float(match[1]) / 100


def show_share(share: float) -> str:
    """The share as it would be written: 0.1 as `10%`."""
    return f"{share * 100:.6g}%"


Share = Annotated[
    float,
    BeforeValidator(_share),
    PlainSerializer(show_share, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]+)?\s*%$"}),
]
"""A part of a whole, written `10%`, kept as 0.1."""


def at_most(limit: str) -> AfterValidator:
    """Limits a `Share`, for example to `50%`."""
    high = float(limit.rstrip("%")) / 100

    def check(value: float) -> float:
        if not 0 <= value <= high:
            raise ValueError(f"must be from 0% to {limit}, got {show_share(value)}")
        return value

    return AfterValidator(check)


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


def _secret(value: SecretStr) -> SecretStr:
    return SecretStr(cleaned(value.get_secret_value()))


Secret = Annotated[SecretStr, AfterValidator(_secret)]
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
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1) > 0
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


def reject(mistakes: list[Mistake]) -> None:
    """End a model's validator with every mistake it found, each at its own place below the model.

    Raises:
        PydanticCustomError: there is a mistake.
    """
    if mistakes:
        raise PydanticCustomError("mistakes", "is not consistent", {"mistakes": mistakes})
