"""The command line: serving, and what an operator or a developer asks for.

Modules are imported where they are used: `url` or `catalogue` need neither Flask nor Redis.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from dotenv import find_dotenv, load_dotenv

from oauth_helper.config import Config, ConfigError
from oauth_helper.diagnosis import Cause, Role, Stage
from oauth_helper.profiles import Profile
from oauth_helper.scopes import (
    OAUTH,
    Availability,
    Kind,
    Scope,
    Sensitivity,
    Tier,
    UnknownScopesError,
    parse_scope,
)

if TYPE_CHECKING:
    from oauth_helper.app_setup import SetupChecklist
    from oauth_helper.storage.client import Client
    from oauth_helper.storage.connections import Connections

_INDENT = 2


def main() -> None:
    """Runs the command line."""
    # Settings in the environment win over those in `.env`.
    load_dotenv(find_dotenv(usecwd=True))
    cli(prog_name="python -m oauth_helper")


@click.group(invoke_without_command=True)
@click.pass_context
def cli(context: click.Context) -> None:
    """Connects customers to HubSpot and explains each connection that fails.

    Without a command it serves. Settings come from the environment or from a file named .env;
    config.example.env explains each.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    if context.invoked_subcommand is None:
        context.invoke(serve)


@cli.command()
def serve() -> None:
    """Serve the pages and the API (what happens without a command)."""
    from oauth_helper import create_app
    from oauth_helper.first_start import KeyFileError, with_secret_key, with_support_user
    from oauth_helper.serving import serve as serve_forever
    from oauth_helper.web.services import services_of

    config = _config()
    config, password = with_support_user(config)

    def before_workers(config: Config) -> Config:
        return with_secret_key(config)

    def ready(config: Config) -> None:
        click.echo(_welcome(config, password))

    try:
        code = serve_forever(
            config,
            create_app=create_app,
            before_workers=before_workers,
            regularly=lambda app: services_of(app).sweeping.sweep,
            ready=ready,
        )
    except KeyFileError as error:
        click.echo(f"oauth_helper cannot start: {error}", err=True)
        code = 2
    sys.exit(code)


@cli.command()
@click.option("--profile", "name", help="Name of the profile; the first one by default.")
@click.option("--format", "form", type=click.Choice(["table", "json", "hsmeta"]), default="table")
@click.option("--optional-scope", help="Only these optional scopes, separated by spaces.")
def catalogue(name: str | None, form: str, optional_scope: str | None) -> None:
    """What to enter in the HubSpot app's settings: scopes by kind, and redirect URLs."""
    from oauth_helper.app_setup import app_hsmeta, setup_checklist

    profile = _profile(_config(), name)
    with _bad_scopes_named():
        checklist = setup_checklist(profile, _choice(optional_scope))
    if form == "hsmeta":
        click.echo(app_hsmeta(checklist), nl=False)
    elif form == "json":
        document = {
            "redirect_urls": list(checklist.redirect_urls),
            "scopes": [_scope_row(scope, checklist) for scope in profile.catalogue.scopes],
        }
        click.echo(json.dumps(document, indent=_INDENT, ensure_ascii=False))
    else:
        _print_checklist(profile, checklist)


@cli.command()
@click.option("--profile", "name", help="Name of the profile; the first one by default.")
@click.option("--optional-scope", help="Only these optional scopes, separated by spaces.")
@click.option("--hub-id", type=click.IntRange(1), help="Preselect this account.")
@click.option("--region", help="HubSpot's region: na1, na2, na3, eu1 or ap1.")
def url(
    name: str | None, optional_scope: str | None, hub_id: int | None, region: str | None
) -> None:
    """Print an authorize URL to look at. It has no state, so it cannot be used to connect."""
    from oauth_helper.oauth.authorization_request import authorization_endpoint, authorization_url

    config = _config()
    profile = _profile(config, name)
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
        authorization_url(
            endpoint,
            client_id=profile.client_id,
            redirect_uri=profile.redirect_uri,
            requested=requested,
        )
    )


_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@cli.command()
@click.argument("path")
@click.option("--profile", "name", help="Name of the profile; the first one by default.")
@click.option("--authorize-url", metavar="URL", help="Check this link instead of the profile's.")
@click.option("--scope", metavar="TEXT", help="Check these scopes, whatever the redirect URL.")
@click.option("--optional-scope", metavar="TEXT", help="The same for the other parameter.")
@_FORMAT
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
    from oauth_helper.checking import compare, link_of, preflight_json
    from oauth_helper.command_input import app_file, json_text, link_given, unusable_ends_it
    from oauth_helper.command_output import check_text, width_of
    from oauth_helper.scopes.app_file import corrected_document, corrected_text

    with unusable_ends_it(as_json=form == "json" and not fix):
        profile = _profile(Config.from_environ(os.environ), name)
        link = link_given(authorize_url, scope, optional_scope)
        file = app_file(path)
    checked = compare(file.configuration, link or link_of(profile), profile.catalogue)
    fixed = replace(checked, app=checked.corrected) if fix else None
    stream = sys.stderr if fix else sys.stdout
    if form == "json":
        document = preflight_json(checked, corrected_document(file.document, checked.corrected))
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


@cli.command()
@click.option("--message", metavar="TEXT", help="What HubSpot said; read from stdin without it.")
@click.option("--authorize-url", metavar="URL", help="The link that was opened.")
@click.option("--app-config", metavar="PATH", help="The HubSpot app's file.")
@click.option(
    "--stage",
    type=click.Choice([stage.value for stage in Stage]),
    default=Stage.AUTHORIZATION.value,
    show_default=True,
    help="Where on its way it failed.",
)
@click.option(
    "--tier", type=click.Choice([tier.value for tier in Tier]), help="The account's subscription."
)
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), help="The role of who connects."
)
@_FORMAT
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
    """Say why a connection failed, from what HubSpot said, and who can mend it.

    The link and the app's file tell more than the message does; give what there is.
    """
    from oauth_helper.command_input import (
        app_file,
        json_text,
        link_given,
        message_given,
        unusable_ends_it,
    )
    from oauth_helper.command_output import explanation_text, width_of
    from oauth_helper.explaining import evidence_from, explain, explanation_json

    with unusable_ends_it(as_json=form == "json"):
        config = Config.from_environ(os.environ)
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
    explanation = explain(evidence, [each.client_secret.reveal() for each in config.profiles])
    if form == "json":
        click.echo(json_text(explanation_json(explanation)))
    else:
        click.echo(explanation_text(explanation, width_of(sys.stdout)))


@cli.command("hash-password")
def hash_password_command() -> None:
    """Make the hash of a password, asked for or read from stdin."""
    from oauth_helper.first_start import hash_password

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("The password is empty.")
    click.echo(hash_password(password))


@cli.group()
def failures() -> None:
    """Look at the failures that are recorded."""


@failures.command("list")
@click.option(
    "--cause",
    type=click.Choice([cause.value for cause in Cause]),
    metavar="CAUSE",
    help="Only of this cause.",
)
@click.option("--profile", help="Only failures of this profile.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def failures_list(cause: str | None, profile: str | None, limit: int) -> None:
    """The newest failures, one a line."""
    from oauth_helper.records import Wanted
    from oauth_helper.storage.failures import Failures
    from oauth_helper.web.times import iso

    config = _config()
    if profile:
        _profile(config, profile)  # refuses an unknown one
    with _store(config) as client:
        log = Failures(client, retention_days=config.failure_retention_days)
        page = log.page(Wanted(cause=cause, profile=profile), limit=limit)
    for failure in page.failures:
        account = failure.hub_id or "-"
        click.echo(
            f"{iso(failure.at)}  {failure.reference}  {failure.profile}  {account}  {failure.cause}"
        )
    if not page.failures:
        click.echo("No failure is recorded.", err=True)


@failures.command("show")
@click.argument("reference")
def failures_show(reference: str) -> None:
    """One failure as JSON."""
    from oauth_helper.reference import parse_reference
    from oauth_helper.storage.failures import Failures
    from oauth_helper.web.failure_json import failure_json

    config = _config()
    parsed = parse_reference(reference)
    if parsed is None:
        raise click.BadParameter("this is no reference; is it mistyped?", param_hint="REFERENCE")
    with _store(config) as client:
        found = Failures(client, retention_days=config.failure_retention_days).get(parsed)
    if found is None:
        raise click.ClickException(f"There is no failure {parsed}.")
    click.echo(json.dumps(failure_json(found), indent=_INDENT, ensure_ascii=False))


@cli.group()
def connections() -> None:
    """Look at the accounts that are connected, and revoke."""


@connections.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def connections_list(limit: int) -> None:
    """The latest connections, one a line."""
    from oauth_helper.web.times import iso

    config = _config()
    with _store(config) as client:
        found = _connections(config, client).newest(limit=limit)
    for each in found:
        count = "?" if each.granted is None else len(each.granted)
        click.echo(f"{iso(each.connected_at)}  {each.id}  {count} scopes  {each.reference}")
    if not found:
        click.echo("Nobody is connected.", err=True)


@connections.command("revoke")
@click.argument("connection_id", metavar="ID")
def connections_revoke(connection_id: str) -> None:
    """Revoke a connection at HubSpot and forget it here."""
    from oauth_helper.hubspot import HubSpot
    from oauth_helper.revoking import revoke

    config = _config()
    with _store(config) as client:
        done = revoke(
            connection_id,
            connections=_connections(config, client),
            hubspot=HubSpot(config.api_url, config.api_version),
            profiles={profile.name: profile for profile in config.profiles},
        )
    if not done.ok:
        raise click.ClickException(done.message)
    click.echo(done.message)


@cli.command()
def doctor() -> None:
    """Check settings, store, clock and endpoints; exit 1 when something is wrong."""
    from oauth_helper.doctor import examine

    findings = examine(_config(), os.environ)
    for finding in findings:
        mark, colour = {True: ("ok", "green"), False: ("WRONG", "red"), None: ("note", "yellow")}[
            finding.ok
        ]
        click.echo(f"{click.style(f'{mark:<5}', fg=colour)}  {finding.about}: {finding.text}")
    if any(finding.ok is False for finding in findings):
        sys.exit(1)


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


def _config() -> Config:
    try:
        return Config.from_environ(os.environ)
    except ConfigError as error:
        click.echo("Some settings cannot be used:", err=True)
        for problem in error.problems:
            click.echo(f"  {problem}", err=True)
        sys.exit(2)


def _profile(config: Config, name: str | None) -> Profile:
    names = {profile.name: profile for profile in config.profiles}
    if name is not None and name not in names:
        raise click.BadParameter(f"there are {', '.join(names)}", param_hint="--profile")
    return names[name] if name else config.profiles[0]


def _choice(optional_scope: str | None) -> tuple[str, ...] | None:
    return None if optional_scope is None else parse_scope(optional_scope)


@contextmanager
def _bad_scopes_named() -> Iterator[None]:
    try:
        yield
    except UnknownScopesError as error:
        raise click.BadParameter(str(error), param_hint="--optional-scope") from error


@contextmanager
def _store(config: Config) -> Iterator[Client]:
    """The store of REDIS_URL, else that of a running program, else one started just for this."""
    from oauth_helper.first_start import KeyFileError
    from oauth_helper.records import StoreUnavailableError
    from oauth_helper.storage.client import connect
    from oauth_helper.storage.embedded import EmbeddedStore, StoreError, running_store_url

    try:
        address = config.redis_url.reveal() or running_store_url(config.data_dir)
        if address:
            yield connect(address)
        else:
            with EmbeddedStore(config.data_dir) as store:
                yield connect(store.url)
    except ValueError as error:
        raise click.ClickException("REDIS_URL is not an address that can be read") from error
    except (StoreError, StoreUnavailableError, KeyFileError) as error:
        raise click.ClickException(f"The store cannot be used: {error}") from error


def _connections(config: Config, client: Client) -> Connections:
    from oauth_helper.first_start import with_secret_key
    from oauth_helper.sealing import Sealer
    from oauth_helper.storage.connections import Connections

    sealer = Sealer(with_secret_key(config).secret_keys, purpose="tokens")
    return Connections(client, seal=sealer.seal, unseal=sealer.unseal)


def _welcome(config: Config, password: str | None) -> str:
    lines = [f"oauth_helper is ready: open {config.public_url}"]
    if config.sandbox:
        lines.append("  No HUBSPOT_CLIENT_ID is set, so a built-in sandbox plays HubSpot.")
    if password:
        lines.append(
            f"  Support staff: {config.public_url}/support/failures  user: support  "
            f"password: {password}"
        )
    return "\n".join(lines)
