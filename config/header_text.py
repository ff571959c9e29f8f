"""Checks text that is sent in an HTTP header."""


def unusable_in_header(text: str) -> str | None:
    """Returns the reason why a text cannot be sent in a header, without quoting it; None if it can."""
    if not text:
        return "is empty"
    if text != text.strip():
        return "begins or ends with a blank or line break"
    for position, character in enumerate(text, start=1):
        if character != " " and not (character.isprintable() and character <= "\xff"):
            return (
                f"has a character that cannot be sent in an HTTP header (number {position}): "
                "only printable Latin-1 text can"
            )
    return None
