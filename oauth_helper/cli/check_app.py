"""Checking an app's configuration before anybody opens the link."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import click

from oauth_helper.cli.inputs import app_file, link_given, unusable_ends_it
from oauth_helper.cli.messages import check_text, width_of
from oauth_helper.cli.output import FORMAT, PROFILE, json_text, profile_named
from oauth_helper.config.settings import Settings
from oauth_helper.diagnosis.app_check import compare, link_of
from oauth_helper.scopes.app_file import corrected_document, corrected_text
from oauth_helper.web.api.failure_schemas import PreflightJson


@click.command()
@click.argument("path")
@PROFILE
@click.option("--authorize-url", metavar="URL", help="Check this link instead of the profile's.")
@click.option("--scope", metavar="TEXT", help="Check these scopes, whatever the redirect URL.")
@click.option("--optional-scope", metavar="TEXT", help="The same for the other parameter.")
@FORMAT
@click.option("--fix", is_flag=True, help="Print the corrected file, and findings on stderr.")
def check(
    *,
    path: str,
    name: str | None,
    authorize_url: str | None,
    scope: str | None,
    optional_scope: str | None,
    form: str,
    fix: bool,
) -> None:
    """Check the HubSpot app's file at PATH (- for stdin) against the link people are sent with.

    Exits with 0 when HubSpot will accept the link, with 1 when it will not, and with 2 when a file
    or a setting cannot be used. With --fix it is 0 when the file that is printed fits:

        python -m oauth_helper check app-hsmeta.json --fix > new.json
    """
    with unusable_ends_it(as_json=form == "json" and not fix):
        profile = profile_named(Settings.from_environ(os.environ), name)
        link = link_given(authorize_url, scope, optional_scope)
        file = app_file(path)
    checked = compare(file.configuration, link or link_of(profile), profile.catalogue)
    fixed = replace(checked, app=checked.corrected) if fix else None
    stream = sys.stderr if fix else sys.stdout
    if form == "json":
        corrected = corrected_document(file.document, checked.corrected)
        document = PreflightJson.of(checked, corrected).model_dump(mode="json")
        said = json_text({"ok": checked.ok, "file": path, "profile": profile.name, **document})
    else:
        against = "the link given" if link else f"profile {profile.name}"
        said = check_text(
            checked, file=file.origin, against=against, fixed=fixed, width=width_of(stream)
        )
    click.echo(said, file=stream)
    if fix:
        # As bytes, so that line ends stay what they are.
        click.echo(corrected_text(file, checked.corrected).encode(), nl=False)
    if not (fixed or checked).ok:
        sys.exit(1)
