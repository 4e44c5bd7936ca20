"""The command that fills the sandbox's store with made-up failures."""

from __future__ import annotations

import random
import time

import click

from oauth_helper.cli.bootstrap import password_file
from oauth_helper.cli.demo.story import Demonstration
from oauth_helper.cli.output import read_settings
from oauth_helper.cli.records import connections_of
from oauth_helper.cli.store import open_store
from oauth_helper.config.settings import SANDBOX_CLIENT_ID, Settings
from oauth_helper.failures.query import FailureQuery
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.failures import Failures


@click.command()
@click.option(
    "--failures", "count", type=click.IntRange(1, 100_000), default=300, show_default=True
)
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True)
@click.option("--seed", type=int, help="Repeats a run: the same number, the same failures.")
@click.option("--yes", is_flag=True, help="Add to a store that already contains failures.")
def demo(*, count: int, days: int, seed: int | None, yes: bool) -> None:
    """Fill the sandbox's store with made-up failures, to try the support pages.

    Writes to the program's store, also while it runs. Refuses a real HubSpot app.
    """
    config = read_settings()
    _check_sandbox(config)
    days = min(days, config.failure_retention_days)
    seed = random.randrange(10**6) if seed is None else seed  # noqa: S311 - a story, no secret
    with open_store(config) as client:
        failures = Failures(client, retention_days=config.failure_retention_days)
        if not yes and failures.page(FailureQuery(), limit=1).failures:
            raise click.ClickException(
                "This store already contains failures. Use --yes to add demo data anyway."
            )
        done = Demonstration(
            attempts=Attempts(client, retention_days=config.failure_retention_days),
            failures=failures,
            connections=connections_of(config, client),
            profiles=config.profiles,
            now=time.time(),
            days=days,
            chance=random.Random(seed),  # noqa: S311
        ).write(count)
    click.echo(
        f"Wrote {done['failures']} failures and {done['connected']} connected attempts of the last "
        f"{days} days; {done['accounts']} accounts are connected (seed {seed})."
    )
    click.echo(f"See {config.public_url}/support/failures")
    click.echo(_sign_in_hint(config))


def _check_sandbox(config: Settings) -> None:
    """End the command if the store could have data of real customers."""
    real = [each.name for each in config.profiles if each.client_id != SANDBOX_CLIENT_ID]
    if real:
        raise click.ClickException(
            f"Demo data is for the sandbox only; these profiles have real apps: {', '.join(real)}."
        )


def _sign_in_hint(config: Settings) -> str:
    if config.support_users:
        names = ", ".join(user.name for user in config.support_users)
        return f"  Sign in as {names} (SUPPORT_USERS)."
    if config.openid:
        return "  Sign in at your OpenID provider."
    return f"  Sign in as support, with the password in {password_file(config)}."
