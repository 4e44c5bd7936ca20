"""Logs: one line for each thing, without secrets of the libraries below."""

import json
import logging
import logging.config
from contextlib import contextmanager

import pytest

from oauth_helper.common.logging import (
    LOG_CONTEXT,
    REQUESTS,
    OneLine,
    keep_libraries_quiet,
    log_config,
)


def line_of(message, *arguments, exc_info=None):
    record = logging.LogRecord("oauth_helper", logging.INFO, "", 1, message, arguments, exc_info)
    return OneLine("%(levelname)s %(message)s").format(record)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\x1b[31m", "\x85", "\u2028", "\0"])
def test_no_text_makes_a_line_of_its_own(end):
    text = line_of("revokes %s", f"x{end}2026-11-23 INFO forged")
    assert end not in text
    assert len(text.splitlines()) == 1
    assert "forged" in text


def test_a_traceback_keeps_its_lines():
    try:
        int("odd")
    except ValueError as error:
        text = line_of("failed", exc_info=(type(error), error, error.__traceback__))
    assert len(text.splitlines()) > 2


def test_debug_messages_of_libraries_that_tell_secrets_are_off():
    with configured(log_config()):
        for name in ("authlib.oauth2", "urllib3.connectionpool"):
            assert not logging.getLogger(name).isEnabledFor(logging.DEBUG)
        assert logging.getLogger("oauth_helper.oauth.client.start").isEnabledFor(logging.INFO)


@contextmanager
def configured(config):
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **config})
    try:
        yield
    finally:
        for name in config["loggers"]:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    ("level", "lines"),
    [
        ("DEBUG", ["request /", "request /static/app.css", "request /healthz", "failed: x"]),
        ("INFO", ["request /", "failed: x"]),
        ("WARNING", []),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_level_says_which_requests_and_events_are_logged(capsys, form, level, lines):
    with configured(log_config(form, level)):
        for path in ("/", "/static/app.css", "/healthz"):
            if form == "json":
                logging.getLogger(REQUESTS).info("request %s", path, extra={"path": path})
            else:
                values = {"path": path}
                logging.getLogger("granian.access").info("request %(path)s", values)
        logging.getLogger("oauth_helper.x").info("failed: x")
        shown = capsys.readouterr()
    written = (shown.out + shown.err).splitlines()
    assert len(written) == len(lines)
    for line, expected in zip(written, lines, strict=True):
        assert expected in line


def test_libraries_tell_no_secrets_under_any_server(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("authlib", "urllib3"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    keep_libraries_quiet()
    logging.getLogger("authlib.oauth2.rfc6749").debug("Issue token %s", "canary")
    logging.getLogger("urllib3.connectionpool").debug("POST %s", "canary")
    assert "canary" not in caplog.text


def test_json_lines_have_their_request_and_no_variables_of_a_traceback():
    formatter = log_config("json")["formatters"]["line"]["()"]()
    LOG_CONTEXT.set({"request_id": "r-1", "reference": "2M7X-TQRT-89HR"})
    canary = "canary-secret"
    try:
        int(canary[:0])
    except ValueError as error:
        exc_info = (type(error), error, error.__traceback__)
    record = logging.LogRecord(
        "oauth_helper.x", logging.ERROR, "", 1, "a\n%s", ("b\x1b",), exc_info
    )
    line = formatter.format(record)
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert "canary" not in line.replace('canary = "canary-secret"', "").replace("canary[:0]", "")
    told = json.loads(line)
    assert told["event"] == "a\nb\x1b"
    assert (told["request_id"], told["reference"]) == ("r-1", "2M7X-TQRT-89HR")
    assert (told["level"], told["logger"]) == ("error", "oauth_helper.x")
    assert "ValueError" in told["exception"]
