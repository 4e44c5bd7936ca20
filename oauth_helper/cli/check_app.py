"""Checking an app's configuration before anybody opens the link."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import click

from oauth_helper.cli.app_files import app_file
from oauth_helper.cli.check_report import check_text, findings_in, github_text, sarif
from oauth_helper.cli.inputs import link_given, unusable_ends_it
from oauth_helper.cli.messages import width_of
from oauth_helper.cli.output import PROFILE, json_text, profile_named
from oauth_helper.common.version import VERSION
from oauth_helper.config.profiles import Profile
from oauth_helper.config.settings import Settings
from oauth_helper.diagnosis.app_check import CheckedLink, compare
from oauth_helper.scopes import Preflight
from oauth_helper.scopes.app_file import AppFile, corrected_document, corrected_text
from oauth_helper.web.api.failure_schemas import PreflightJson


@click.command(short_help="Check the HubSpot app's file against the link.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@PROFILE
@click.option("--authorize-url", metavar="URL", help="Check this link instead of the profile's.")
@click.option("--scope", metavar="TEXT", help="Check these scopes instead of a link.")
@click.option("--optional-scope", metavar="TEXT", help="With --scope: those in optional_scope.")
@click.option(
    "--hs-profile",
    metavar="NAME",
    help="Fill in the file's ${NAME} from hsprofile.<NAME>.json in its folder or above.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
)
@click.option("--fix", is_flag=True, help="Print the corrected file, and findings on stderr.")
def check(
    *,
    paths: tuple[str, ...],
    name: str | None,
    authorize_url: str | None,
    scope: str | None,
    optional_scope: str | None,
    hs_profile: str | None,
    form: str,
    fix: bool,
) -> None:
    """Check the HubSpot app's file at each PATH against the link that customers are sent with.

    PATH is the file, the folder of a HubSpot project, or - for standard input. The command exits
    with 0 when HubSpot will accept the link, with 1 when it will reject it, and with 2 when a file
    or a setting can't be used. With --fix it is 0 when the printed file fits:

        python -m oauth_helper check app-hsmeta.json --fix > new.json
    """
    if len(paths) > 1 and (fix or form == "json"):
        raise click.UsageError("--fix and --format json take one PATH.")
    with unusable_ends_it("text" if fix else form, VERSION):
        profile = profile_named(Settings.from_environ(os.environ), name)
        link = link_given(authorize_url, scope, optional_scope)
        files = [app_file(path, hs_profile=hs_profile) for path in paths]
    wanted = link or CheckedLink(profile.usual_request, profile.redirect_uri)
    checks = [(file, compare(file.configuration, wanted, profile.catalogue)) for file in files]
    stream = sys.stderr if fix else sys.stdout
    if form == "text":
        against = "the link given" if link else f"profile {profile.name}"
        said = "\n\n".join(
            check_text(
                file,
                checked,
                against=against,
                fixed=_fixed(checked, fix=fix),
                width=width_of(stream),
            )
            for file, checked in checks
        )
    elif form == "json":
        said = _as_json(*checks[0], paths[0], profile)
    else:
        findings = [each for file, checked in checks for each in findings_in(file, checked)]
        said = github_text(findings) if form == "github" else json_text(sarif(findings, VERSION))
    click.echo(said, file=stream)
    if fix:
        # As bytes, so that line ends stay what they are.
        file, checked = checks[0]
        click.echo(corrected_text(file, checked.corrected).encode(), nl=False)
    if not all((_fixed(checked, fix=fix) or checked).ok for _, checked in checks):
        sys.exit(1)


def _fixed(checked: Preflight, *, fix: bool) -> Preflight | None:
    """Return the check of the corrected file; None unless it was asked for."""
    return replace(checked, app=checked.corrected) if fix else None


def _as_json(file: AppFile, checked: Preflight, path: str, profile: Profile) -> str:
    corrected = corrected_document(file.document, checked.corrected, file.variables)
    document = PreflightJson.of(checked, corrected).model_dump(mode="json")
    return json_text({"ok": checked.ok, "file": path, "profile": profile.name, **document})
