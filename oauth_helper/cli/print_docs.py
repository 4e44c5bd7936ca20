"""What the program knows of causes and scopes, as files of its documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from oauth_helper.diagnosis import Cause, Fix, wording
from oauth_helper.scopes.hubspot_scopes import scopes_in_specifications

_HEAD = """# Causes

Each cause that a failure can have: what happened, what the customer reads, how to confirm it, and
who fixes it. At the support desk each failure says the same, with its own scopes in the steps.
`python -m oauth_helper causes` prints this page.

| Cause | In search, API and exports | Who can fix it | Does starting again help? |
|---|---|---|---|"""

_SPECIFICATIONS = "https://github.com/HubSpot/HubSpot-public-api-spec-collection"

# What stands for the names that a failure has.
_NAMES = {
    "scopes": "the scope",
    "detail": "those that the record names",
    "redirect_uri": "the redirect URL",
    "profile": "the profile",
}


@click.command(short_help="Print the guide to every cause.")
def causes() -> None:
    """Print a guide to every cause: what customers read, and who fixes it."""
    click.echo("\n".join([_HEAD, *map(_row, Cause)]))
    for cause in Cause:
        click.echo("\n" + "\n".join(_lines(cause)))


@click.command(short_help="Print HubSpot's scope names from its specifications.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def hubspot_scopes(folder: Path) -> None:
    """Print a new oauth_helper/scopes/hubspot_scopes.toml from HubSpot's API specifications.

    FOLDER is a clone of https://github.com/HubSpot/HubSpot-public-api-spec-collection.
    """
    try:
        names = scopes_in_specifications(folder)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="FOLDER") from error
    click.echo(
        "\n".join(
            [
                "# The scopes that HubSpot's own API specifications ask for: names to leave alone,",
                "# whatever catalogue is in use. `python -m oauth_helper hubspot-scopes FOLDER`",
                "# prints this file anew from a clone of the repository below.",
                "",
                f'source = "{_SPECIFICATIONS}, the `security` of each operation"',
                f"date = {datetime.now(UTC).date()}",
                "names = [",
                *(f'    "{name}",' for name in names),
                "]",
            ]
        )
    )


def _row(cause: Cause) -> str:
    words = wording(cause)
    anchor = re.sub(r"[^\w\- ]", "", words.title.lower()).replace(" ", "-")
    who = ", ".join(fix.who.title.lower() for fix in words.fix).replace("hubspot", "HubSpot")
    return f"| [{words.title}](#{anchor}) | `{cause}` | {who} | {'yes' if words.again else 'no'} |"


def _lines(cause: Cause) -> Iterator[str]:
    words = wording(cause)
    yield f"## {words.title}"
    yield ""
    yield f"`{cause}`. {words.explained}"
    yield ""
    yield f"- **The customer reads:** {words.customer}"
    yield f"- **How to confirm:** {words.distinguishing_sign}"
    for fix in words.fix:
        yield f"- **{fix.who.title}:** {' '.join(_steps(fix))}"
    for link in words.links:
        yield f"- [{link.title}]({link.url})"


def _steps(fix: Fix) -> Iterator[str]:
    """Yield the steps of a record that has all names."""
    for step, without in zip(fix.steps, fix.only_without, strict=True):
        if not without:
            yield step.replace("`{scopes}`", "{scopes}").format_map(_NAMES)
