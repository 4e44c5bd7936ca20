"""The command that exports failures to a file."""

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

from oauth_helper.cli.output import profile_named, read_settings
from oauth_helper.cli.store import audit_operator, open_store
from oauth_helper.common.times import parse_time
from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.export import COLUMNS, ExportFormat, ExportPart, export_parts
from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FailureQuery, Term
from oauth_helper.failures.search import read_search
from oauth_helper.store.counters import Counters
from oauth_helper.store.failures import Failures
from oauth_helper.web.api.failure_schemas import failure_json


def _search(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[Term, ...]:
    search = read_search(text)
    if search.problems:
        raise click.BadParameter(" ".join(search.problems))
    return search.terms


def parsed_time(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> float | None:
    """Return the time in an option."""
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _columns(_context: click.Context, _parameter: click.Parameter, text: str) -> list[str]:
    columns = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise click.BadParameter(f"{unknown[0]} must be one of {', '.join(COLUMNS)}")
    return columns


def _one_of(values: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([value.value for value in values])


#: Options that limit the times.
SPAN = (
    click.option(
        "--since", callback=parsed_time, metavar="TIME", help="At or after this time (UTC)."
    ),
    click.option("--until", callback=parsed_time, metavar="TIME", help="Before this time (UTC)."),
)

_FILTERS = (
    click.option("--cause", type=_one_of(Cause), metavar="CAUSE", help="With this cause."),
    click.option("--profile", help="Of this profile."),
    click.option("--client", help="Of this OAuth client; - for those without one."),
    click.option("--status", type=_one_of(Status), help="Open or resolved."),
    click.option("--stage", type=_one_of(Stage), help="That failed at this stage."),
    click.option("--account", type=click.IntRange(1, 10**15 - 1), help="Of this HubSpot account."),
    click.option("--assignee", help="Of this assignee; - for unassigned ones."),
    click.option("--scope", help="About this scope."),
    click.option(
        "--since", callback=parsed_time, metavar="TIME", help="At or after this time (UTC)."
    ),
    click.option("--until", callback=parsed_time, metavar="TIME", help="Before this time (UTC)."),
    click.option(
        "--search",
        "terms",
        callback=_search,
        default="",
        metavar="TEXT",
        help="That match a search, as in the search box.",
    ),
)


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.command("export", short_help="Export failures as CSV or JSON lines.")
@click.option(
    "--format",
    "form",
    type=_one_of(ExportFormat),
    default=ExportFormat.CSV.value,
    show_default=True,
)
@click.option(
    "--columns",
    callback=_columns,
    default="",
    metavar="NAMES",
    help="Columns of the CSV file, separated by commas; all by default.",
)
@click.option("--output", type=click.Path(path_type=Path), help="File to write instead of stdout.")
@click.option(
    "--progress", is_flag=True, help="Print progress on stderr, even if it isn't a terminal."
)
@_filtered
def failures_export(
    *,
    form: str,
    columns: list[str],
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
    """Export failures as CSV or JSON lines, newest first.

        python -m oauth_helper failures export --since 2026-11-01 --output november.csv

    The file appears once it is complete. Write times as 2026-11-23 or 2026-11-23T08:00:00Z.
    """
    config = read_settings()
    if profile:
        profile_named(config, profile)  # rejects an unknown one
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
        audit_operator(config, store, "export failures")
        log = Failures(store, retention_days=config.failure_retention_days)
        made = export_parts(map(failure_json, log.each(wanted)), ExportFormat(form), columns)
        if progress or sys.stderr.isatty():
            made = _telling(made, Counters(store).counts(wanted).total)
        with destination(output) as file:
            file.writelines(part.data for part in made)


def _telling(made: Iterable[ExportPart], total: int | None) -> Iterator[ExportPart]:
    """Yield the parts, and print the number of failures so far on stderr."""
    written = 0
    # In a terminal, each line overwrites the one before.
    begin, end = ("\r", "") if sys.stderr.isatty() else ("", "\n")
    for part in made:
        yield part
        written = part.written
        of = "" if total is None else f" of {max(total, written)}"
        click.echo(f"{begin}{written}{of}{end}", nl=False, err=True)
    click.echo(f"{begin}{written} failures written.", err=True)


@contextmanager
def destination(path: Path | None) -> Iterator[IO[bytes]]:
    """Open stdout, or what becomes the file at `path` once all is written.

    Ends the command with one line when writing fails.
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
            raise  # the reader has closed the pipe; click exits quietly
        raise click.ClickException(f"Can't write {name}: {error.strerror}.") from error


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` that replaces it at the end, and is deleted on failure.

    Only its owner can read it, as it has customers' messages. Raises OSError.
    """
    path = path.resolve()  # replace the file that a link points to, not the link
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it isn't a regular file")
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        unfinished.replace(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
