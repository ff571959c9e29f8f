"""Removes line breaks and byte order marks from secrets, and refuses texts that cannot be sent."""

from config.checked_document import Document
from config.header_text import unusable_in_header
from config.nodes import NodePath, Scalar

BYTE_ORDER_MARK = "\ufeff"
_LINE_BREAKS = "\r\n"


def cleaned(text: str) -> str:
    """Returns the secret without the characters that editors, `echo` and Windows add to it."""
    return text.lstrip(BYTE_ORDER_MARK).rstrip(_LINE_BREAKS)


def left_out(text: str) -> str | None:
    """Returns a warning of the characters that `cleaned` removes; None if it removes none."""
    if text.startswith(BYTE_ORDER_MARK):
        return "begins with a byte order mark, which is left out"
    if text.endswith(tuple(_LINE_BREAKS)):
        return "ends in a line break, which is left out; store it without one (printf, not echo)"
    return None


def check_header_text(document: Document, path: NodePath) -> None:
    """Reports a value that is sent in a header and cannot be."""
    scalar = document.node(path)
    if not isinstance(scalar, Scalar) or scalar.unresolved or scalar.is_null:
        return
    text = cleaned(scalar.text)
    if text and (why := unusable_in_header(text)):
        document.error(path, why)
