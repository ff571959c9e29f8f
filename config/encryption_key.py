"""`ATS_SYNC_ENCRYPTION_KEY`: one key, or several with a comma between them, the newest first."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

_KEY_BYTES = 32
SHORTEST = 16
HOW_TO_MAKE = "make one with `openssl rand -base64 32`"
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_SALT = b"ats-sync encryption key"
"""A constant, because a passphrase has to give the same key in every replica."""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """One key in its written form."""

    text: str = field(repr=False)

    @property
    def is_random(self) -> bool:
        """True for 32 bytes in base64 or hexadecimal; any other text is a passphrase."""
        return _decoded(self.text) is not None

    @property
    def is_too_short(self) -> bool:
        """True for a passphrase of fewer than 16 characters."""
        return not self.is_random and len(self.text) < SHORTEST

    def material(self) -> bytes:
        """Returns 32 bytes; a passphrase takes 0.1 s."""
        found = _decoded(self.text)
        if found is not None:
            return found
        return hashlib.scrypt(self.text.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=_KEY_BYTES)


def encryption_keys(text: str) -> list[EncryptionKey]:
    """Returns the keys of a setting, without blanks and line breaks around them."""
    return [EncryptionKey(part.strip()) for part in text.split(",") if part.strip()]


def _decoded(text: str) -> bytes | None:
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        found = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == _KEY_BYTES else None
