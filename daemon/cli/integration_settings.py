"""`ats-sync integrations add|update|remove`: integrations beside the YAML file, at run time."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from daemon.cli.options import ConfigOption, JsonOption, NameArgument

if TYPE_CHECKING:
    from daemon.app.services import AppServices
    from daemon.runtime.integration_admin import IntegrationAdmin

T = TypeVar("T")
FromOption = Annotated[
    Path,
    typer.Option(
        "--from",
        help="A YAML file with the keys of an integration; its references are resolved here.",
        show_default=False,
    ),
]
PatchOption = Annotated[
    Path,
    typer.Option(
        "--from",
        help="A YAML file with the keys that change; null removes one.",
        show_default=False,
    ),
]


def add(
    name: NameArgument,
    settings: FromOption,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask the ATS, and store nothing.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an integration, which every replica starts within 5 s. Its secrets are stored encrypted."""
    from daemon.cli.session import out, show

    async def work(admin: "IntegrationAdmin", _app: "AppServices") -> Any:
        content = _content_of(settings)
        if dry_run:
            return await admin.try_new(name, content)
        return {"integration": name, "revision": await admin.add(name, content)}

    def render(done: Any) -> None:
        if not dry_run:
            out.print(f"{name} is added.")
            return
        out.print(f"{done.ats_name} takes the credential; nothing was stored.")
        for stage in done.unmapped_stages:
            out.print(f"  no status for the stage {stage}")
        for note in done.notes:
            out.print(f"  {note}")

    show(_with_admin(config, work), render, as_json=as_json)


def update(
    name: NameArgument,
    settings: PatchOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change an integration that was added at run time."""
    from daemon.cli.session import out, show

    async def work(admin: "IntegrationAdmin", _app: "AppServices") -> dict[str, Any]:
        return {"integration": name, "revision": await admin.change(name, _content_of(settings))}

    done = _with_admin(config, work)
    show(done, lambda _: out.print(f"{name} is changed."), as_json=as_json)


def remove(
    name: NameArgument,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge", help="Delete also what is stored about it, but not ClearView's data."
        ),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove an integration that was added at run time; what is known about it stays."""
    from daemon.cli.session import out, show

    async def work(admin: "IntegrationAdmin", app: "AppServices") -> int:
        await admin.remove(name, again=purge)
        return await app.integration_data.purge(name) if purge else 0

    purged = _with_admin(config, work)
    deleted = f", with {purged:,} documents" if purge else ""
    show(
        {"integration": name, "removed": True, "purged": purged},
        lambda _: out.print(f"{name} is removed{deleted}."),
        as_json=as_json,
    )


def _content_of(path: Path) -> dict[str, Any]:
    """Returns the keys of a YAML file, its references resolved on this machine.

    Raises:
        ConfigError: it cannot be read, or is no mapping.
    """
    import os

    from config.problems import ConfigError, ConfigIssue, ConfigIssues
    from config.references import Resolver
    from config.to_json import to_json
    from config.yaml_tree import read_yaml

    problems = ConfigIssues()
    root = read_yaml(path, problems)
    root = Resolver(str(path), path.parent, os.environ, problems).resolve(root)
    problems.raise_errors()
    content = to_json(root)
    if not isinstance(content, dict):
        issue = ConfigIssue(str(path), 1, 1, "", "must have the keys of an integration")
        raise ConfigError([issue])
    return content


def _with_admin(
    config: Path | None, work: Callable[["IntegrationAdmin", "AppServices"], Awaitable[T]]
) -> T:
    from functools import partial

    from daemon.app.jobs import try_integration
    from daemon.cli.command_context import open_services
    from daemon.cli.session import run_async
    from daemon.runtime.integration_admin import IntegrationAdmin

    async def whole() -> T:
        async with open_services(config, prepare=True) as (checked, app):
            asking = partial(try_integration, app)
            admin = IntegrationAdmin(app.stored, lambda: checked, asking, app.audit)
            return await _in_words(work(admin, app))

    return run_async(whole)


async def _in_words(work: Awaitable[T]) -> T:
    """The outcome; a refusal is a sentence for people."""
    from connectors.errors import AtsError
    from daemon.cli.session import usage_error
    from daemon.core.integrations import StorageRefused
    from models.errors import UserError

    try:
        return await work
    except StorageRefused as refused:
        if refused.reason == "unknown":
            raise usage_error(f"{refused}; see: ats-sync integrations list") from None
        raise UserError(str(refused), remedy="see: ats-sync integrations list") from None
    except AtsError as error:
        raise UserError(
            f"the ATS refuses, or does not answer: {type(error).__name__}: {error}",
            remedy="correct the credentials or the endpoint; nothing was stored",
        ) from None
