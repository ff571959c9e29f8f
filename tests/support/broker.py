"""A real RabbitMQ for tests: a process of this test's own, on free ports, with its data in a folder.

Debian's `rabbitmq-server` is installed where it is missing and root may do so.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.container_base import APT, CannotRun, run

PACKAGE = "rabbitmq-server"
SCRIPTS = Path("/usr/lib/rabbitmq/bin")
"""Debian's wrappers in /usr/sbin change the user; these do not."""
USER, PASSWORD, VHOST = "ats", "hunter2-of-the-broker", "hiring"
WATCHER = "watcher"
"""May read and write everything but declare nothing."""
READY_WITHIN_S = 60.0


def prepare_broker() -> None:
    """Install what is missing.

    Raises:
        CannotRun: not as this user, or not on this system.
    """
    if _is_installed():
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CannotRun(f"Debian's {PACKAGE} is missing; try: apt-get install {PACKAGE}")
    quiet = {"RUNLEVEL": "1"}  # Debian begins no service in it
    try:
        with suppress(subprocess.SubprocessError):
            run(*APT, "update")
        run(*APT, "install", "--yes", "--no-install-recommends", PACKAGE, env=quiet)
    except subprocess.SubprocessError as error:
        raise CannotRun(f"Debian's {PACKAGE} cannot be installed. {error}") from None


def _is_installed() -> bool:
    return (SCRIPTS / "rabbitmq-server").exists()


@dataclass
class Broker:
    """One node. `start` after `kill` finds what was durable."""

    folder: Path
    port: int
    tls_port: int
    """0: it does not listen with TLS."""
    dist_port: int
    epmd_port: int
    command: Sequence[str | Path] = (SCRIPTS / "rabbitmq-server",)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Beyond what keeps the node apart from others of this machine."""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(
        self, *, user: str = USER, password: str = PASSWORD, vhost: str = VHOST, tls: bool = False
    ) -> str:
        where = f"localhost:{self.tls_port}" if tls else f"127.0.0.1:{self.port}"
        return f"{'amqps' if tls else 'amqp'}://{user}:{password}@{where}/{vhost}"

    @property
    def last_port(self) -> int:
        """The one on which it listens last."""
        return self.tls_port or self.port

    @property
    def _node(self) -> str:
        return f"ats-sync-{self.port}@localhost"

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_ALLOW_INPUT": "1",  # the script becomes the broker
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(self.folder / "feature_flags"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
            **self.environment,
        }

    def start(self) -> None:
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env=self._environment(),
                stdin=subprocess.PIPE,  # its shell ends with its input, and the broker with its shell
                stdout=output,
                stderr=output,
                cwd=self.folder,
            )
        self._wait_until_it_listens(self.process)

    def _wait_until_it_listens(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.last_port), 1):
                return
            time.sleep(0.05)
        self.kill()
        end = (self.folder / "output").read_text(errors="replace")[-2000:]
        raise AssertionError(f"RabbitMQ did not start: {end}")

    def lose_power(self) -> None:
        """Kills it. RabbitMQ 3.10 may take three minutes to write the name of a new quorum queue to disk."""
        self.control("eval", "[dets:sync(Table) || Table <- dets:all()].")
        self.kill()

    def kill(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.communicate()

    def control(self, *words: str) -> None:
        self.tool("rabbitmqctl", "--quiet", *words)

    def tool(self, name: str, *words: str) -> None:
        """One of RabbitMQ's commands, which has to succeed."""
        subprocess.run(
            [SCRIPTS / name, "--node", self._node, *words],
            env=self._environment(),
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    def stop(self) -> None:
        self.kill()
        epmd = shutil.which("epmd")
        if epmd is not None:
            subprocess.run(
                [epmd, "-port", str(self.epmd_port), "-kill"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )


@contextmanager
def running_broker(folder: Path, certificates: Path) -> Iterator[Broker]:
    """Starts a node; it listens with TLS as well, by a certificate of `certificates`."""
    port, tls_port, dist_port, epmd_port = free_ports(4)
    broker = Broker(folder, port, tls_port, dist_port, epmd_port)
    (folder / "enabled_plugins").write_text("[].\n")
    (folder / "definitions.json").write_text(json.dumps(_definitions()))
    (folder / "rabbitmq.conf").write_text(
        f"""\
listeners.tcp.1 = 127.0.0.1:{broker.port}
listeners.ssl.1 = 127.0.0.1:{broker.tls_port}
ssl_options.cacertfile = {certificates / "ca.pem"}
ssl_options.certfile = {certificates / "server.pem"}
ssl_options.keyfile = {certificates / "server.key"}
load_definitions = {folder / "definitions.json"}
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 1MB
"""
    )
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def _definitions() -> dict[str, object]:
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    users = [{"name": USER, "password": PASSWORD, "tags": "administrator"}]
    users.append({"name": WATCHER, "password": PASSWORD, "tags": ""})
    return {
        "users": users,
        "vhosts": [{"name": "/"}, {"name": VHOST}],
        "permissions": [
            {"user": USER, "vhost": VHOST, **everything},
            {"user": WATCHER, "vhost": VHOST, **everything, "configure": "^$"},
        ],
    }


def free_ports(count: int) -> Sequence[int]:
    """Below the ports that the kernel gives to connections: a broker that is down keeps its own."""
    draw, found = random.SystemRandom(), list[int]()
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            one, port = stack.enter_context(socket.socket()), draw.randrange(20_000, 32_000)
            with suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
    return found
