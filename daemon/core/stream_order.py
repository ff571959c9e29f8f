"""The order of changes, as texts that sort in that order."""

import hashlib

LONGEST_KEY = 512
"""A resume token ends with the document's id, which may be megabytes long."""
_DIGEST_CHARS = 32


def event_key(token: str) -> str:
    """Returns the id of a token's event: it sorts as the token does, and is never long."""
    if len(token) <= LONGEST_KEY:
        return token
    digest = hashlib.sha256(token.encode()).hexdigest()[:_DIGEST_CHARS]
    return f"{token[: LONGEST_KEY - _DIGEST_CHARS - 1]}~{digest}"


def sequence(epoch: int, token: str) -> str:
    """Returns a text that sorts in stream order, also after a new stream had to begin."""
    return f"{epoch:06d}:{event_key(token)}"


def epoch_of(row_sequence: str) -> int:
    """Returns the epoch of the stream that a row came from."""
    return int(row_sequence.split(":", 1)[0])
