"""What is wrong with a configuration, where, and what was probably meant."""

import difflib
from collections.abc import Iterable, Sequence

import msgspec

from models.errors import UserError

_CLOSE_ENOUGH = 0.6
"""Below this likeness a suggestion confuses more than it helps."""

_MOST_SHOWN = 200
"""No one reads on after this many."""


class Problem(msgspec.Struct, frozen=True):
    """One mistake, at its place. Line and column count from 1; line 0 means "has no lines".

    The message names the rule and the remedy, never a secret; the hint is the word that was
    probably meant.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        subject = f"{self.path}: " if self.path else ""
        meant = f' (did you mean "{self.hint}"?)' if self.hint else ""
        return f"{place}  {subject}{self.message}{meant}"


class ConfigError(UserError):
    """The configuration has mistakes."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Carry every problem, in the order in which a reader meets them in the file."""
        self.problems: tuple[Problem, ...] = tuple(sort_problems(problems))
        shown = map(str, self.problems[:_MOST_SHOWN])
        super().__init__(
            "\n".join([*shown, count_line(self.problems)]),
            remedy="Correct the places named above; nothing has been started or changed.",
        )


class Problems:
    """Gathers mistakes from every check of one loading, so that all are shown at once."""

    def __init__(self) -> None:
        """Start without problems."""
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, problem: Problem) -> None:
        """Note a mistake that makes the configuration unusable."""
        self.errors.append(problem)

    def warn(self, problem: Problem) -> None:
        """Note something unwise that may still run."""
        self.warnings.append(problem)

    def raise_errors(self) -> None:
        """End the loading if anything is wrong.

        Raises:
            ConfigError: with every error gathered so far.
        """
        if self.errors:
            raise ConfigError(self.errors)


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, by file, then by place."""
    return sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.path, p.message))


def count_line(problems: Sequence[Problem]) -> str:
    """The line that closes a list of problems."""
    if len(problems) > _MOST_SHOWN:
        return f"{len(problems)} problems, of which the first {_MOST_SHOWN} are shown."
    return "1 problem." if len(problems) == 1 else f"{len(problems)} problems."


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one, if any is close.

    Case and the choice between `-` and `_` do not count as differences.
    """
    by_folded = {_fold(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(_fold(word), by_folded, n=1, cutoff=_CLOSE_ENOUGH)
    return by_folded[close[0]] if close else None


def _fold(word: str) -> str:
    return word.casefold().replace("-", "_")
