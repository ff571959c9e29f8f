"""Errors of no known kind, reduced to type and location: all that may be shown of them.

The text of such an error is never shown: it may quote a payload, a person or a secret.
"""

from collections.abc import Iterator
from types import TracebackType

import msgspec

OUR_PACKAGES = frozenset({"config", "connectors", "daemon", "models"})
DEEPEST_STACK = 12
"""Frames in a log line; the innermost ones say most."""


class Unexpected(msgspec.Struct, frozen=True):
    """A description of an error that does not quote it."""

    error: str
    """The name of its class."""
    location: str
    """`module:line` of the innermost frame of our own code."""
    raised_in: str | None = None
    """`module:line` of a library or a connector's package, where that raised it."""
    code: int | None = None
    """The server's or the operating system's number for it, where it has one."""

    def __str__(self) -> str:
        """Returns one clause, such as `KeyError at connectors.read.mapping:120`."""
        code = "" if self.code is None else f" (code {self.code})"
        raised = "" if self.raised_in is None else f" (raised in {self.raised_in})"
        return f"{self.error}{code} at {self.location}{raised}"

    def facts(self) -> dict[str, object]:
        """Returns what the details of an alert have."""
        return {"error": self.error, "location": self.location, "cause": str(self)}


def unexpected(error: BaseException) -> Unexpected:
    """Describes an error; of a group, the first one that is no group."""
    leaf = next(leaves(error))
    frames = list(_frames(leaf.__traceback__))
    ours = [frame for frame in frames if frame.partition(":")[0].partition(".")[0] in OUR_PACKAGES]
    location = ours[-1] if ours else frames[-1] if frames else "an unknown line"
    innermost = frames[-1] if frames else location
    return Unexpected(
        error=type(leaf).__name__,
        location=location,
        raised_in=None if innermost == location else innermost,
        code=_code(leaf),
    )


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yields the errors that are no groups, those of nested groups included.

    One that was never raised by itself gets the traceback of its group.
    """
    waiting = [error]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, BaseExceptionGroup):
            yield found
            continue
        around = found.__traceback__
        waiting.extend(
            one if one.__traceback__ else one.with_traceback(around)
            for one in reversed(found.exceptions)
        )


def first_unlike(error: BaseException, known: tuple[type[BaseException], ...]) -> BaseException:
    """Returns the decisive error: of a group, the first of no known kind, or else the first."""
    found = list(leaves(error))
    return next((leaf for leaf in found if not isinstance(leaf, known)), found[0])


def stack(error: BaseException) -> str:
    """Returns the lines that an error came through, the innermost first; no text, no values."""
    frames = list(_frames(next(leaves(error)).__traceback__))
    return " < ".join(reversed(frames[-DEEPEST_STACK:]))


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        name = traceback.tb_frame.f_globals.get("__name__") or "?"
        yield f"{name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next


def _code(error: BaseException) -> int | None:
    found = getattr(error, "code", None)
    if found is None:
        found = getattr(error, "errno", None)
    return found if type(found) is int else None
