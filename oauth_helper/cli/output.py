"""What several commands use: the settings, a profile of them, and options that mean the same."""

from __future__ import annotations

import json
import os
import sys

import click

from oauth_helper.config.profiles import Profile
from oauth_helper.config.settings import Settings, SettingsError

PROFILE = click.option("--profile", "name", help="Name of the profile; the first one by default.")
FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


def read_config() -> Settings:
    """The settings. Ends the command with 2 when some cannot be used, each named on stderr."""
    try:
        return Settings.from_environ(os.environ)
    except SettingsError as error:
        click.echo("Some settings cannot be used:", err=True)
        for problem in error.problems:
            click.echo(f"  {problem}", err=True)
        sys.exit(2)


def profile_named(config: Settings, name: str | None) -> Profile:
    """The profile `name`, or the first one for None. Raises `BadParameter` when there is none."""
    names = {profile.name: profile for profile in config.profiles}
    if name is not None and name not in names:
        raise click.BadParameter(f"there are {', '.join(names)}", param_hint="--profile")
    return names[name] if name else config.profiles[0]


def json_text(document: object, *, ascii_only: bool = True) -> str:
    """`document` as JSON. In ASCII no text in it can steer a terminal."""
    return json.dumps(document, indent=2, ensure_ascii=ascii_only)
