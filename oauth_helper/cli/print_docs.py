"""What is said about each cause, as a guide in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

import click

from oauth_helper.diagnosis import Cause, Responsible, wording

_WHO = {
    Responsible.CUSTOMER: "The customer",
    Responsible.ACCOUNT_ADMIN: "The admin of the customer's HubSpot account",
    Responsible.APP_DEVELOPER: "The developer of the HubSpot app",
    Responsible.OPERATOR: "The operator of this program",
}

_HEAD = """# Causes

Every cause that a failure can have: what the customer reads, what it is, how to tell it from
others, and who can fix it. Each failure shows the same, with the names of the scopes filled in.
This page is printed by `python -m oauth_helper causes`."""


@click.command()
def causes() -> None:
    """Print a guide to every cause: what customers read, and who can fix it."""
    click.echo("\n\n".join([_HEAD, *map(_section, Cause)]))


def _section(cause: Cause) -> str:
    return "\n".join(_lines(cause))


def _lines(cause: Cause) -> Iterator[str]:
    words = wording(cause)
    yield f"## {words.title}"
    yield ""
    yield f"`{cause}`. {words.explained}"
    yield ""
    yield f"- **The customer reads:** {words.customer}"
    yield f"- **What decides it:** {words.distinguishing_sign}"
    yield f"- **Does starting again help?** {'Yes.' if words.again else 'No.'}"
    for fix in words.fix:
        yield f"- **{_WHO[fix.who]}:** {' '.join(fix.steps)}"
    for link in words.links:
        yield f"- [{link.title}]({link.url})"
