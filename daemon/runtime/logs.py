"""Sets up the log of the process: one line per event, JSON for machines and colour for a terminal."""

import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, TextIO

import msgspec
import structlog
from aiohttp.http_exceptions import BadHttpMessage
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from daemon.core.unexpected import stack, unexpected
from daemon.runtime.log_redaction import Redactor
from models.errors import AtsSyncError

LogFormat = Literal["auto", "json", "console"]

# Libraries whose everyday chatter is not news. PyMongo's and aio-pika's debug logs also quote whole documents.
_QUIET = (
    *("pymongo", "motor", "apscheduler", "aiohttp.access", "asyncio", "watchfiles", "apprise"),
    *("urllib3", "markdown", "charset_normalizer", "aio_pika", "aiormq"),
)


def configure_logs(
    *, log_format: LogFormat = "auto", level: str = "info", stream: TextIO | None = None
) -> Redactor:
    """Sends every event of structlog and of the standard library to one stream, redacted.

    Returns the redactor, to which secrets that become known later are added.
    """
    target = stream or sys.stderr
    redactor = Redactor()
    handler = _Handler(target)
    is_pretty = log_format == "console" or (log_format == "auto" and target.isatty())
    console = _console(target) if is_pretty else None
    handler.setFormatter(_formatter(redactor, console))
    handler.addFilter(_is_no_garbled_request)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_context(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return redactor


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; one that cannot be written is replaced by a sentence, never by the raw record."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        if isinstance(error, OSError | ValueError) and not isinstance(error, UnicodeError):
            return  # The stream is gone.
        cause = type(error).__name__
        with suppress(OSError, ValueError):
            self.stream.write(f"a log event of {record.name} could not be written ({cause})\n")


def _is_no_garbled_request(record: logging.LogRecord) -> bool:
    """Returns False for an error about bytes that are no HTTP: they are answered with 400; logging it would quote it, tokens and all."""
    error = record.exc_info[1] if record.exc_info else None
    return not (record.name == "aiohttp.server" and isinstance(error, BadHttpMessage))


def _context() -> Sequence[Processor]:
    """Returns the processors of every event, ours and those of libraries."""
    return (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    )


def _formatter(redactor: Redactor, console: Processor | None) -> ProcessorFormatter:
    return ProcessorFormatter(
        foreign_pre_chain=[*_context(), structlog.stdlib.ExtraAdder(allow=())],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            _describe_exception,
            redactor,
            console or structlog.processors.JSONRenderer(serializer=_json),
        ],
    )


def _describe_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    """An error as type and lines of code: its own text may quote a payload, a person or a secret.

    Only errors of our own classes keep their sentence. structlog's renderers print texts, and the
    pretty ones local variables as well.
    """
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        said = f"{type(error).__name__}: {error}" if isinstance(error, AtsSyncError) else ""
        event["exception"] = f"{said or unexpected(error)} | {stack(error)}"
    return event


def _json(event: Any, default: Callable[[Any], Any], **_: Any) -> str:
    """Every push is a line: the standard library's encoder takes five times as long."""
    return msgspec.json.encode(event, enc_hook=default).decode()


def _console(target: TextIO) -> structlog.dev.ConsoleRenderer:
    """Colours are for a terminal; a file or a pipe gets plain text."""
    return structlog.dev.ConsoleRenderer(
        colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
