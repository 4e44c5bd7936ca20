"""Format the log: one line per event, as text or as JSON."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote

#: The logger of requests, and the fields that its lines add.
REQUESTS = "oauth_helper.requests"
REQUEST_FIELDS = ("method", "route", "path", "status", "milliseconds")

#: What log lines say about the request that this thread serves: `request_id`, `reference`.
LOG_CONTEXT: ContextVar[dict[str, str]] = ContextVar("log context")

# Control characters, and the two other line ends of Unicode.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class OneLine(logging.Formatter):
    """Escape what would end the line or control a terminal; tracebacks keep their own lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line of a record, without its traceback."""
        record.message = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", record.message)
        return super().formatMessage(record)


class AccessLine(logging.Formatter):
    """Show the path as it was sent: percent-decoded, it could have line ends."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line of a request."""
        if isinstance(record.args, dict):
            path = str(record.args["path"]).encode("latin-1", "replace")
            shown = quote(path, safe="/:@!$&'()*+,;=~-._")
            record.message = str(record.msg) % {**record.args, "path": shown}
        return super().formatMessage(record)


# At DEBUG these log tokens, verifiers and whole addresses (Authlib 1.9.9, urllib3 2.8).
_TALKATIVE = ("apprise", "authlib", "urllib3")

# Requests by browsers and monitors, not by people: only worth reading at DEBUG.
_AUTOMATIC = re.compile(
    r"/(?:static/.*|(?:healthz|readyz|metrics)|support/failures/live|attempts/[^/]+/status)"
)


def keep_libraries_quiet() -> None:
    """Cap the loggers of libraries that log secrets, whatever server runs the application."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether a record is for operators: workers that end or restart, and errors."""
    text = record.getMessage()
    if record.levelno < logging.WARNING:
        return text.startswith("Respawning")
    return not text.startswith(("Configuration allows", "Configured number"))


def _is_of_a_person(record: logging.LogRecord) -> bool:
    """Return whether a request's line belongs in a log at INFO."""
    path = record.args.get("path") if isinstance(record.args, dict) else vars(record).get("path")
    return not _AUTOMATIC.fullmatch(str(path))


def log_config(form: str = "text", level: str = "INFO") -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`; the server hands it to workers.

    `form` is `text` or `json`. At `level` DEBUG, requests include those that no person made.
    """
    line: dict[str, Any] = {"()": OneLine, "fmt": "%(asctime)s %(levelname)s %(message)s"}
    access: dict[str, Any] = {"()": AccessLine, "fmt": "%(asctime)s %(message)s"}
    if form == "json":
        line = access = {"()": _json_lines}
    # As text, the server logs requests; as JSON, the application does, with what it knows of them.
    requests: dict[str, Any] = {"handlers": ["access"], "level": level, "propagate": False}
    return {
        "formatters": {"line": line, "access": access},
        "filters": {"news": {"()": lambda: _is_news}, "person": {"()": lambda: _is_of_a_person}},
        "handlers": {
            "line": _handler("line", "stderr"),
            "news": _handler("line", "stderr", "news"),
            "access": _handler("access", "stdout", *(["person"] if level != "DEBUG" else [])),
        },
        "loggers": {
            "oauth_helper": {"handlers": ["line"], "level": level, "propagate": False},
            REQUESTS: requests if form == "json" else {**requests, "level": "CRITICAL"},
            **{name: {"level": "WARNING"} for name in _TALKATIVE},
            "_granian": {"handlers": ["news"], "propagate": False},
            "granian.access": requests,
        },
    }


def _handler(formatter: str, stream: str, *filters: str) -> dict[str, Any]:
    return {
        "class": "logging.StreamHandler",
        "formatter": formatter,
        "filters": list(filters),
        "stream": f"ext://sys.{stream}",
    }


def _json_lines() -> logging.Formatter:
    """Return the formatter of JSON lines, which name their request and attempt."""
    from structlog import processors, stdlib  # noqa: PLC0415 - for JSON only

    return stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            lambda _logger, _method, event: {**LOG_CONTEXT.get({}), **event},
            stdlib.add_log_level,
            stdlib.add_logger_name,
            stdlib.ExtraAdder(allow=REQUEST_FIELDS),
            processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            stdlib.ProcessorFormatter.remove_processors_meta,
            # As text: the structured form shows the values of variables, which may be secret.
            processors.format_exc_info,
            processors.JSONRenderer(),
        ],
    )
