"""Decides what follows a failed attempt to fetch a file. Pure."""

from datetime import datetime, timedelta

from connectors.errors import AtsError, FileTooLarge, Misdirected, NotSupported
from daemon.core.attachments import FileFailure, FileToFetch
from daemon.core.retry import GiveUp, Jitter, RetryRule, next_attempt
from daemon.core.runs import in_words

RETRY = RetryRule(
    floor=timedelta(seconds=5),
    base=timedelta(seconds=30),
    cap=timedelta(hours=6),
    horizon=timedelta(days=7),
)


def after_failure(
    file: FileToFetch, error: Exception, *, now: datetime, jitter: Jitter
) -> FileFailure:
    """Returns the state of the file after this error.

    A file that is too large is skipped. A host that is not the vendor's waits for a person.
    Everything else may pass, and is given up at the end of `RETRY`.
    """
    words = in_words(error)
    if isinstance(error, FileTooLarge | NotSupported):
        return FileFailure("skipped", words)
    if isinstance(error, Misdirected):
        return FileFailure("dead", words)
    then = next_attempt(
        RETRY,
        attempts=file.attempts + 1,
        first_attempt_at=file.first_attempt_at or now,
        now=now,
        jitter=jitter,
    )
    if isinstance(then, GiveUp):
        return FileFailure("dead", words)
    asked = error.until if isinstance(error, AtsError) else None
    return FileFailure("retrying", words, then.at if asked is None else max(then.at, asked))
