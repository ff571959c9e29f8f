"""`ats-sync keys`: the keys that encrypt secrets in MongoDB."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from daemon.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from daemon.store.connection import Mongo
    from daemon.store.key_rotation import KeyRotation

T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    group = typer.Typer(
        help="Show which key encrypts what in MongoDB, and rotate keys.", no_args_is_help=True
    )
    group.command("list")(list_keys)
    group.command("rotate")(rotate)
    app.add_typer(group, name="keys", rich_help_panel="Configuration")


def list_keys(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the keys by their ids, and how many secrets each encrypts. A key is never shown."""
    from rich.table import Table

    from daemon.cli.session import out, print_json

    async def read(_: "Mongo", rotation: "KeyRotation") -> list[dict[str, object]]:
        import msgspec

        return [msgspec.structs.asdict(one) for one in await rotation.counts()]

    rows = _with_keys(config, read)
    if as_json:
        print_json(rows)
        return
    table = Table("collection", "key", "secrets", "", box=None, pad_edge=False)
    for row in rows:
        state = "current" if row["is_current"] else "" if row["is_readable"] else "not configured"
        table.add_row(str(row["collection"]), str(row["key_id"]), str(row["secrets"]), state)
    out.print(table)


def rotate(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Encrypt every secret with the first key of ATS_SYNC_ENCRYPTION_KEY. The daemon may run.

    First give all replicas the new key in front of the old one, with a comma between them; after this
    command the old one can be left out.
    """
    from daemon.cli.session import EXIT_FAILED, err, out, print_json

    async def work(mongo: "Mongo", rotation: "KeyRotation") -> tuple[int, tuple[str, ...]]:
        from daemon.cli.session import audit_of_command

        await audit_of_command(mongo).record("keys.rotate", rotation.key_id)
        done = await rotation.rotate()
        return done.encrypted, done.unreadable

    encrypted, unreadable = _with_keys(config, work)
    if as_json:
        print_json({"encrypted": encrypted, "unreadable": list(unreadable)})
    else:
        out.print(f"{encrypted} secrets are encrypted with the first key now")
        for one in unreadable:
            err.print(f"no configured key reads a secret of {one}", markup=False)
    if unreadable:
        raise typer.Exit(EXIT_FAILED)


def _with_keys(config: Path | None, work: "Callable[[Mongo, KeyRotation], Awaitable[T]]") -> T:
    from config.encryption_key import HOW_TO_MAKE, encryption_keys
    from daemon.cli.session import database, run_async, settings_for
    from daemon.store.encryption import Keyring
    from daemon.store.key_rotation import KeyRotation
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
