"""Each peer in an environment of its own, made from its lock file when it is first wanted."""

import asyncio
import hashlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
BUILD = FOLDER.parents[2] / "build" / "peers"


async def python_of(peer: str) -> Path:
    """The interpreter that has what the peer needs, and nothing else.

    Raises:
        RuntimeError: the packages cannot be had.
    """
    lock = FOLDER / f"{peer}.lock"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    home = BUILD / peer
    python, stamp = home / "bin" / "python", home / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"installing what {peer} needs (about a minute)", file=sys.stderr, flush=True)
    await _run(sys.executable, "-m", "venv", "--clear", str(home))
    await _run(
        *(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "-r", str(lock)),
    )
    stamp.write_text(wanted)
    return python


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[-1]}: {said.decode(errors='replace')[-2000:]}")
