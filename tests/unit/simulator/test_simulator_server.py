"""The server's life, and what keeps a simulator an independent reading of the vendor's rules."""

import ast
import sys
from pathlib import Path

import aiohttp
import grimp
import pytest

import connectors.simulator
from connectors.simulator import names
from connectors.simulator.commands import run_random_commands
from tests.support.simulators import Start

FOLDER = Path(connectors.simulator.__file__).parent
ALLOWED = {"yaml", "aiohttp", "msgspec", "multidict"}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_simulator_knows_nothing_of_the_connector_engine(path: Path) -> None:
    foreign = {
        name
        for name in imported(path)
        if name.split(".")[0] not in ALLOWED | set(sys.stdlib_module_names)
        and not name.startswith("connectors.simulator")
    }

    assert foreign == set()


async def test_a_stopped_simulator_refuses_and_starts_again_where_it_was(
    start: Start, http: aiohttp.ClientSession
) -> None:
    simulator = await start("lever")
    before = simulator.truth()
    port = int(simulator.origin.rsplit(":", 1)[1])
    url = f"{simulator.url}/stages"
    await simulator.stop()

    with pytest.raises(aiohttp.ClientConnectionError):
        await http.get(url)
    await simulator.start(port=port)
    async with http.get(url) as answer:
        assert answer.status == 401
    assert simulator.truth() == before


async def test_two_simulators_do_not_share_anything(start: Start) -> None:
    first, second = await start("lever"), await start("lever")
    untouched = second.truth()

    run_random_commands(first, steps=20)

    assert first.origin != second.origin
    assert first.truth() != untouched == second.truth()


async def test_an_unknown_endpoint_is_a_violation(
    start: Start, http: aiohttp.ClientSession
) -> None:
    simulator = await start("greenhouse")

    async with http.get(f"{simulator.url}/no-such") as missing:
        assert missing.status == 404
    async with http.put(f"{simulator.url}/candidates") as wrong_method:
        assert wrong_method.status == 405
    assert [v.rule for v in simulator.violations] == ["unknown_endpoint"] * 2


@pytest.mark.parametrize("name", ["ashby", "greenhouse", "lever"])
async def test_a_secret_in_another_place_is_a_violation(
    start: Start, http: aiohttp.ClientSession, name: str
) -> None:
    simulator = await start(name)
    secret = list(simulator.credentials.values())[-1]

    async with http.post(f"{simulator.url}/job.list", headers={"X-API-Key": secret}):
        pass
    path = {"ashby": "/job.list", "greenhouse": "/jobs", "lever": "/stages"}[name]
    method = "POST" if name == "ashby" else "GET"
    async with http.request(
        method, f"{simulator.url}{path}", headers={"X-API-Key": secret}, params={"key": secret}
    ):
        pass

    found = {v.rule for v in simulator.violations}
    assert {"credentials_in_query", "credentials_in_other_header"} <= found
    assert secret not in str(simulator.violations)


async def test_a_scaled_window_opens_again_soon(start: Start, http: aiohttp.ClientSession) -> None:
    simulator = await start(
        "greenhouse", unlimited=False, token_rate_limit=1, window_s=30, time_scale=0.01
    )
    url = simulator.options["token_url"]

    async def status() -> int:
        async with http.post(url) as answer:
            return answer.status

    first, second = await status(), await status()
    third = second
    while third == 429:
        third = await status()

    assert (first, second, third) == (401, 429, 401)


@pytest.mark.parametrize("name", names())
def test_a_busy_while_is_seeded_and_does_most_of_what_there_is(name: str) -> None:
    accounts = [connectors.simulator.create_simulator(name, candidates=60) for _ in range(2)]

    done = [run_random_commands(account, steps=150, seed=5) for account in accounts]

    assert done[0] == done[1]
    assert len({entry["kind"] for entry in done[0]}) >= 9


def test_no_two_modules_of_the_simulators_import_each_other() -> None:
    """Neither directly nor through others, also not for types alone."""
    graph = grimp.build_graph("connectors", cache_dir=None)
    ours = {name for name in graph.modules if name.startswith("connectors.simulator.")}

    cycles = [
        f"{name} ~ {imported}"
        for name in sorted(ours)
        for imported in sorted(graph.find_modules_directly_imported_by(name) & ours)
        if graph.chain_exists(importer=imported, imported=name)
    ]

    assert cycles == []
