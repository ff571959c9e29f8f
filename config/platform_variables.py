"""Recognises the variables that Kubernetes and Docker inject for a Service or a link of our name.

Kubernetes sets `<NAME>_SERVICE_HOST`, `<NAME>_PORT` and others in every container of a namespace, for
each of its Services; Docker links set `<ALIAS>_PORT`, `<ALIAS>_NAME` and `<ALIAS>_ENV_*`. A Service
`ats-sync` or `ats-sync-http` therefore writes below the prefix of our settings.
https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
https://docs.docker.com/engine/network/links/#environment-variables
"""

import re
from collections.abc import Mapping

_PORT_URL = re.compile(r"(?:tcp|udp|sctp)://\S+:\d{1,5}", re.IGNORECASE)
"""Only a platform writes a port like this, also into a variable that is one of our settings."""
_OF_SERVICE = re.compile(r"_SERVICE_(?:HOST|PORT|PORT_[A-Z0-9_]+)$")
_OF_PORT = re.compile(r"_PORT_\d{1,5}_(?:TCP|UDP|SCTP)(?:_PROTO|_ADDR|(?:_PORT)?(?:_START|_END)?)$")


def platform_variables(environ: Mapping[str, str], prefix: str) -> frozenset[str]:
    """Returns the names below `prefix` that a platform has set, as they are in `environ`.

    Either the name has a form that no setting has, or the value one that no person would write.
    """
    ours = {name: value for name, value in environ.items() if name.upper().startswith(prefix)}
    of_links = (prefix, *(f"{alias}_" for alias in map(_alias, ours, ours.values()) if alias))
    return frozenset(
        name
        for name, value in ours.items()
        if _OF_SERVICE.search(name.upper())
        or _OF_PORT.search(name.upper())
        or (name.upper().endswith("_PORT") and _PORT_URL.fullmatch(value))
        or _alias(name, value)
        or name.upper().startswith(tuple(f"{start}ENV_" for start in of_links))
    )


def _alias(name: str, value: str) -> str | None:
    """Returns ALIAS of Docker's `ALIAS_NAME=/container/alias`; any other path was written by a person."""
    alias = name.upper().removesuffix("_NAME")
    linked = value.rpartition("/")[2].upper().replace("-", "_")
    return alias if value.count("/") == 2 and linked == alias != name.upper() else None
