"""What a filter finds, as a file: the page that offers it, the download, and how far it is."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from itertools import chain
from typing import IO, TYPE_CHECKING
from urllib.parse import urlencode

from flask import Response, abort, current_app, jsonify, render_template, request
from flask import url_for as url
from flask_login import current_user, login_required
from werkzeug.exceptions import ServiceUnavailable

from oauth_helper.failures.export import Form, Part, packed, parts
from oauth_helper.failures.query import FailureQuery
from oauth_helper.models import StoreUnavailableError
from oauth_helper.web.api.failure_schemas import failure_json
from oauth_helper.web.failure_query import PARAMETERS
from oauth_helper.web.services import services
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.filters import sound_filters_from

if TYPE_CHECKING:
    from oauth_helper.store.export_progress import ExportProgress, Exports

_BLOCK = 64 * 1024


@blueprint.get("/export/start")
@login_required  # type: ignore[untyped-decorator]
def export_start() -> str:
    """How many failures the filter finds, both kinds of file, and how far their downloads are."""
    counts = services().counters.counts(_wanted())
    filters = {key: value for key in PARAMETERS if (value := request.args.get(key))}
    page_id = request.args.get("id", "")
    known = {form: _progress(_id_of(page_id, form)) for form in Form} if page_id else {}
    if not all(known.values()):
        known = {}
    if not known:
        page_id = secrets.token_urlsafe(16)
        for form in Form:
            export_id = _id_of(page_id, form)
            services().exports.begin(export_id, owner=current_user.id, total=counts.total)
    return render_template(
        "support/export.html",
        counts=counts,
        filters=filters,
        forms=[(form, _id_of(page_id, form), known.get(form)) for form in Form],
        reload=f"{url('support.export_start')}?{urlencode({**filters, 'id': page_id})}",
    )


@blueprint.get("/export/<export_id>/progress")
@login_required  # type: ignore[untyped-decorator]
def export_progress(export_id: str) -> Response:
    """How far a download of who is signed in has come."""
    progress = _progress(export_id)
    if progress is None:
        abort(404, "Nothing is known of this download.")
    return jsonify(written=progress.written, total=progress.total, done=progress.done)


@blueprint.get("/export")
@login_required  # type: ignore[untyped-decorator]
def export() -> Response:
    """The failures that the filter finds, newest first, as a file of any size."""
    form, wanted = _form(), _wanted()
    export_id = request.args.get("id", "")
    progress = _progress(export_id) if export_id else None
    with ExitStack() as stack:
        places = services().export_slots
        if not places.acquire(blocking=False):
            words = "Others are downloading files at the moment. Try again in half a minute."
            raise ServiceUnavailable(words, retry_after=30)
        stack.callback(places.release)
        current_app.logger.info("%s exports failures as %s", current_user.id, form)
        # What follows runs when the request is over, so it is given all that it needs.
        made = _begun(parts(map(failure_json, services().failures.each(wanted)), form))
        if progress is not None:
            made = _noting(made, services().exports, export_id, progress)
        response = _response(part.data for part in made)
        response.call_on_close(stack.pop_all().close)
    day = datetime.fromtimestamp(services().clock(), UTC).date()
    response.headers["Content-Type"] = f"{form.mimetype}; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="failures-{day}.{form}"'
    return response


def _response(pieces: Iterable[bytes]) -> Response:
    """The pieces as they are made, so that a download that breaks off is known to have done so.

    Packed, a stream tells that itself. For whoever does not unpack it the whole is made first, on
    disk, and sent with its length.
    """
    if request.accept_encodings["gzip"]:
        response = Response(packed(pieces))
        response.headers["Content-Encoding"] = "gzip"
    else:
        file = _spooled(pieces)
        response = Response(_blocks(file))
        response.headers["Content-Length"] = str(file.tell())
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _spooled(pieces: Iterable[bytes]) -> IO[bytes]:
    """A file without a name that holds the pieces, behind the last of them."""
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


def _begun(made: Iterator[Part]) -> Iterator[Part]:
    """The same parts; the first is made here, so that a store that is down ends in a page."""
    first = next(made)
    return chain([first], made)


def _noting(
    made: Iterator[Part], exports: Exports, export_id: str, before: ExportProgress
) -> Iterator[Part]:
    """The same parts; how far they are is remembered after each that was taken."""
    written = 0

    def note(*, done: bool) -> None:
        # The file matters, not what is told of it.
        with suppress(StoreUnavailableError):
            exports.update(export_id, before, written=written, done=done)

    note(done=False)
    for part in made:
        yield part
        written = part.written
        note(done=False)
    note(done=True)


def _progress(export_id: str) -> ExportProgress | None:
    """What is known of a download; in 404 ends who asks for somebody else's."""
    found = services().exports.get(export_id[:100])
    if found is not None and found.owner != current_user.id:
        abort(404, "Nothing is known of this download.")
    return found


def _id_of(page_id: str, form: Form) -> str:
    return f"{page_id}.{form}"


def _form() -> Form:
    try:
        return Form(request.args.get("format", ""))
    except ValueError:
        abort(400, f"format has to be one of {', '.join(Form)}.")


def _wanted() -> FailureQuery:
    try:
        return sound_filters_from("support.export_start").wanted
    except ValueError as error:
        abort(400, f"{error}.")
