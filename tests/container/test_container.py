"""The image is built from the repository's own file, and run as an orchestrator would run it.

Its network is the machine's: a real MongoDB and a simulated ATS are beside it on the loopback.
"""

import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic

import pytest

from config.settings import Settings
from tests.support.ats_sync import RunningDaemon, Workbench, workbench
from tests.support.container_image import Image
from tests.support.container_run import Container
from tests.support.mongo import TestMongo
from tests.support.network import has_ipv6

pytestmark = [
    pytest.mark.container,
    pytest.mark.slow,
    pytest.mark.timeout(1200),  # the first one builds the image
]

OWN, ANY = "10001:10001", "1000650000:0"
EVERYWHERE = "::" if has_ipv6() else "127.0.0.1"
GRACE = Settings.model_fields["shutdown_grace"].default
MEGABYTE = 1024 * 1024
KUBERNETES = {
    "ATS_SYNC_PORT": "tcp://10.96.7.1:8080",
    "ATS_SYNC_SERVICE_HOST": "10.96.7.1",
    "ATS_SYNC_SERVICE_PORT_HTTP": "8080",
    "ATS_SYNC_PORT_8080_TCP_ADDR": "10.96.7.1",
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
}
PROXIES = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
WRITES = """
import errno, os
for folder in ("/", "/opt/ats-sync/bin", "/etc", "/config", "/data", "/dev"):
    try:
        open(os.path.join(folder, "written"), "w")
    except OSError as error:
        print(folder, errno.errorcode[error.errno])
open("/tmp/written", "w")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(os.getpid(), os.getuid(), os.getgid(), os.getgroups())
print(*(status[name].strip() for name in ("CapEff", "CapBnd", "NoNewPrivs")))
"""


def test_the_image_carries_the_service_and_no_tool_to_build_it(image: Image) -> None:
    installed = image.rootfs / "opt" / "ats-sync"
    files = [path for path in installed.rglob("*") if path.is_file() and not path.is_symlink()]
    data = (image.rootfs / "data").stat()

    assert sum(path.stat().st_size for path in files) < 110 * MEGABYTE
    assert not [p for p in files if p.name in {"pip", "pip3"} or "/pip/" in str(p)]
    assert not [p for p in files if {"pytest", "mypy", "fiftyone"} & set(p.parts)]
    assert image.config["User"] == OWN
    assert image.config["Healthcheck"]["Test"] == ["CMD", "ats-sync", "health"]
    assert (data.st_uid, data.st_gid, data.st_mode & 0o777) == (10001, 0, 0o770)


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    tmp_path.chmod(0o755)
    async with workbench(mongo, tmp_path, ["lever"]) as made:
        yield made


def container(image: Image, bench: Workbench, user: str, folder: Path, host: str) -> Container:
    """Beside the bench's MongoDB and ATS; /data is a volume that belongs to root."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    own = {
        name: value
        for name, value in bench.environment().items()
        if name in {"ATS_SYNC_MONGODB_URI", "ATS_SYNC_DATABASE", "ATS_SYNC_LOG_FORMAT"}
    }
    own |= {"ATS_SYNC_HTTP_HOST": host, "ATS_SYNC_HTTP_PORT": port}
    mounts = [(str(bench.folder), "/config", False), (str(folder), "/data", True)]
    return Container(image, folder, user, own | KUBERNETES | PROXIES, mounts)


@pytest.mark.parametrize(("user", "host"), [(OWN, "0.0.0.0"), (ANY, EVERYWHERE)])
async def test_it_imports_is_healthy_and_drains_as_any_user_on_a_root_that_is_read_only(
    image: Image, bench: Workbench, tmp_path: Path, user: str, host: str
) -> None:
    made = container(image, bench, user, tmp_path / "volume", host)

    daemon = RunningDaemon(await made.start())
    try:
        await daemon.heard("import_poll_finished")
        healthy = await made.run("health")
        probed = await made.run("-c", WRITES, entrypoint=("python",))
    finally:
        asked_at = monotonic()
        code = await daemon.stop()
    drained_in = monotonic() - asked_at
    unhealthy = await made.run("health")

    uid, gid = user.split(":")
    assert probed[0] == 0, probed
    *refused, ids, rights = probed[1].splitlines()
    assert {line.split()[0] for line in refused} == {
        *("/", "/opt/ats-sync/bin", "/etc", "/config", "/data", "/dev"),
    }
    assert ids == f"1 {uid} {gid} []"
    assert rights == "0000000000000000 0000000000000000 1"
    assert healthy[0] == 0, healthy
    assert healthy[1].endswith("answered ok\n")
    assert unhealthy[0] == 1, unhealthy
    assert code == 0, daemon.lines[-5:]
    assert any("shutdown_finished" in line for line in daemon.lines)
    assert drained_in < GRACE.total_seconds()
    people = await bench.documents("candidates")
    assert {row["external_id"] for row in people} == set(
        bench.simulators["lever"].truth().candidates
    )


def of_root(volume: Path) -> None:
    volume.chmod(0o755)


def of_another_user(volume: Path) -> None:
    """Written by an earlier container, whose user was another one."""
    volume.chmod(0o777)
    (volume / "mongodb").mkdir()
    (volume / "mongodb").chmod(0o777)
    (volume / "mongodb.owner").touch(0o600)


def with_a_file_in_its_place(volume: Path) -> None:
    volume.chmod(0o777)
    (volume / "mongodb").write_text("")


@pytest.mark.parametrize(
    ("prepare", "writable", "says"),
    [
        (of_root, True, "/data/mongodb cannot be used: Permission denied"),
        (of_another_user, True, "cannot be used: /data/mongodb.owner: Permission denied"),
        (with_a_file_in_its_place, True, "/data/mongodb cannot be used: File exists"),
        (of_root, False, "/data/mongodb cannot be used: Read-only file system"),
    ],
    ids=["root's", "another user's", "a file in its place", "read-only"],
)
async def test_a_volume_that_cannot_be_written_is_named_with_the_remedy(
    image: Image, tmp_path: Path, prepare: Callable[[Path], None], writable: bool, says: str
) -> None:
    volume, config = tmp_path / "volume", tmp_path / "config"
    volume.mkdir()
    config.mkdir(mode=0o755)
    (config / "ats-sync.yaml").write_text("version: 1\nintegrations: {}\n")
    prepare(volume)
    made = Container(
        image,
        tmp_path,
        environment={"ATS_SYNC_MONGOD": "/bin/true", "ATS_SYNC_LOG_FORMAT": "json"},
        mounts=[(str(config), "/config", False), (str(volume), "/data", writable)],
    )

    code, printed = await made.run()

    assert code == 1
    assert says in printed
    assert "Make it writable for user 10001, set ATS_SYNC_DATA_DIR" in printed
    assert "Traceback" not in printed
