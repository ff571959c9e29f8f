"""Error codes of MongoDB by what they mean (`src/mongo/base/error_codes.yml` of its sources)."""

UNAUTHORIZED = 13
LOGIN_REFUSED = frozenset({11, 18, 8000})
DUPLICATE_KEY = frozenset({11000, 11001, 12582})
REFUSED_BY_VALIDATOR = 121
NAMESPACE_EXISTS = 48

OUTAGE = frozenset(
    # Elections, shutdowns and lost connections.
    {6, 7, 89, 91, 189, 317, 9001, 10107, 11600, 11601, 11602, 13388, 13435, 13436}
    # Cursors that were killed, moved chunks, index builds.
    | {43, 63, 117, 133, 150, 234, 237, 276, 12586, 12587}
    # Time-outs, conflicts between writers, write concerns that could not be met.
    | {50, 64, 112, 202, 262}
)
"""The same operation may succeed later."""

NOT_OF_ONE_DOCUMENT = (
    OUTAGE
    # Cursors, sessions and snapshots.
    | {90, 134, 175, 206, 225, 239, 246, 249, 251, 267, 314, 358, 384}
    # Time-outs and conflicts that the drivers do not repeat.
    | {24, 46, 79, 100, 244}
    # Privileges and credentials, which are those of every operation.
    | LOGIN_REFUSED
    | {UNAUTHORIZED, 31, 33, 391}
    # Disks and memory.
    | {146, 292, 12501, 14031}
)
"""The error says nothing about the document that was written."""
