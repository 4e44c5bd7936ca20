"""The failures as a file, for whoever works on the machine."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO

import click

from oauth_helper.cli.output import profile_named, read_config
from oauth_helper.cli.store import open_store
from oauth_helper.common.times import parse_time
from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.export import ExportFormat, ExportPart, export_parts
from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FailureQuery, Term
from oauth_helper.failures.search import read_search
from oauth_helper.web.api.failure_schemas import failure_json


def _search(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[Term, ...]:
    search = read_search(text)
    if search.problems:
        raise click.BadParameter(" ".join(search.problems))
    return search.terms


def _time(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _one_of(values: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([value.value for value in values])


_FILTERS = (
    click.option("--cause", type=_one_of(Cause), metavar="CAUSE", help="Of this cause."),
    click.option("--profile", help="Of this profile."),
    click.option("--client", help="That this client asked for; - for those that none did."),
    click.option("--status", type=_one_of(Status), help="Open, or resolved."),
    click.option("--stage", type=_one_of(Stage), help="That failed at this stage."),
    click.option("--account", type=click.IntRange(1, 10**15 - 1), help="Of this HubSpot account."),
    click.option("--assignee", help="That somebody has taken; - for those that nobody has."),
    click.option("--scope", help="That are about this scope."),
    click.option("--since", callback=_time, metavar="TIME", help="From this time on (UTC)."),
    click.option("--until", callback=_time, metavar="TIME", help="Before this time (UTC)."),
    click.option(
        "--search",
        "terms",
        callback=_search,
        default="",
        metavar="TEXT",
        help="That the search box would find with this.",
    ),
)


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.command("export")
@click.option(
    "--format",
    "form",
    type=_one_of(ExportFormat),
    default=ExportFormat.CSV.value,
    show_default=True,
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="The file to write; stdout without it."
)
@click.option("--progress", is_flag=True, help="Say on stderr how far it is, terminal or not.")
@_filtered
def failures_export(
    *,
    form: str,
    output: Path | None,
    progress: bool,
    cause: str | None,
    profile: str | None,
    client: str | None,
    status: str | None,
    stage: str | None,
    account: int | None,
    assignee: str | None,
    scope: str | None,
    since: float | None,
    until: float | None,
    terms: tuple[Term, ...],
) -> None:
    """Write the failures as CSV for spreadsheets, or as JSON lines; newest first, any number.

        python -m oauth_helper failures export --since 2026-11-01 --output november.csv

    The file is there when all of it is. The times of --since and --until are like 2026-11-23 or
    2026-11-23T08:00:00Z.
    """
    from oauth_helper.store.counters import Counters
    from oauth_helper.store.failures import Failures

    config = read_config()
    if profile:
        profile_named(config, profile)  # refuses an unknown one
    wanted = FailureQuery(
        cause=cause,
        profile=profile,
        client=client,
        status=status,
        stage=stage,
        account=str(account) if account else None,
        assignee=assignee,
        scope=scope,
        since=since,
        until=until,
        terms=terms,
    )
    with open_store(config) as store:
        log = Failures(store, retention_days=config.failure_retention_days)
        made = export_parts(map(failure_json, log.each(wanted)), ExportFormat(form))
        if progress or sys.stderr.isatty():
            made = _telling(made, Counters(store).counts(wanted).total)
        with _destination(output) as file:
            file.writelines(part.data for part in made)


def _telling(made: Iterable[ExportPart], total: int | None) -> Iterator[ExportPart]:
    """The same parts, and on stderr how many failures are in what was taken of them."""
    written = 0
    # In a terminal each line replaces the one before.
    begin, end = ("\r", "") if sys.stderr.isatty() else ("", "\n")
    for part in made:
        yield part
        written = part.written
        of = "" if total is None else f" of {max(total, written)}"
        click.echo(f"{begin}{written}{of}{end}", nl=False, err=True)
    click.echo(f"{begin}{written} failures written.", err=True)


@contextmanager
def _destination(path: Path | None) -> Iterator[IO[bytes]]:
    """Where to write: stdout, or what becomes the file at `path` when all has gone well.

    When it cannot be written the command ends in one line that says so.
    """
    name = "stdout" if path is None else str(path)
    try:
        if path is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:
            with _replacing(path) as file:
                yield file
    except OSError as error:
        if path is None and error.errno == errno.EPIPE:
            raise  # whoever read it has enough; click ends quietly
        raise click.ClickException(f"{name} cannot be written: {error.strerror}") from error


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place at the end, and is removed when that fails.

    For its owner only, as `path` will be: it holds what customers told. Raises OSError.
    """
    path = path.resolve()  # of a link the file is replaced, and not the link
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no ordinary file")
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        unfinished.replace(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
