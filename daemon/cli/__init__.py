"""The command `ats-sync`.

Modules of this folder import little at their top: what a command needs is imported inside it, so
that help and completion answer at once.
"""

import sys

from daemon.cli.command_table import build_app
from daemon.cli.process_start import (
    collect_rarely,
    end_on_sigterm,
    keep_memory,
    open_standard_streams,
)


def main() -> None:
    """The console script."""
    open_standard_streams()
    end_on_sigterm()
    collect_rarely()
    keep_memory()
    try:
        build_app()(prog_name="ats-sync")
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - no traceback: its text may quote anything
        sys.exit(_shown(error))


def _shown(error: Exception) -> int:
    from daemon.cli.session import EXIT_FAILED, show_error, shown_as

    show_error(shown_as(error))
    return EXIT_FAILED
