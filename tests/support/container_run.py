"""Containers of an image, as processes of this test."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.container_image import Image
from tests.support.pages import ROOT

Mount = tuple[str, str, bool]
"""From here, to there, writable."""


@dataclass(slots=True)
class Container:
    """How to run the image: as `docker run --read-only --cap-drop ALL --network host` would."""

    image: Image
    folder: Path
    """For the test's own files; not seen by the container."""
    user: str | None = None
    """`UID:GID`; otherwise the image's own."""
    environment: dict[str, str] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    started: int = 0

    async def start(self, *arguments: str, entrypoint: tuple[str, ...] | None = None) -> Process:
        """Begin the image's command, or another one; arguments replace the image's own."""
        config = self.image.config
        self.started += 1
        spec = self.folder / f"spec-{self.started}.json"
        spec.write_text(
            json.dumps(
                {
                    "rootfs": str(self.image.rootfs),
                    "user": [int(each) for each in (self.user or config["User"]).split(":")],
                    "args": [*(entrypoint or config["Entrypoint"]), *(arguments or config["Cmd"])],
                    "env": self.image.environment | self.environment,
                    "cwd": config["WorkingDir"],
                    "mounts": self.mounts,
                }
            )
        )
        init = (sys.executable, "-m", "tests.support.container_init", str(spec))
        return await asyncio.create_subprocess_exec(*init, stdout=PIPE, stderr=STDOUT, cwd=ROOT)

    async def run(
        self, *arguments: str, entrypoint: tuple[str, ...] | None = None
    ) -> tuple[int, str]:
        """The exit code and everything printed."""
        process = await self.start(*arguments, entrypoint=entrypoint)
        try:
            printed, _ = await asyncio.wait_for(process.communicate(), 60)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, printed.decode()
