"""What every test has: real MongoDB on demand, no network beyond this machine, no task left running."""

import asyncio
import faulthandler
import inspect
import logging
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from daemon.store.connection import Mongo
from daemon.store.opening import open_mongo
from tests.support.driver_sockets import closing_driver_sockets
from tests.support.mongo import (
    MongoServer,
    OpenServer,
    PreparedDatabases,
    ReplicaSet,
    TestMongo,
    embedded_mongo,
    fresh_databases,
    three_node_replica_set,
)
from tests.support.mongo_auth import guarded_mongo
from tests.support.network import loopback_only

settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # two busy cores are slow, not wrong
)
settings.register_profile("nightly", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


GUARDED = "--guarded-mongo"
DISK_NEEDED_GIB = 8
"""A whole run takes some 5 GiB at most: the servers, their databases, and the image of the container."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        GUARDED,
        action="store_true",
        help="MongoDB with TLS and access control: the code under test has the printed roles only",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        folder = tempfile.gettempdir()
        if (free := shutil.disk_usage(folder).free / 2**30) < DISK_NEEDED_GIB:
            raise pytest.UsageError(
                f"{folder} has {free:.1f} GiB left, and a whole run needs {DISK_NEEDED_GIB}: on a full disk "
                "every MongoDB ends. Make room, or set TMPDIR to a folder on another disk."
            )
    if config.getoption(GUARDED):
        # PyMongo 4.20 leaves the socket of a client that is closed or cancelled while it connects with TLS
        # (2026-11-29: an AsyncMongoClient by itself, closed 2 to 10 ms after its first command).
        ignored = "ignore:Exception ignored in. <(socket|function _SSLProtocolTransport):pytest.PytestUnraisableExceptionWarning"
        config.addinivalue_line("filterwarnings", ignored)


class OneProcessPerGroup(LoadScopeScheduling):
    """Tests that share something dear run in one process: the image, the broker, the demo's port."""

    groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "container": ("tests/container/",),
        "broker": ("tests/broker/",),
        "demo": ("tests/e2e/test_demo.py", "tests/e2e/test_integration_guide.py"),
    }

    def _split_scope(self, nodeid: str) -> str:
        found = (name for name, paths in self.groups.items() if nodeid.startswith(paths))
        return next(found, nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneProcessPerGroup:
    """The groups of `--dist loadgroup` have no effect with this pytest."""
    return OneProcessPerGroup(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where processes share the work, they begin with what takes long: none is left alone with it in the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Ends a process that still hangs a minute after the time limit of its test.

    The limit interrupts a test once. Whatever hangs after it, such as the end of an event loop
    that waits for a thread, would hold the whole run for ever.
    """
    marker = item.get_closest_marker("timeout")
    limit = float(marker.args[0] if marker else item.config.getini("timeout")) + 60
    watch = threading.Timer(limit, _end_process, (item, limit))
    watch.daemon = True
    watch.start()
    try:
        return (yield)
    finally:
        watch.cancel()


def _end_process(item: pytest.Item, limit: float) -> None:
    folder = Path(item.config.rootpath, "ci-output")
    folder.mkdir(exist_ok=True)
    with (folder / f"hung-{os.getpid()}.txt").open("w") as stacks:
        stacks.write(f"{item.nodeid} was ended {limit:.0f} s after its start\n")
        stacks.flush()
        faulthandler.dump_traceback(stacks)
    os._exit(1)


@pytest.fixture(scope="session", autouse=True)
def _only_this_machine() -> Iterator[None]:
    with loopback_only(), closing_driver_sockets():
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that the tests are started in must not change what they see."""
    for name in os.environ:
        if name.upper().startswith("ATS_SYNC_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command inside this process sets up its log; the next test must not inherit it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _no_task_left(request: pytest.FixtureRequest) -> None:
    """An async test must end every task that it started."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_tasks_ended")


@pytest.fixture
async def _tasks_ended() -> AsyncIterator[None]:
    yield
    own = asyncio.current_task()
    left = {task for task in asyncio.all_tasks() if task is not own}
    if left:
        _, left = await asyncio.wait(left, timeout=1.0)
    if left:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=1.0)
        names = ", ".join(sorted(f"{task.get_name()} {task.get_coro()}" for task in left))
        pytest.fail(f"tasks left running: {names}")


@pytest.fixture(scope="session")
def mongo_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MongoServer]:
    """One embedded MongoDB for this test process (with xdist: for this worker)."""
    folder = tmp_path_factory.mktemp("mongo")
    if request.config.getoption(GUARDED):
        with guarded_mongo(folder) as guarded:
            yield guarded
    else:
        with embedded_mongo(folder) as server:
            yield OpenServer(server.uri)


@pytest.fixture(scope="session")
def mongo_uri(mongo_server: MongoServer) -> str:
    return mongo_server.root_uri


@pytest.fixture(scope="session")
def prepared_databases(mongo_server: MongoServer) -> PreparedDatabases:
    return PreparedDatabases(mongo_server, f"prepared_{uuid.uuid4().hex[:12]}")


@pytest.fixture
async def mongo(
    request: pytest.FixtureRequest,
    mongo_server: MongoServer,
    prepared_databases: PreparedDatabases,
) -> AsyncIterator[TestMongo]:
    """Two databases of this test alone: with nothing in them, or prepared where it wants them so."""
    if "prepared_mongo" in request.fixturenames:
        databases = prepared_databases.lend()
    else:
        databases = fresh_databases(mongo_server, uuid.uuid4().hex[:12])
    async with databases as found:
        yield found


@pytest.fixture
def prepared_mongo(mongo: TestMongo) -> TestMongo:
    """The test's databases, with every collection made and empty: much quicker than fresh ones."""
    return mongo


@pytest.fixture
async def opened(prepared_mongo: TestMongo) -> AsyncIterator[Mongo]:
    """The store's connection to the prepared databases."""
    connection = await open_mongo(
        prepared_mongo.uri,
        database=prepared_mongo.database,
        clearview_database=prepared_mongo.clearview,
        prepare=False,
    )
    yield connection
    await connection.close()


@pytest.fixture
async def unrestricted(mongo: TestMongo, mongo_uri: str) -> AsyncIterator[Mongo]:
    """The test's databases as root has them, for what no role of the daemon allows."""
    connection = Mongo(mongo_uri, database=mongo.database, clearview_database=mongo.clearview)
    yield connection
    await connection.close()


@pytest.fixture
async def replica_set(tmp_path: Path) -> AsyncIterator[ReplicaSet]:
    """Three nodes, to kill, freeze and step down. Takes seconds to set up: use it for faults only."""
    async with three_node_replica_set(tmp_path / "rs3") as three:
        yield three
