"""What `check` and `diagnose` get on the command line, and how they end when it can't be used."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import click

from oauth_helper.cli.check_report import github_text, sarif, unusable
from oauth_helper.cli.output import json_text
from oauth_helper.common.redaction import harmless
from oauth_helper.config.settings import SettingsError
from oauth_helper.diagnosis.app_check import CheckedLink, LinkError, link_in, link_with
from oauth_helper.scopes import AppConfigurationError

# Bytes of a message that are read: pages that are saved whole are far smaller.
_LONGEST_MESSAGE = 1_000_000


def link_given(
    authorize_url: str | None, scope: str | None = None, optional_scope: str | None = None
) -> CheckedLink | None:
    """Return the link that the options describe; None without any."""
    if authorize_url is None and scope is None and optional_scope is None:
        return None
    if authorize_url is not None and (scope is not None or optional_scope is not None):
        raise click.UsageError("--authorize-url already has scopes: leave --scope out.")
    try:
        if authorize_url is None:
            return link_with(scope or "", optional_scope or "")
        return link_in(authorize_url)
    except LinkError as error:
        hint = "--scope" if authorize_url is None else "--authorize-url"
        raise click.BadParameter(str(error), param_hint=hint) from error


def message_given(message: str | None, *, needed: bool) -> str:
    """Return the message of the option, or that of stdin unless that is a terminal."""
    if message is None and not sys.stdin.isatty():
        message = sys.stdin.buffer.read(_LONGEST_MESSAGE).decode("utf-8", "replace")
    message = (message or "").strip()
    if needed and not message:
        raise click.UsageError(
            "There is no message. Give what HubSpot's page says with --message or on stdin."
        )
    return message


@contextmanager
def unusable_ends_it(form: str = "text", version: str = "") -> Iterator[None]:
    """End the command with 2 when what it gets can't be used.

    Why is on stderr, one problem a line, and in the format `form` on stdout too.
    """
    try:
        yield
    except AppConfigurationError as error:
        _end("", [f"{error.origin}: {each}" for each in error.problems], form, error, version)
    except SettingsError as error:
        _end("Invalid settings:", error.problems, form)
    except click.UsageError as error:
        if form == "json":
            _say_as_json(error.format_message())
        raise


def _end(
    heading: str,
    problems: Sequence[str],
    form: str,
    file: AppConfigurationError | None = None,
    version: str = "",
) -> NoReturn:
    if heading:
        click.echo(heading, err=True)
    for problem in problems:
        click.echo(("  " if heading else "") + " ".join(harmless(problem).split()), err=True)
    if form == "json":
        _say_as_json(" ".join([heading, "; ".join(problems)]).strip())
    if file is not None and form in ("github", "sarif"):
        findings = unusable(file.origin, file.problems)
        said = github_text(findings) if form == "github" else json_text(sarif(findings, version))
        click.echo(said)
    sys.exit(2)


def _say_as_json(error: str) -> None:
    click.echo(json_text({"ok": False, "error": error}))
