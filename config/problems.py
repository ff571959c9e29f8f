"""Problems of a configuration, each with its position and the word that was probably meant."""

import difflib
from collections.abc import Iterable

import msgspec

from models.errors import UserError

_CLOSE_ENOUGH = 0.6
"""Below this likeness a suggestion confuses more than it helps."""

_MOST_SHOWN = 200
"""More are counted only."""


class ConfigIssue(msgspec.Struct, frozen=True):
    """One mistake or warning at its position. Line and column count from 1; line 0: the source has no lines.

    The message names the rule and the remedy, never a secret; the hint is the word that was
    probably meant.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str | None = None
    pointer: str | None = None
    """The path as a JSON pointer (RFC 6901); None if it is not known."""

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        subject = f"{self.path}: " if self.path else ""
        meant = f' (did you mean "{self.hint}"?)' if self.hint else ""
        return f"{position}  {subject}{self.message}{meant}"


class ConfigError(UserError):
    """Raised for a configuration with mistakes; has all of them."""

    def __init__(self, problems: Iterable[ConfigIssue]) -> None:
        """Keeps every problem once, by file, then by position."""
        self.problems: tuple[ConfigIssue, ...] = tuple(
            sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.path, p.message))
        )
        count = len(self.problems)
        closing = "1 problem." if count == 1 else f"{count} problems."
        if count > _MOST_SHOWN:
            closing = f"{count} problems, of which the first {_MOST_SHOWN} are shown."
        super().__init__(
            "\n".join([*map(str, self.problems[:_MOST_SHOWN]), closing]),
            remedy="Correct the lines named above; nothing has been started or changed.",
        )


class ConfigIssues:
    """The mistakes and warnings of all checks of one file, so that all are shown at once."""

    def __init__(self) -> None:
        """Starts without problems."""
        self.errors: list[ConfigIssue] = []
        """Mistakes that make the configuration unusable."""
        self.warnings: list[ConfigIssue] = []
        """Unwise, but it may still run."""

    def raise_errors(self) -> None:
        """Ends the loading if there is a mistake.

        Raises:
            ConfigError: with every error gathered so far.
        """
        if self.errors:
            raise ConfigError(self.errors)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that is most similar, if one is close enough.

    Case and the choice between `-` and `_` do not count as differences.
    """
    by_folded = {_fold(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(_fold(word), by_folded, n=1, cutoff=_CLOSE_ENOUGH)
    return by_folded[close[0]] if close else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Returns the words that end a message about an unknown word: the one that was meant, or all."""
    words = list(known)
    hint = did_you_mean(word, words)
    return f'did you mean "{hint}"?' if hint else f"there are: {', '.join(words) or 'none'}"


def _fold(word: str) -> str:
    return word.casefold().replace("-", "_")
