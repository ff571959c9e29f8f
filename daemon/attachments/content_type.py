"""The type of a file, by its bytes. Nothing is opened, unpacked or executed."""

from pathlib import PurePosixPath

from models.errors import AtsSyncError

UNKNOWN = "application/octet-stream"
_ANSWERS = {
    "text/html": {".htm", ".html"},
    "application/xhtml+xml": {".htm", ".html", ".xhtml"},
    "application/json": {".json"},
    "application/xml": {".xml"},
    "text/xml": {".xml"},
}
"""Types that a host answers instead of a file, and the endings of files that really are of that type."""
_START = 64 * 1024
"""Bytes from either end that signatures are looked for in."""


class UnwantedContent(AtsSyncError):
    """The host answered with something else than the file."""


def content_type_of(content: bytes, name: str | None, declared: str | None) -> str:
    """Returns the media type of a file; the one that its host declared where its bytes show none.

    Raises:
        UnwantedContent: it is empty, or a web page or an error message instead of the file.
    """
    if not content:
        raise UnwantedContent("the file is empty")
    suffix = PurePosixPath(name or "").suffix.lower()
    found = _sniffed(content, suffix) or _declared(declared)
    if found in _ANSWERS and suffix not in _ANSWERS[found]:
        raise UnwantedContent(f"the host answered with {found} instead of the file")
    return found


def _sniffed(content: bytes, suffix: str) -> str | None:
    # Its tables take 30 ms and 2 MB: only a daemon that fetches files loads them.
    import puremagic

    start = content[:_START].lstrip()
    if start[:5].lower() in {b"<html", b"<!doc"}:
        start = start[:512].lower()
    ends = start if len(content) <= _START else start + content[-_START:]
    try:
        matches = puremagic.magic_string(ends)
    except (puremagic.PureError, ValueError):
        return None
    likely = [each for each in matches if each.confidence == matches[0].confidence]
    named = next((each for each in likely if each.extension == suffix), matches[0])
    found: str = named.mime_type
    return found or None


def _declared(declared: str | None) -> str:
    """Returns a declared type that is one, without its parameters."""
    kind = (declared or "").partition(";")[0].strip().lower()
    main, _, sub = kind.partition("/")
    usual = all(each.isalnum() or each in "-+." for each in main + sub)
    return kind if main and sub and usual and len(kind) <= 127 else UNKNOWN
