"""Removes line breaks and byte order marks from secrets, and refuses secrets that cannot be sent."""

from collections.abc import Iterator

from config.document import Document
from config.header_text import unusable_in_header
from config.nodes import NodePath, Scalar, SequenceNode

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


def check_secrets(document: Document) -> None:
    """Warns of removed characters, and reports empty secrets and tokens that cannot be sent."""
    for path, scalar in _secrets(document):
        if why := left_out(scalar.text):
            document.warn(path, why)
        if not cleaned(scalar.text):
            document.error(path, "is empty; give it a value, or leave the key out")
        elif path[-1] == "token":
            check_header_text(document, path)


def check_header_text(document: Document, path: NodePath) -> None:
    """Reports a value that is sent in a header and cannot be."""
    scalar = document.node(path)
    if not isinstance(scalar, Scalar) or scalar.unresolved or scalar.is_null:
        return
    text = cleaned(scalar.text)
    if text and (why := unusable_in_header(text)):
        document.error(path, why)


def _secrets(document: Document) -> Iterator[tuple[NodePath, Scalar]]:
    for path in _paths(document):
        node = document.node(path)
        if isinstance(node, Scalar) and not (node.unresolved or node.is_null or node.is_empty):
            yield path, node


def _paths(document: Document) -> Iterator[NodePath]:
    yield ("clearview", "mongodb", "uri")
    for service in ("candidates", "analytics"):
        yield ("clearview", service, "token")
    channels = document.node(("clearview", "notifications"))
    for index in range(len(channels.items) if isinstance(channels, SequenceNode) else 0):
        yield ("clearview", "notifications", index, "token")
        if document.text(("clearview", "notifications", index, "kind")) == "apprise":
            yield ("clearview", "notifications", index, "url")
    sinks = document.node(("events",))
    for index in range(len(sinks.items) if isinstance(sinks, SequenceNode) else 0):
        secret = "secret" if document.text(("events", index, "kind")) == "http" else "url"
        yield ("events", index, secret)
    for name in document.keys(("integrations",)):
        base: NodePath = ("integrations", name, "credentials")
        for credential in document.keys(base):
            yield (*base, credential)
        yield ("integrations", name, "privacy", "key")
