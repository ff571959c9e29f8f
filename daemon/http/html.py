"""HTML without a template language: whatever isn't marked as HTML is escaped."""

from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def el(tag: str, *children: object, css: str = "", **attributes: str) -> Html:
    """An element. Children that are not HTML are shown as text."""
    named = {"class": css, **attributes} if css else attributes
    written = "".join(
        f' {name.replace("_", "-")}="{escape(value)}"' for name, value in named.items()
    )
    return Html(f"<{tag}{written}>{joined(*children)}</{tag}>")


def joined(*children: object) -> Html:
    """Several pieces one after another; None is nothing."""
    return Html(
        "".join(c if isinstance(c, Html) else escape(str(c)) for c in children if c is not None)
    )
