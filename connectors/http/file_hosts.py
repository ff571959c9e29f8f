"""The hosts that files may be fetched from: those of the definition and of the operator. Pure."""

from collections.abc import Iterable

from yarl import URL

_HTTPS_PORT = 443


class FileHosts:
    """Judges addresses of files."""

    def __init__(self, hosts: Iterable[str]) -> None:
        """Take host names, `*.` with a domain, and addresses with a scheme."""
        entries = list(hosts)
        self._origins = {URL(one).origin() for one in entries if "://" in one}
        self._names = {one for one in entries if "://" not in one and not one.startswith("*.")}
        self._suffixes = tuple(one[1:] for one in entries if one.startswith("*."))

    def allow(self, url: URL) -> bool:
        """True if a file may be fetched from there: https at a known name, or a known address."""
        if url.host is None or url.user is not None:
            return False
        if url.is_absolute() and url.origin() in self._origins:
            return True
        if url.scheme != "https" or url.port != _HTTPS_PORT:
            return False
        host = url.host.lower()
        return host in self._names or host.endswith(self._suffixes)
