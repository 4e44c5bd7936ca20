"""A store full of made-up failures, so that somebody can look at the support desk."""

from __future__ import annotations

import random
import time

import click

from oauth_helper.cli.output import read_config
from oauth_helper.cli.store import open_store
from oauth_helper.config.settings import SANDBOX_CLIENT_ID, Settings
from oauth_helper.failures.query import FailureQuery


@click.command()
@click.option(
    "--failures", "count", type=click.IntRange(1, 100_000), default=300, show_default=True
)
@click.option(
    "--days", type=click.IntRange(1, 365), default=30, show_default=True, help="So far back."
)
@click.option("--seed", type=int, help="The same number tells the same story.")
@click.option("--yes", is_flag=True, help="Also into a store that holds failures.")
def demo(*, count: int, days: int, seed: int | None, yes: bool) -> None:
    """Fill the sandbox's store with made-up failures, to look at the support pages.

    It writes into the store that the program uses, also while that is running. Only where the
    sandbox plays HubSpot: a store with real customers is never touched.
    """
    from oauth_helper.cli.demo.scenario import story
    from oauth_helper.cli.demo.writer import Demonstration
    from oauth_helper.cli.records import connections_of
    from oauth_helper.store.attempts import Attempts
    from oauth_helper.store.failures import Failures

    config = read_config()
    _refuse_real_apps(config)
    days = min(days, config.failure_retention_days)
    seed = random.randrange(10**6) if seed is None else seed  # noqa: S311 - a story, no secret
    chance, now = random.Random(seed), time.time()  # noqa: S311
    with open_store(config) as client:
        failures = Failures(client, retention_days=config.failure_retention_days)
        if not yes and failures.page(FailureQuery(), limit=1).failures:
            raise click.ClickException("The store holds failures already; --yes adds to them.")
        demonstration = Demonstration(
            attempts=Attempts(client, retention_days=config.failure_retention_days),
            failures=failures,
            connections=connections_of(config, client),
            now=now,
            chance=chance,
        )
        done = demonstration.write(
            story(config.profiles, failures=count, days=days, now=now, chance=chance)
        )
    click.echo(
        f"{done['failures']} failures and {done['connected']} connected attempts of the last "
        f"{days} days, {done['accounts']} accounts connected (seed {seed})."
    )
    click.echo(f"Look at them: {config.public_url}/support/failures")
    click.echo(_sign_in_hint(config))


def _refuse_real_apps(config: Settings) -> None:
    """Ends the command when a customer of somebody real could be in the store."""
    real = [each.name for each in config.profiles if each.client_id != SANDBOX_CLIENT_ID]
    if real:
        raise click.ClickException(
            f"The demonstration is for the sandbox only. Not so: {', '.join(real)}, a real app."
        )


def _sign_in_hint(config: Settings) -> str:
    if config.support_users:
        names = ", ".join(user.name for user in config.support_users)
        return f"  Sign in as {names} (SUPPORT_USERS)."
    if config.openid:
        return "  Sign in at your OpenID provider."
    return "  Sign in as support, with the password that the program prints when it starts."
