"""`oauth_tokens`: what an ATS gave last in exchange for a refresh token."""

from uuid import UUID

from models.documents.base import StoredDocument, UtcTime


class OAuthToken(StoredDocument):
    """The present refresh and access token of one grant, encrypted."""

    id: str
    """A digest of the configured refresh token with which the grant began."""
    integration: str
    """The integration that used it last."""
    version: int
    """The number of times that tokens were stored: a writer that knows an older version is too late."""
    key_id: str | None = None
    """Which of the keys in `ATS_SYNC_ENCRYPTION_KEY` it is encrypted with."""
    sealed: bytes | None = None
    """AES-256-GCM: nonce and ciphertext. None: nothing has been exchanged yet."""
    owner: UUID | None = None
    """Who is exchanging the refresh token just now."""
    claimed_until: UtcTime | None = None
    updated_at: UtcTime

    class Settings:
        name = "oauth_tokens"
