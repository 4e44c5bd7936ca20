"""Commands on what a profile requests: the list for the app's settings, and the link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from oauth_helper.cli.output import PROFILE, json_text, profile_named, read_settings
from oauth_helper.config.app_setup import (
    DISTRIBUTIONS,
    SetupChecklist,
    app_hsmeta,
    setup_checklist,
)
from oauth_helper.config.profiles import Profile
from oauth_helper.hubspot.authorization_request import authorization_endpoint, authorization_link
from oauth_helper.scopes import (
    OAUTH,
    Availability,
    Kind,
    Scope,
    Sensitivity,
    UnknownScopesError,
    parse_scope,
)


@click.command()
@PROFILE
@click.option("--format", "form", type=click.Choice(["table", "json", "hsmeta"]), default="table")
@click.option("--optional-scope", help="Only these optional scopes, separated by spaces.")
@click.option(
    "--distribution",
    type=click.Choice(DISTRIBUTIONS),
    default=DISTRIBUTIONS[0],
    show_default=True,
    help="For hsmeta: private is for 10 accounts on an allowlist, marketplace for 25 until listed.",
)
def catalogue(name: str | None, form: str, optional_scope: str | None, distribution: str) -> None:
    """List what to enter in the HubSpot app's settings: scopes by kind, and redirect URLs."""
    profile = profile_named(read_settings(), name)
    with _bad_scopes_named():
        checklist = setup_checklist(profile, _choice(optional_scope))
    if form == "hsmeta":
        click.echo(app_hsmeta(checklist, distribution), nl=False)
    elif form == "json":
        document = {
            "redirect_urls": list(checklist.redirect_urls),
            "scopes": [_scope_row(scope, checklist) for scope in profile.catalogue.scopes],
        }
        click.echo(json_text(document, ascii_only=False))
    else:
        _print_checklist(profile, checklist)


@click.command()
@PROFILE
@click.option("--optional-scope", help="Only these optional scopes, separated by spaces.")
@click.option("--hub-id", type=click.IntRange(1), help="Preselect this account.")
@click.option("--region", help="HubSpot region: na1, na2, na3, eu1 or ap1.")
def url(
    name: str | None, optional_scope: str | None, hub_id: int | None, region: str | None
) -> None:
    """Print an authorize URL to read. Without a state, it can't be used to connect."""
    config = read_settings()
    profile = profile_named(config, name)
    try:
        endpoint = authorization_endpoint(
            config.authorization_endpoint,
            hub_id=hub_id or profile.hub_id,
            region=region or profile.region,
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--region") from error
    with _bad_scopes_named():
        requested = profile.requested_scopes(_choice(optional_scope))
    click.echo(
        authorization_link(
            endpoint,
            client_id=profile.client_id,
            redirect_uri=profile.redirect_uri,
            requested=requested,
        )
    )


def _scope_row(scope: Scope, checklist: SetupChecklist) -> dict[str, object]:
    return {
        "scope": scope.name,
        "kind": scope.kind.value,
        "listed": scope.name == OAUTH or scope in checklist.listed,
        "opens": scope.opens,
        "subscription": scope.subscription,
        "sensitivity": scope.sensitivity.value,
        "availability": scope.availability.value,
        "replaced_by": list(scope.replaced_by),
        "note": scope.note,
    }


def _print_checklist(profile: Profile, checklist: SetupChecklist) -> None:
    click.echo(f"Redirect URLs for {checklist.title}:")
    for address in checklist.redirect_urls:
        click.echo(f"  {address}")
    width = max(len(scope.name) for scope in profile.catalogue.scopes)
    for kind in Kind:
        scopes = [scope for scope in profile.catalogue.scopes if scope.kind is kind]
        if scopes:
            click.secho(f"\nMark as {kind}:", bold=True)
        for scope in scopes:
            known = [scope.subscription]
            known += [scope.sensitivity] if scope.sensitivity is not Sensitivity.NORMAL else []
            known += ["ask HubSpot first"] if scope.availability is Availability.ON_REQUEST else []
            details = ", ".join(filter(None, known))
            listed = scope.name == OAUTH or scope in checklist.listed
            click.echo(
                f"  {scope.name:<{width}}  {scope.opens}"
                + (f" [{details}]" if details else "")
                + ("" if listed else "  (not on the list)")
            )


def _choice(optional_scope: str | None) -> tuple[str, ...] | None:
    return None if optional_scope is None else parse_scope(optional_scope)


@contextmanager
def _bad_scopes_named() -> Iterator[None]:
    try:
        yield
    except UnknownScopesError as error:
        raise click.BadParameter(str(error), param_hint="--optional-scope") from error
