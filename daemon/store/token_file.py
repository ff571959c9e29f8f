"""Tokens of refresh token grants in a file that the operator names, for processes of one machine."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec

from config.files import read_limited, replace_file
from connectors.errors import TokenUnavailable
from connectors.http.token_store import Grant, StoredTokens, TokenClaim
from daemon.ports.clock import Clock

PATIENCE = timedelta(seconds=45)
LOOK_EVERY = timedelta(milliseconds=100)
MAX_FILE_BYTES = 4 * 1024 * 1024
_Tokens = dict[str, StoredTokens]


class FileTokenStore:
    """`connectors.http.token_store.TokenStore` in one JSON file, readable by its owner alone.

    A claim is a lock on a second file beside it, which the system lifts when a process dies; the file
    itself is replaced as a whole.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    @asynccontextmanager
    async def claim(self, grant: Grant) -> AsyncIterator[TokenClaim]:
        """Waits for the lock, and lifts it at the end."""
        lock = await self._locked()
        try:
            known = await asyncio.to_thread(self._read)
            yield _FileClaim(self, grant, known.get(grant.id))
        finally:
            os.close(lock)

    async def _locked(self) -> int:
        descriptor = self._open_lock()
        try:
            await self._wait_for(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    async def _wait_for(self, descriptor: int) -> None:
        until = self._clock.monotonic() + PATIENCE.total_seconds()
        while not self._is_mine(descriptor):
            if self._clock.monotonic() >= until:
                raise self._failed("is locked by another process")
            await self._clock.sleep(LOOK_EVERY)

    def _is_mine(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise self._failed(f"cannot be locked: {error.strerror}") from None
        return True

    def _open_lock(self) -> int:
        try:
            return os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failed(f"cannot be locked: {error.strerror}") from None

    def _read(self) -> _Tokens:
        try:
            content = read_limited(self._path, MAX_FILE_BYTES)
            return msgspec.json.decode(content, type=_Tokens) if content else {}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._failed(f"cannot be read: {error.strerror}") from None
        except msgspec.MsgspecError:
            raise self._failed(
                "is not as it was written; restore it, or delete it, sign in at the ATS again and put "
                "the new refresh token where the configuration points"
            ) from None

    async def keep(self, grant: Grant, tokens: StoredTokens) -> None:
        """Returns once the file is on the disk.

        Raises:
            TokenUnavailable: it cannot be written.
        """
        await asyncio.to_thread(self._replace, grant, tokens)

    def _replace(self, grant: Grant, tokens: StoredTokens) -> None:
        content = msgspec.json.encode({**self._read(), grant.id: tokens})
        try:
            replace_file(self._path, msgspec.json.format(content, indent=2) + b"\n")
        except OSError as error:
            raise self._failed(f"cannot be written: {error.strerror}") from None

    def _failed(self, why: str) -> TokenUnavailable:
        return TokenUnavailable(f"the token file {self._path} {why}", operation="token")


@dataclass(slots=True)
class _FileClaim:
    """`connectors.http.token_store.TokenClaim`."""

    store: FileTokenStore
    grant: Grant
    tokens: StoredTokens | None = field(repr=False)

    async def keep(self, tokens: StoredTokens) -> bool:
        await self.store.keep(self.grant, tokens)
        self.tokens = tokens
        return True
