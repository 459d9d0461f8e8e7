"""
Structured logs: one line per unit of work, stable event names, fields instead of prose.

A line is a JSON object (or, on a terminal, coloured text) with `event`, `level`, `time` (UTC, ISO 8601) and the fields
of its event, which `docs/events.md` lists. Every line passes `redaction` before it is written.
"""

import json
import logging
import os
import secrets
import select
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import orjson
import structlog

from waypost.observe.redaction import Redactor

_Event = MutableMapping[str, Any]
Logger = structlog.typing.FilteringBoundLogger
LogFormat = Literal["json", "console", "auto"]
_STALL_SECONDS_MAX = 1.0


class LogSink:
    """
    Writes whole lines to a file descriptor, unbuffered, so that a crash loses none.

    A log that cannot be written must not take the gateway down: a line that a full pipe does not take within a second,
    or that a closed one refuses, is dropped and counted in `dropped`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.dropped = 0

    def write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                if not select.select([], [self._descriptor], [], _STALL_SECONDS_MAX)[1]:
                    self.dropped += 1
                    return
            except OSError:
                self.dropped += 1
                return

    def flush(self) -> None:
        """Do nothing: every line is written through."""


class _Pseudonyms:
    """
    The redactor of this process.

    Logging is process-wide by nature (so is structlog's own configuration), which is why this one value is not passed
    around. Until `keep_pseudonyms` gives it the installation's key it has a random one.
    """

    def __init__(self) -> None:
        self.redactor = Redactor(secrets.token_bytes(32))


_pseudonyms = _Pseudonyms()


def mask_number(number: str) -> str:
    """
    Return a phone number's pseudonym with its last two digits, fit for logs: `kdgagfcbhe..23`.

    The pseudonym is the same for the same number as long as the installation's key is, and cannot be computed without.
    """
    return _pseudonyms.redactor.mask_number(number)


def keep_pseudonyms(key: bytes) -> None:
    """Make pseudonyms with this key from now on, up to 64 bytes, so that all processes of an installation agree."""
    _pseudonyms.redactor = Redactor(key)


def get_logger(component: str | None = None) -> Logger:
    """
    Return a logger; with a component (`accept`, `dispatch`, `receive`, `notify`, ...) every line carries its name.

    May be called at import time: configuration is looked up at the first line.
    """
    fields = {} if component is None else {"component": component}
    logger: Logger = structlog.get_logger(**fields)
    return logger


def configure_logging(
    *,
    log_format: LogFormat = "auto",
    level: str = "info",
    stream: TextIO | None = None,
) -> LogSink:
    """
    Set up logging for the whole process, libraries included; a later call replaces an earlier one.

    Args:
        log_format: `auto` is `console` when the stream is a terminal and `json` otherwise.
        level: least level written: `debug`, `info`, `warning` or `error`. Libraries are heard from `warning` on.
        stream: where to write; default standard error, which leaves standard output to commands.
    """
    stream = sys.stderr if stream is None else stream
    is_console = log_format == "console" or (log_format == "auto" and stream.isatty())
    sink = LogSink(stream.fileno())
    level_number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            *(_console_renderer(stream) if is_console else [_render_json]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level_number),
        logger_factory=structlog.BytesLoggerFactory(file=sink),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryHandler())
    root.setLevel(max(level_number, logging.WARNING))
    return sink


def log_warnings_only() -> None:
    """
    Set up logging for a command: warnings and errors, on standard error, since standard output is for its answer.

    A later ``configure_logging`` replaces it.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _redact,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _redact(_logger: object, _method: str, event: _Event) -> _Event:
    return _pseudonyms.redactor.redact_fields(event)


def _render_json(_logger: object, _method: str, event: _Event) -> bytes:
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError:
        # A lone surrogate or an integer beyond 64 bits: no reason to turn a log line into an exception.
        return json.dumps(event, default=str).encode()


def _console_renderer(stream: TextIO) -> list[Any]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )

    def encode(logger: Any, method: str, event: _Event) -> bytes:
        return str(renderer(logger, method, event)).encode()

    return [encode]


class _LibraryHandler(logging.Handler):
    """Passes what libraries log through the same redaction and format, as event `library.logged`."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = get_logger("library").bind(logger=record.name)
        exc_info = record.exc_info if record.exc_info and record.exc_info[0] else None
        logger.log(record.levelno, "library.logged", message=record.getMessage(), exc_info=exc_info)
