"""`ats-sync simulate`: an ATS to play with."""

import asyncio
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.options import JsonOption

if TYPE_CHECKING:
    from connectors.simulator import Simulator


def simulate(
    connector: Annotated[
        str, typer.Argument(help="Which ATS; a name that is none lists them.", show_default=False)
    ],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0 takes a free port.")
    ] = 0,
    candidates: Annotated[
        int, typer.Option("--candidates", min=0, max=1_000_000, help="How many candidates it has.")
    ] = 2000,
    seed: Annotated[
        int, typer.Option("--seed", help="The same seed makes the same candidates.")
    ] = 1,
    webhooks: Annotated[
        str | None,
        typer.Option("--webhooks", help="Where to post a signed event for each change."),
    ] = None,
    webhook_secret: Annotated[
        str | None, typer.Option("--webhook-secret", help="The key that signs the events.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Serve a simulated ATS on this machine until Ctrl-C, with the vendor's own rules and limits."""
    from daemon.cli.session import run_async, usage_error

    simulator = _simulator(connector, candidates, seed)
    if (webhooks is None) != (webhook_secret is None):
        raise usage_error("--webhooks and --webhook-secret go together")
    if webhooks is not None and webhook_secret is not None:
        try:
            simulator.send_webhooks(webhooks, webhook_secret)
        except ValueError as error:
            raise usage_error(str(error)) from None
    run_async(lambda: _serve(simulator, port, as_json=as_json))


def _simulator(connector: str, candidates: int, seed: int) -> "Simulator":
    from config.problems import suggestion
    from connectors.definition import find_definitions
    from connectors.simulator import UnknownSimulator, create_simulator, names
    from daemon.cli.session import usage_error

    try:
        return create_simulator(connector, candidates=candidates, seed=seed)
    except UnknownSimulator:
        if connector in find_definitions():
            raise usage_error(
                f'"{connector}" has a connector and no simulator; there are: {", ".join(names())}'
            ) from None
        meant = suggestion(connector, names())
        raise usage_error(f'no simulated ATS is called "{connector}" ({meant})') from None


async def _serve(simulator: "Simulator", port: int, *, as_json: bool) -> None:
    from daemon.cli.session import out, show
    from models.errors import UserError

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await simulator.start(port=port)
    except OSError as error:
        raise UserError(
            f"cannot listen on port {port}: {error.strerror or error}",
            remedy="name another one with --port, or 0 for any free one",
        ) from None
    try:
        show(simulator.facts(), _show, as_json=as_json)
        out.file.flush()
        await stop.wait()
    finally:
        await simulator.stop()


def _show(facts: Mapping[str, Any]) -> None:
    """Prints what to paste under `integrations:`, and where the account can be changed."""
    from daemon.cli.session import out

    connector = facts["connector"]
    counts = ", ".join(f"{count} {what}" for what, count in facts["counts"].items())
    block = {name: facts[name] for name in ("endpoint", "acting_user") if facts[name] is not None}
    lines = [f"simulated {connector}: {counts}", "", "integrations:", f"  my-{connector}:"]
    lines += [f"    connector: {connector}"]
    lines += [f"    {name}: {_quoted(value)}" for name, value in block.items()]
    for name in ("credentials", "options"):
        pairs = ", ".join(f"{key}: {_quoted(value)}" for key, value in facts[name].items())
        lines += [f"    {name}: {{{pairs}}}"] if pairs else []
    lines += ["", f"change it by {facts['control']}; Ctrl-C ends it"]
    out.print("\n".join(lines), soft_wrap=True)


def _quoted(value: object) -> str:
    return f'"{value}"'
