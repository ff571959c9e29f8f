"""`ats-sync keys`: the keys that encrypt secrets in MongoDB."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from daemon.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from daemon.store.connection import Mongo
    from daemon.store.key_rotation import KeyRotation, Rotation, SealedCount

T = TypeVar("T")


def list_keys(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the keys by their ids, and how many secrets each encrypts. A key is never shown."""
    from daemon.cli.session import show

    show(_with_keys(config, lambda _, rotation: rotation.counts()), _show, as_json=as_json)


def _show(counts: "Sequence[SealedCount]") -> None:
    from rich.table import Table

    from daemon.cli.session import out

    table = Table("collection", "key", "secrets", "", box=None, pad_edge=False)
    for one in counts:
        state = "current" if one.is_current else "" if one.is_readable else "not configured"
        table.add_row(one.collection, one.key_id, str(one.secrets), state)
    out.print(table)


def rotate(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Encrypt every secret with the first key of ATS_SYNC_ENCRYPTION_KEY. The daemon may run.

    First give all replicas the new key in front of the old one, with a comma between them; after this
    command the old one can be left out.
    """
    from daemon.cli.session import EXIT_FAILED, audit_of_command, show

    async def work(mongo: "Mongo", rotation: "KeyRotation") -> "Rotation":
        await audit_of_command(mongo).record("keys.rotate", rotation.key_id)
        return await rotation.rotate()

    done = _with_keys(config, work)
    show(done, _show_rotation, as_json=as_json)
    if done.unreadable:
        raise typer.Exit(EXIT_FAILED)


def _show_rotation(done: "Rotation") -> None:
    from daemon.cli.session import err, out

    out.print(f"{done.encrypted} secrets are encrypted with the first key now")
    for one in done.unreadable:
        err.print(f"no configured key reads a secret of {one}")


def _with_keys(config: Path | None, work: "Callable[[Mongo, KeyRotation], Awaitable[T]]") -> T:
    from config.encryption_key import HOW_TO_MAKE, encryption_keys
    from daemon.cli.session import database, run_async, settings_for
    from daemon.store.key_rotation import KeyRotation
    from daemon.store.secret_encryption import Keyring
    from models.errors import UserError

    async def run() -> T:
        settings = settings_for(config)
        if settings.encryption_key is None:
            raise UserError(
                "no key is configured", remedy=f"set ATS_SYNC_ENCRYPTION_KEY; {HOW_TO_MAKE}"
            )
        keyring = Keyring(encryption_keys(settings.encryption_key.get_secret_value()))
        async with database(settings, None) as mongo:
            return await work(mongo, KeyRotation(mongo, keyring))

    return run_async(run)
