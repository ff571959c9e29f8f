"""Process settings, read from the environment variables `ATS_SYNC_*`."""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.encryption_key import HOW_TO_MAKE, encryption_keys
from config.header_text import unusable_in_header
from config.host_names import can_be_a_host
from config.key_file import read_key_file
from config.messages import known_words, sentence
from config.mongodb_uri import DATABASE_NAME, checked_uri, not_of_the_server
from config.platform_variables import platform_variables
from config.problems import ConfigError, ConfigIssue, did_you_mean
from config.secret_text import cleaned, left_out
from config.values import Duration

PREFIX = "ATS_SYNC_"
DEMO_PREFIX = f"{PREFIX}DEMO_"
"""Starts the variables that the sample ats-sync.yaml refers to; they set nothing by themselves."""
_SECRETS = ("mongodb_uri", "admin_token", "encryption_key")
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,252})|[0-9a-f]*:[0-9a-f:.]+")
_LONGEST_GRACE = timedelta(minutes=10)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _host(value: str) -> str:
    if not can_be_a_host(value):
        raise ValueError("must be an address or a host name, such as 0.0.0.0")
    return value


def _names(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = tuple(name.strip().rstrip(".").lower() for name in value.split(",") if name.strip())
    if not names or not all(_HOST_NAME.fullmatch(name) for name in names):
        raise ValueError(
            "must be host names or addresses without a port, such as sync.example,10.0.0.7"
        )
    return names


def _grace(value: timedelta) -> timedelta:
    if not timedelta(0) < value <= _LONGEST_GRACE:
        raise ValueError("must be longer than 0s and at most 10m")
    return value


def _header_text(value: SecretStr) -> SecretStr:
    if why := unusable_in_header(value.get_secret_value()):
        raise ValueError(why)
    return value


def _key_of_file(value: object) -> object:
    """Replaces the name of a file by the keys in it."""
    if isinstance(value, SecretStr):
        return value
    text = read_key_file(Path(str(value)))
    if not encryption_keys(text):
        raise ValueError("names an empty file")
    return SecretStr(text)


def _keys(value: SecretStr) -> SecretStr:
    if not encryption_keys(value.get_secret_value()):
        raise ValueError(f"is empty; {HOW_TO_MAKE}")
    return value


class Settings(BaseSettings):
    """The settings of one process; the integrations are in the YAML file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,  # compose files pass on unset variables as empty ones
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    mongodb_uri: Annotated[SecretStr, AfterValidator(checked_uri)] | None = Field(
        default=None,
        description="The service's MongoDB replica set; absent = the embedded MongoDB.",
        examples=["mongodb://mongo-1,mongo-2,mongo-3/?replicaSet=rs0"],
    )
    database: Annotated[str, AfterValidator(not_of_the_server)] = Field(
        default="ats_sync",
        pattern=DATABASE_NAME,
        description="The service's own database.",
    )
    config: Path = Field(
        default=Path("config/ats-sync.yaml"), description="The operator's YAML file."
    )
    http_host: Annotated[str, AfterValidator(_host)] = Field(
        default="127.0.0.1", description="Where the HTTP port listens; a container sets 0.0.0.0."
    )
    http_port: int = Field(
        default=8080, ge=0, le=65535, description="The HTTP port; 0 takes a free one."
    )
    http_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] | None = Field(
        default=None,
        description="Host names by which the HTTP port may be asked for, with commas. Absent = any; "
        "where it listens on loopback and has no token, only this machine's own.",
        examples=["sync.example,sync.internal"],
    )
    admin_token: Annotated[SecretStr, AfterValidator(_header_text)] | None = Field(
        default=None, description="Bearer token of /api; absent = loopback only."
    )
    encryption_key: Annotated[SecretStr, AfterValidator(_keys)] | None = Field(
        default=None,
        description="Encrypts the refresh tokens that ATSs replace, and the key by which erased people are recognised (`openssl rand -base64 32`). Several "
        "with commas: the first encrypts, all of them decrypt.",
    )
    encryption_key_file: Annotated[SecretStr, BeforeValidator(_key_of_file)] | None = Field(
        default=None,
        description="A file with the keys, instead of ATS_SYNC_ENCRYPTION_KEY; refused if others can read it.",
        examples=["/run/secrets/ats-sync-key"],
    )
    log_format: Annotated[Literal["auto", "json", "console"], BeforeValidator(_lower)] = Field(
        default="auto", description="auto = console on a terminal, json elsewhere."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = (
        Field(default="info", description="The least important events that are logged.")
    )
    data_dir: Path = Field(
        default=Path("data"), description="Where the embedded MongoDB keeps its data."
    )
    shutdown_grace: Annotated[Duration, AfterValidator(_grace)] = Field(
        default=timedelta(seconds=8),
        description="How long work in flight may take to finish after SIGTERM.",
        examples=["8s"],
    )
    mongod: Path | None = Field(
        default=None, description="The mongod to run as embedded MongoDB; absent = find one."
    )
    mongod_cache_gb: float = Field(
        default=0.5, ge=0.25, le=1024, description="The embedded MongoDB's cache, in GB."
    )

    def model_post_init(self, _context: object, /) -> None:
        """The keys of a file are used like those of the variable."""
        if self.encryption_key is None:
            self.__dict__["encryption_key"] = self.encryption_key_file

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic gives the signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leaves out variables of the platform: a Service `ats-sync-http` sets ATS_SYNC_HTTP_PORT."""
        if isinstance(env_settings, EnvSettingsSource):
            foreign = {name.lower() for name in platform_variables(os.environ, PREFIX)}
            env_settings.env_vars = {
                name: value
                for name, value in env_settings.env_vars.items()
                if name.lower() not in foreign
            }
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @field_validator(*_SECRETS, mode="before")
    @classmethod
    def _without_line_breaks(cls, value: object) -> object:
        return cleaned(value) if isinstance(value, str) else value


def load_settings(**overrides: object) -> Settings:
    """Returns the settings of this process; an override by a command line option wins.

    Raises:
        ConfigError: with every mistake, none of which quotes a value.
    """
    unknown = list(_unknown_variables(os.environ))
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]  # checked by the model
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise ConfigError([*unknown, *map(_problem, found)]) from None
    if unknown:
        raise ConfigError(unknown)
    if settings.encryption_key_file not in (None, settings.encryption_key):
        name = variable("encryption_key_file")
        raise ConfigError([_at(name, f"is set beside {variable('encryption_key')}; keep one")])
    return settings


def settings_warnings() -> list[ConfigIssue]:
    """Returns warnings of everything unwise in the environment."""
    values = {key.upper(): value for key, value in os.environ.items()}
    names = [variable(field) for field in _SECRETS]
    found = [_at(name, why) for name in names if (why := left_out(values.get(name, "")))]
    key = variable("encryption_key")
    if not all(each.is_random for each in encryption_keys(values.get(key, ""))):
        found.append(_at(key, f"is a passphrase and no random key of 32 bytes; {HOW_TO_MAKE}"))
    return found


def variable(field: str) -> str:
    """Returns the environment variable of a field."""
    return f"{PREFIX}{field.upper()}"


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[ConfigIssue]:
    """Yields an issue for each misspelt variable, which would have no effect."""
    known = [variable(field) for field in Settings.model_fields]
    foreign = platform_variables(environ, PREFIX)
    for name in sorted(environ):
        if name.upper().startswith(DEMO_PREFIX) or name in foreign:
            continue
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            yield _at(name, "unknown setting", did_you_mean(name, known))


def _problem(error: ErrorDetails) -> ConfigIssue:
    field, words = str(error["loc"][0]), known_words(error)
    if error["type"] == "extra_forbidden":
        return _at(variable(field), "unknown setting")
    value = os.environ.get(variable(field), "") if words else ""
    return _at(variable(field), sentence(error), did_you_mean(value, words))


def _at(name: str, message: str, hint: str | None = None) -> ConfigIssue:
    return ConfigIssue(file="environment", line=0, column=0, path=name, message=message, hint=hint)
