"""Options that several commands share, worded once."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The operator's YAML file; otherwise ATS_SYNC_CONFIG, or config/ats-sync.yaml.",
        show_default=False,
    ),
]
NameArgument = Annotated[str, typer.Argument(help="The integration's name.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for scripts.")]
IntegrationOption = Annotated[
    str | None,
    typer.Option("--integration", "-i", help="Only this integration.", show_default=False),
]
LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")
]
