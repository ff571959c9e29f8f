"""Encrypts secrets for the database: AES-256-GCM under `ATS_SYNC_ENCRYPTION_KEY`.

Tokens, credentials and keys only: personal data is encrypted by MongoDB or its disk (`docs/security.md`).
"""

import os
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from config.encryption_key import EncryptionKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class UnknownKey(Exception):
    """Something was encrypted under a key that is not configured; carries the key's id."""


class Tampered(Exception):
    """The stored bytes are not what was encrypted, or not for this document."""


class Keyring:
    """The configured keys: the first encrypts, all of them decrypt."""

    def __init__(self, keys: Sequence[EncryptionKey]) -> None:
        """At least one."""
        self._keys = tuple(keys)

    @property
    def key_id(self) -> str:
        """The name of the key that encrypts, from which the key cannot be derived."""
        return next(iter(self._ciphers))

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The names of all keys, that of the encrypting one first."""
        return tuple(self._ciphers)

    @cached_property
    def _ciphers(self) -> "dict[str, AESGCM]":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        material = [key.material() for key in self._keys]
        return {_id_of(each): AESGCM(each) for each in material}

    def encrypt(self, plaintext: bytes, *, belongs_to: str) -> bytes:
        """Returns nonce and ciphertext, which only the document that they belong to can decrypt."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[self.key_id].encrypt(nonce, plaintext, belongs_to.encode())

    def decrypt(self, sealed: bytes, *, key_id: str, belongs_to: str) -> bytes:
        """Returns the plain bytes.

        Raises:
            UnknownKey: that key is not configured.
            Tampered: the bytes were changed, or moved from another document.
        """
        from cryptography.exceptions import InvalidTag

        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownKey(key_id)
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, rest, belongs_to.encode())
        except (InvalidTag, ValueError):
            raise Tampered from None


def _id_of(material: bytes) -> str:
    return sha256(b"ats-sync key id\0" + material).hexdigest()[:12]
