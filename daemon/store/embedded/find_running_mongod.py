"""Finds the embedded MongoDB of a daemon that runs already, for other commands."""

from contextlib import suppress
from pathlib import Path


def running_embedded(data_dir: Path, *, replica_set: str = "rs0") -> str | None:
    """Returns the URI of the mongod that holds this data folder now; None if there is none."""
    owner = data_dir.absolute() / "mongodb.owner"
    with suppress(OSError, ValueError, IndexError):
        pid = int(owner.read_text().split()[1])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if str(data_dir.absolute() / "mongodb") in command:
            port = int(command[command.index("--port") + 1])
            return f"mongodb://127.0.0.1:{port}/?replicaSet={replica_set}"
    return None


def owner_is_alive(data_dir: Path) -> bool:
    """Returns True if the process that started the mongod of this data folder still runs."""
    with suppress(OSError, ValueError, IndexError):
        pid = int((data_dir.absolute() / "mongodb.owner").read_text().split()[0])
        return Path(f"/proc/{pid}").exists()
    return False
