"""Export what a filter finds: the page that offers it, and the download."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import chain
from typing import IO

from flask import Response, abort, render_template, request
from flask_login import login_required
from werkzeug.exceptions import ServiceUnavailable

from oauth_helper.failures.export import COLUMNS, ExportFormat, compress, export_parts
from oauth_helper.failures.query import FailureQuery
from oauth_helper.web.api.failure_schemas import failure_json
from oauth_helper.web.audit import audit
from oauth_helper.web.failure_query import PARAMETERS
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.filters import valid_filters_from
from oauth_helper.web.support.services import services

_BLOCK = 64 * 1024


@blueprint.get("/export/start")
@login_required  # type: ignore[untyped-decorator]
def export_start() -> str:
    """Show how many failures the filter finds, and offer both kinds of file."""
    return render_template(
        "support/export.html",
        counts=services().counters.counts(_wanted()),
        filters={key: value for key in PARAMETERS if (value := request.args.get(key))},
        columns=COLUMNS,
    )


@blueprint.get("/export")
@login_required  # type: ignore[untyped-decorator]
def export() -> Response:
    """Return the failures that the filter finds, newest first, as a file of any size."""
    form, columns, wanted = _form(), _columns(), _wanted()
    with ExitStack() as stack:
        slots = services().export_slots
        if not slots.acquire(blocking=False):
            words = "Others are downloading files at the moment. Try again in half a minute."
            raise ServiceUnavailable(words, retry_after=30)
        stack.callback(slots.release)
        audit("export failures", detail=form)
        pieces = export_parts(map(failure_json, services().failures.each(wanted)), form, columns)
        first = next(pieces)  # made here, so that a store that is down ends in an error page
        response = _response(piece.data for piece in chain([first], pieces))
        response.call_on_close(stack.pop_all().close)
    day = datetime.fromtimestamp(services().clock(), UTC).date()
    response.headers["Content-Type"] = f"{form.mimetype}; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="failures-{day}.{form}"'
    return response


def _response(pieces: Iterable[bytes]) -> Response:
    """Send the pieces so that the client notices when the download breaks off.

    Compressed, the stream shows it. Clients without compression get a file that is first written to
    disk, and sent with its length.
    """
    if request.accept_encodings["gzip"]:
        response = Response(compress(pieces))
        response.headers["Content-Encoding"] = "gzip"
    else:
        file = _spooled(pieces)
        response = Response(_blocks(file))
        response.headers["Content-Length"] = str(file.tell())
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _spooled(pieces: Iterable[bytes]) -> IO[bytes]:
    """Return an unnamed file with the pieces, positioned at its end."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        file.writelines(pieces)
        stack.pop_all()
        return file


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while block := file.read(_BLOCK):
            yield block


def _form() -> ExportFormat:
    try:
        return ExportFormat(request.args.get("format", ""))
    except ValueError:
        abort(400, f"format has to be one of {', '.join(ExportFormat)}.")


def _columns() -> list[str]:
    columns = request.args.getlist("column")
    if unknown := sorted(set(columns) - set(COLUMNS)):
        abort(400, f"column has to be one of {', '.join(COLUMNS)}, not {unknown[0][:60]}.")
    return columns


def _wanted() -> FailureQuery:
    try:
        return valid_filters_from("support.export_start").wanted
    except ValueError as error:
        abort(400, f"{error}.")
