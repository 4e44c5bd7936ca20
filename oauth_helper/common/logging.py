"""What the program writes to its logs: one line for each thing, whatever is in it."""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import quote

#: The logger of requests, and what its lines have beside the usual.
REQUESTS = "oauth_helper.requests"
REQUEST_FIELDS = ("method", "route", "path", "status", "milliseconds")

# Control characters, and the two other line ends of Unicode.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class OneLine(logging.Formatter):
    """Escapes what would end the line or steer a terminal; a traceback keeps its own lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line of a record, without its traceback."""
        record.message = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", record.message)
        return super().formatMessage(record)


class AccessLine(logging.Formatter):
    """Shows the path as it was sent: percent-decoded, it could hold the end of a line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line of a request."""
        if isinstance(record.args, dict):
            path = str(record.args["path"]).encode("latin-1", "replace")
            shown = quote(path, safe="/:@!$&'()*+,;=~-._")
            record.message = str(record.msg) % {**record.args, "path": shown}
        return super().formatMessage(record)


# These tell tokens, verifiers and whole addresses at DEBUG (Authlib 1.9.9, urllib3 2.8).
_TALKATIVE = ("authlib", "urllib3")


def keep_libraries_quiet() -> None:
    """Caps the loggers of libraries that tell secrets, whatever server runs the application."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether an operator wants to read it: workers that end or start again, and errors."""
    text = record.getMessage()
    if record.levelno < logging.WARNING:
        return text.startswith("Respawning")
    return not text.startswith(("Configuration allows", "Configured number"))


#: For `logging.config.dictConfig`; the server hands it to each worker.
LOGGING: dict[str, Any] = {
    "formatters": {
        "line": {"()": OneLine, "fmt": "%(asctime)s %(levelname)s %(message)s"},
        "access": {"()": AccessLine, "fmt": "%(message)s"},
    },
    "filters": {"news": {"()": lambda: _is_news}},
    "handlers": {
        "line": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "stream": "ext://sys.stderr",
        },
        "news": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["news"],
            "stream": "ext://sys.stderr",
        },
        "access": {
            "class": "logging.StreamHandler",
            "formatter": "access",
            "stream": "ext://sys.stdout",
        },
    },
    "loggers": {
        "oauth_helper": {"handlers": ["line"], "level": "INFO", "propagate": False},
        # Requests as they are told in JSON; as text the server tells them.
        REQUESTS: {"handlers": ["access"], "level": "CRITICAL", "propagate": False},
        **{name: {"level": "WARNING"} for name in _TALKATIVE},
        "_granian": {"handlers": ["news"], "propagate": False},
        "granian.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}


def logging_in(form: str) -> dict[str, Any]:
    """`LOGGING` in the form `text` or `json`."""
    if form == "text":
        return LOGGING
    as_json = {"()": _json_lines}
    loggers = LOGGING["loggers"]
    return {
        **LOGGING,
        "formatters": {"line": as_json, "access": as_json},
        "loggers": {**loggers, REQUESTS: {**loggers[REQUESTS], "level": "INFO"}},
    }


def _json_lines() -> logging.Formatter:
    """One JSON object for each thing, with the request and the attempt that it belongs to."""
    from structlog import contextvars, processors, stdlib  # noqa: PLC0415 - only where it is wanted

    return stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            contextvars.merge_contextvars,
            stdlib.add_log_level,
            stdlib.add_logger_name,
            stdlib.ExtraAdder(allow=REQUEST_FIELDS),
            processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            stdlib.ProcessorFormatter.remove_processors_meta,
            # As text: the structured form has the values of variables, which may be secrets.
            processors.format_exc_info,
            processors.JSONRenderer(),
        ],
    )
