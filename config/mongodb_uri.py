"""Checks a MongoDB URI without connecting. No message quotes any part of it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_plus

import msgspec
from pydantic import SecretStr

from config.host_names import can_be_a_host
from config.mongodb_uri_options import (
    BY_FOLDED,
    FEWEST_CONNECTIONS,
    FORMS,
    KINDS,
    OVERRULED,
    REFUSED,
    WORDS,
)
from config.problems import did_you_mean

DATABASE_NAME = r"^[A-Za-z0-9_-]{1,63}$"
PLAIN, SRV = "mongodb://", "mongodb+srv://"
_HIGHEST_PORT = 65535
_NOT_IN_A_DATABASE_NAME = re.compile(r'[/ "$@]')
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
_WHOLE = re.compile(r"\d+", re.ASCII)
_WHOLE_NUMBERS = frozenset({
    "wTimeoutMS", *(n for n, kind in KINDS.items() if kind == "number" and n[-2:] != "MS")
})  # fmt: skip
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODE = "percent-encode the user and the password, and every @ : / ? # [ ] % in them"


class _Parts(msgspec.Struct, frozen=True):
    is_srv: bool
    userinfo: str | None
    hosts: list[str]
    database: str
    options: str


def checked_uri(value: SecretStr) -> SecretStr:
    """Returns the URI unchanged.

    Raises:
        ValueError: with every mistake in it.
    """
    if problems := uri_problems(value.get_secret_value()):
        raise ValueError("; ".join(problems))
    return value


def not_of_the_server(name: str) -> str:
    """Returns the name of a database unchanged.

    Raises:
        ValueError: it is one of the server's own, where no change stream can be opened.
    """
    if name in {"admin", "local", "config"}:
        raise ValueError("must not be admin, local or config: these are the server's own")
    return name


def uri_problems(uri: str) -> list[str]:
    """Returns every mistake in the URI; each message names the rule, and no part of the URI."""
    if not uri.startswith((PLAIN, SRV)):
        return ["must start with mongodb:// or mongodb+srv://"]
    if any(character.isspace() or not character.isprintable() for character in uri):
        return ["has a blank or a line break in it; a file with a secret often ends with one"]
    parts = _split(uri)
    found = [*_of_user(parts), *_of_hosts(parts)]
    if _NOT_IN_A_DATABASE_NAME.search(unquote_plus(parts.database).partition(".")[0]):
        found.append(f"the database after the hosts has a character that no name has; {_ENCODE}")
    found += _of_options(parts)
    return list(dict.fromkeys(found))


def overruled_options(uri: str) -> dict[str, str]:
    """Returns the options of a valid URI that the daemon overrules, with the reason for each."""
    options = _pairs(_split(uri).options)
    return {
        name: OVERRULED[name]
        for name, value in options
        if name in OVERRULED and value not in ("primary", "majority", "true")
    }


def _split(uri: str) -> _Parts:
    is_srv = uri.startswith(SRV)
    before, _, options = uri.removeprefix(SRV).removeprefix(PLAIN).partition("?")
    authority, _, database = before.partition("/")
    userinfo, at, hosts = authority.rpartition("@")
    return _Parts(is_srv, userinfo if at else None, hosts.split(","), database, options)


def _of_user(parts: _Parts) -> Iterator[str]:
    user = parts.userinfo
    if user is None:
        return
    if "@" in user or user.count(":") > 1 or _ESCAPE.search(user):
        yield f"the user or the password is not encoded: {_ENCODE}"
    elif not user.partition(":")[0]:
        yield "the user has no name"


def _of_hosts(parts: _Parts) -> Iterator[str]:
    if parts.is_srv and len(parts.hosts) != 1:
        yield "mongodb+srv:// takes exactly one host"
    for number, host in enumerate(parts.hosts, 1):
        problem = _host_problem(host, is_srv=parts.is_srv)
        if problem:
            yield f"host {number} {problem}" if len(parts.hosts) > 1 else f"the host {problem}"


def _host_problem(host: str, *, is_srv: bool) -> str | None:
    if not host:
        return "is empty"
    if host.endswith(".sock"):
        return None
    if host.startswith("["):
        name, closed, rest = host.partition("]")
        if not closed or (rest and not rest.startswith(":")):
            return "is no IPv6 address in brackets"
        has_port, port = bool(rest), rest[1:]
    else:
        name, colon, port = host.partition(":")
        has_port = bool(colon)
    if has_port and is_srv:
        return "has a port, which mongodb+srv:// does not take"
    return (_port_problem(port) if has_port else None) or _name_problem(name)


def _port_problem(port: str) -> str | None:
    if not port.isascii() or not port.isdigit():
        return f"has a port that is no number; {_ENCODE}"
    if not 0 < int(port) <= _HIGHEST_PORT:
        return "has a port that is not between 1 and 65535"
    return None


def _name_problem(name: str) -> str | None:
    if not name:
        return "has no name"
    if re.search(r"[\s%@]", name) and not name.startswith("["):
        return f"has a character that no host name has; {_ENCODE}"
    if not can_be_a_host(name):
        return "has a name with a part that is empty or longer than 63 characters"
    return None


def _of_options(parts: _Parts) -> Iterator[str]:
    text = parts.options
    if "&" in text and ";" in text:
        yield "options are separated by & or by ;, not by both"
        return
    seen: set[str] = set()
    for number, option in enumerate(_separated(text), 1):
        name, is_pair, value = option.partition("=")
        known = BY_FOLDED.get(name.lower())
        if not is_pair or "=" in value:
            yield f"option {number} is not written name=value"
        elif known is None:
            yield _unknown(number, name)
        elif known in seen and known != "readPreferenceTags":
            yield f"{known} is given twice"
        else:
            seen.add(known)
            yield from _of_value(known, unquote_plus(value))
    yield from _of_combination(parts, dict(_pairs(text)))


def _separated(options: str) -> list[str]:
    if not options:
        return []
    return options.split(";" if ";" in options else "&")


def _unknown(number: int, name: str) -> str:
    """Suggests a known name only: the written one may be a piece of a password."""
    meant = did_you_mean(name, KINDS) if "@" not in name else None
    hint = f"; did you mean {meant}?" if meant else f"; if it is none, {_ENCODE}"
    return f"option {number} has a name that MongoDB's drivers do not know{hint}"


def _of_value(name: str, value: str) -> Iterator[str]:
    match KINDS[name]:
        case "bool" if value not in ("true", "false"):
            yield f"{name} must be true or false"
        case "number" if not (_WHOLE if name in _WHOLE_NUMBERS else _NUMBER).fullmatch(value):
            yield f"{name} must be a {'whole ' if name in _WHOLE_NUMBERS else ''}number, not below 0"
        case "file" if not _is_readable(value):
            yield f"{name} names a file that cannot be read"
        case _ if not value and name != "readPreferenceTags":
            yield f"{name} is empty"
    if name in WORDS and value not in WORDS[name]:
        yield f"{name} must be one of {', '.join(WORDS[name])}"
    elif name in FORMS and value and not re.fullmatch(FORMS[name][0], value):
        yield f"{name} {FORMS[name][1]}"
    if name in REFUSED and value == "true":
        yield f"{name} is refused: {REFUSED[name]}"
    if name == "maxPoolSize" and value.isdigit() and 0 < int(value) < FEWEST_CONNECTIONS:
        yield (
            f"maxPoolSize below {FEWEST_CONNECTIONS} is refused: the renewal of leases would wait "
            "for other requests"
        )


def _is_readable(path: str) -> bool:
    try:
        return Path(path).is_file() and os.access(path, os.R_OK)
    except OSError:
        return False


def _of_combination(parts: _Parts, options: dict[str, str]) -> Iterator[str]:
    one_only = [
        name for name in ("directConnection", "loadBalanced") if options.get(name) == "true"
    ]
    if len(parts.hosts) > 1:
        for name in one_only:
            yield f"{name} is refused with several hosts: the daemon has to follow the primary"
    if len(one_only) > 1:
        yield "directConnection and loadBalanced exclude each other"
    if parts.is_srv and options.get("directConnection") == "true":
        yield "directConnection is refused with mongodb+srv://: the daemon has to follow the primary"
    if options.get("loadBalanced") == "true" and "replicaSet" in options:
        yield "loadBalanced and replicaSet exclude each other"
    if {"ssl", "tls"} <= options.keys() and options["ssl"] != options["tls"]:
        yield "ssl and tls say different things"
    if not parts.is_srv:
        for name in ("srvServiceName", "srvMaxHosts", "srvAllowedHostsSuffix"):
            if name in options:
                yield f"{name} is for mongodb+srv:// only"


def _pairs(options: str) -> list[tuple[str, str]]:
    """Returns the known options by their usual spelling."""
    pairs = [option.partition("=") for option in _separated(options)]
    return [
        (BY_FOLDED[name.lower()], unquote_plus(value))
        for name, _, value in pairs
        if name.lower() in BY_FOLDED
    ]
