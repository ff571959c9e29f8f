"""`ats-sync connectors`: which ATSs there are, what they ask for, and how to add one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from connectors.definition import Definition
    from connectors.introspection import Listed

PathsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--path",
        help="A folder with definitions, besides those of connector_paths; may be repeated.",
        show_default=False,
    ),
]
NameArgument = Annotated[
    str,
    typer.Argument(help="The connector's name, or the path of its file.", show_default=False),
]


def list_connectors(
    path: PathsOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List every definition, those of connector_paths first. Broken ones are listed, too."""
    from connectors.introspection import list_definitions
    from daemon.cli.session import show, showing_errors

    with showing_errors():
        found = list_definitions(_folders(path, config))
    show(found, _show_list, as_json=as_json)


def _show_list(found: "Sequence[Listed]") -> None:
    from rich.text import Text

    from daemon.cli.rendering import table
    from daemon.cli.session import err, out

    lines = table("name", "ATS", "API", "from")
    for one in found:
        title = Text("has mistakes", style="red") if one.title is None else one.title
        source = "catalog" if one.in_catalog else str(one.file)
        lines.add_row(one.name, title, one.version or "", source)
    out.print(lines)
    for problem in (problem for one in found for problem in one.problems):
        err.print(problem)


def show_connector(
    name: NameArgument,
    path: PathsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a connector asks for, and what it can and cannot do."""
    from connectors.introspection import show_definition
    from daemon.cli.connector_view import show_facts
    from daemon.cli.session import show, showing_errors

    with showing_errors():
        facts = show_definition(_definition(name, _folders(path, config)))
    show(facts, show_facts, as_json=as_json)


def schema() -> None:
    """Print the JSON Schema of definitions, for completion in an editor."""
    from connectors.definition.publish import definition_schema

    typer.echo(definition_schema(), nl=False)


def check_definitions(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Connectors, by name or by path of the file; otherwise all.", show_default=False
        ),
    ] = None,
    path: PathsOption = None,
    config: ConfigOption = None,
) -> None:
    """Check definitions and run their own tests. Nothing is sent to any ATS."""
    from connectors.definition import find_definitions
    from daemon.cli.session import EXIT_FAILED, out, showing_errors

    with showing_errors():
        folders = _folders(path, config)
        wanted = names or sorted(find_definitions(folders))
        failed = [name for name in wanted if not _passes(name, folders)]
    out.print(f"{len(wanted) - len(failed)} of {len(wanted)} definitions are in order.")
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _passes(name: str, folders: Sequence[Path]) -> bool:
    """Checks a definition and prints its mistakes."""
    from config.problems import ConfigError
    from connectors.introspection import run_definition_tests
    from daemon.cli.session import err, out

    try:
        results = run_definition_tests(_definition(name, folders))
    except ConfigError as error:
        err.print(str(error))
        return False
    wrong = [one for one in results if not one.passed]
    out.print(f"{name}: {len(results) - len(wrong)} of {len(results)} tests pass")
    for one in wrong:
        err.print(f"  {one.name}")
        for difference in one.differences:
            err.print(f"    {difference}")
    return not wrong


def check_openapi(
    name: NameArgument,
    openapi: Annotated[
        Path,
        typer.Option(
            "--openapi", help="The vendor's OpenAPI 3 document, JSON or YAML.", show_default=False
        ),
    ],
    path: PathsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a definition with its vendor's OpenAPI document: requests, and every path read from an answer.

    Raises:
        typer.Exit: 1 if they contradict each other.
    """
    from connectors.openapi.comparison import compare
    from connectors.openapi.document import read_document
    from daemon.cli.connector_view import show_comparison
    from daemon.cli.session import EXIT_FAILED, show, showing_errors, usage_error
    from models.errors import UserError

    with showing_errors():
        definition = _definition(name, _folders(path, config))
    try:
        found = compare(definition, read_document(openapi))
    except UserError as error:
        raise usage_error(error) from None
    show(found, show_comparison, as_json=as_json)
    if found.count("mismatch"):
        raise typer.Exit(EXIT_FAILED)


def new(
    name: Annotated[
        str,
        typer.Argument(help="The new connector's name, such as acme-hire.", show_default=False),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="The vendor's OpenAPI document, or an answer of its list, as JSON.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print a commented definition to start from. Put it as NAME.yaml into a connector_paths folder."""
    from connectors.scaffold import new_definition
    from daemon.cli.session import usage_error
    from models.errors import UserError

    try:
        text = new_definition(name, source)
    except UserError as error:
        raise usage_error(error) from None
    typer.echo(text, nl=not text.endswith("\n"))


def _folders(given: Sequence[Path] | None, config: Path | None) -> list[Path]:
    """Where definitions are besides the catalog. The operator's file need not be right for this.

    Raises:
        typer.Exit: 2, because a folder was named that is not there.
    """
    from daemon.cli.session import settings_for, showing_errors, usage_error
    from daemon.runtime.checked_config import connector_folders_of

    for folder in given or ():
        if not folder.is_dir():
            raise usage_error(f"{folder} is no folder")
    with showing_errors():
        file = settings_for(config).config
    if config is not None and not config.is_file():
        raise usage_error(f"{config} is no file")
    return [*(given or ()), *connector_folders_of(file)]


def _definition(name: str, folders: Sequence[Path]) -> "Definition":
    """Raises:
    ConfigError: the definition has mistakes.
    typer.Exit: 2, because there is none of this name.
    """
    from connectors.definition import UnknownDefinition, load_definition
    from daemon.cli.session import usage_error

    try:
        return load_definition(name, folders)
    except UnknownDefinition as error:
        raise usage_error(error) from None
