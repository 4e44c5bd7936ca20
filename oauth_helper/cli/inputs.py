"""What `check` and `diagnose` are given on the command line, and how they end when it is no use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from oauth_helper.cli.output import json_text
from oauth_helper.common.redaction import harmless
from oauth_helper.config.settings import SettingsError
from oauth_helper.diagnosis.app_check import CheckedLink, LinkError, link_in, link_with, read_app
from oauth_helper.scopes import AppConfigurationError
from oauth_helper.scopes.app_file import AppFile
from oauth_helper.scopes.files import MAX_BYTES, read_bytes

# Bytes of a message that are read: pages that are saved whole are far smaller.
_LONGEST_MESSAGE = 1_000_000


def link_given(
    authorize_url: str | None, scope: str | None = None, optional_scope: str | None = None
) -> CheckedLink | None:
    """The link that the options describe; None when there are none."""
    if authorize_url is None and scope is None and optional_scope is None:
        return None
    if authorize_url is not None and (scope is not None or optional_scope is not None):
        raise click.UsageError("--authorize-url has scopes of its own: leave --scope out.")
    try:
        if authorize_url is None:
            return link_with(scope or "", optional_scope or "")
        return link_in(authorize_url)
    except LinkError as error:
        hint = "--scope" if authorize_url is None else "--authorize-url"
        raise click.BadParameter(str(error), param_hint=hint) from error


def app_file(path: str) -> AppFile:
    """The app's file at `path`, or that on stdin for "-". Raises `AppConfigurationError`."""
    if path == "-":
        return read_app(sys.stdin.buffer.read(MAX_BYTES + 1), origin="standard input")
    return read_app(read_bytes(Path(path), AppConfigurationError), origin=path)


def message_given(message: str | None, *, needed: bool) -> str:
    """The message of the option, else of stdin unless that is a terminal."""
    if message is None and not sys.stdin.isatty():
        message = sys.stdin.buffer.read(_LONGEST_MESSAGE).decode("utf-8", "replace")
    message = (message or "").strip()
    if needed and not message:
        raise click.UsageError(
            "There is no message. Give what HubSpot's page says with --message or on stdin."
        )
    return message


@contextmanager
def unusable_ends_it(*, as_json: bool) -> Iterator[None]:
    """Ends the command with 2 when what it was given cannot be used.

    Why stands on stderr, one problem a line, and with `as_json` on stdout too.
    """
    try:
        yield
    except AppConfigurationError as error:
        _end("", [f"{error.origin}: {problem}" for problem in error.problems], as_json=as_json)
    except SettingsError as error:
        _end("Some settings cannot be used:", error.problems, as_json=as_json)
    except click.UsageError as error:
        if as_json:
            _say_as_json(error.format_message())
        raise


def _end(heading: str, problems: list[str], *, as_json: bool) -> NoReturn:
    if heading:
        click.echo(heading, err=True)
    for problem in problems:
        click.echo(("  " if heading else "") + " ".join(harmless(problem).split()), err=True)
    if as_json:
        _say_as_json(" ".join([heading, "; ".join(problems)]).strip())
    sys.exit(2)


def _say_as_json(error: str) -> None:
    click.echo(json_text({"ok": False, "error": error}))
