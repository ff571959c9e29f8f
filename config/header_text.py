"""Checks text that is sent in an HTTP header."""


def unusable_in_header(text: str) -> str | None:
    """Returns the reason why a text cannot be sent in a header, without quoting it; None if it can."""
    if not text:
        return "is empty"
    if text != text.strip():
        return "begins or ends with a blank or line break"
    for position, character in enumerate(text, start=1):
        if not _is_sendable(character):
            return (
                f"has a character that cannot be sent in an HTTP header (number {position}): "
                "only printable Latin-1 text can"
            )
    return None


def _is_sendable(character: str) -> bool:
    return character == " " or (character.isprintable() and character <= "\xff")
