"""What commands share: the settings, a profile, and options."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable

import click

from oauth_helper.config.profiles import Profile
from oauth_helper.config.settings import Settings, SettingsError

PROFILE = click.option("--profile", "name", help="Profile; the first by default.")
FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


def read_settings() -> Settings:
    """Return the settings. Exits with 2 when some are invalid, after naming each on stderr."""
    try:
        return Settings.from_environ(os.environ)
    except SettingsError as error:
        click.echo("Invalid settings:", err=True)
        for problem in error.problems:
            click.echo(f"  {problem}", err=True)
        sys.exit(2)


def profile_named(config: Settings, name: str | None) -> Profile:
    """Return the profile `name`, or the first for None. Raises `BadParameter` if it is unknown."""
    names = {profile.name: profile for profile in config.profiles}
    if name is not None and name not in names:
        raise click.BadParameter(f"must be one of {', '.join(names)}", param_hint="--profile")
    return names[name] if name else config.profiles[0]


def json_text(document: object, *, ascii_only: bool = True) -> str:
    """Return `document` as JSON. In ASCII, no text in it can control a terminal."""
    return json.dumps(document, indent=2, ensure_ascii=ascii_only)


def print_table(header: tuple[str, ...], rows: Iterable[tuple[object, ...]], empty: str) -> None:
    """Print rows in columns, with - for what is unknown; `empty` on stderr when there are none."""
    lines = [header, *(tuple(str(cell or "-") for cell in row) for row in rows)]
    if len(lines) == 1:
        click.echo(empty, err=True)
        return
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
