"""Explaining a connection that failed, without any record of it."""

from __future__ import annotations

import os
import sys

import click

from oauth_helper.cli.app_files import app_file
from oauth_helper.cli.inputs import link_given, message_given, unusable_ends_it
from oauth_helper.cli.messages import explanation_text, width_of
from oauth_helper.cli.output import FORMAT, json_text
from oauth_helper.config.settings import Settings
from oauth_helper.diagnosis import Role, Stage
from oauth_helper.diagnosis.explanation import evidence_from, explain
from oauth_helper.scopes import Tier
from oauth_helper.web.api.failure_schemas import DiagnosisJson


@click.command()
@click.option("--message", metavar="TEXT", help="HubSpot's message; without it, read from stdin.")
@click.option("--authorize-url", metavar="URL", help="The link that was opened.")
@click.option("--app-config", metavar="PATH", help="The HubSpot app's file.")
@click.option(
    "--stage",
    type=click.Choice([stage.value for stage in Stage]),
    default=Stage.AUTHORIZATION.value,
    show_default=True,
    help="The stage at which it failed.",
)
@click.option(
    "--tier", type=click.Choice([tier.value for tier in Tier]), help="The account's subscription."
)
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="The role of the user who connects.",
)
@FORMAT
def diagnose(
    *,
    message: str | None,
    authorize_url: str | None,
    app_config: str | None,
    stage: str,
    tier: str | None,
    role: str | None,
    form: str,
) -> None:
    """Explain why a connection failed, from HubSpot's message, and who can fix it.

    Add the link and the app's file if you have them: they say more than the message.
    """
    with unusable_ends_it(form):
        config = Settings.from_environ(os.environ)
        link = link_given(authorize_url)
        file = app_file(app_config) if app_config else None
        said = message_given(message, needed=link is None and file is None)
    evidence = evidence_from(
        catalogue=config.profiles[0].catalogue,
        message=said,
        stage=Stage(stage),
        link=link,
        app=file.configuration if file else None,
        tier=Tier(tier) if tier else None,
        role=Role(role) if role else None,
    )
    explanation = explain(
        evidence, [each.client_secret.get_secret_value() for each in config.profiles]
    )
    if form == "json":
        click.echo(json_text(DiagnosisJson.document_of(explanation)))
    else:
        click.echo(explanation_text(explanation, width_of(sys.stdout)))
