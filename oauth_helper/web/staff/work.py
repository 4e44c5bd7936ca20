"""Working on a failure: notes, who has taken it, resolved or open."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import abort, current_app, flash, redirect, request
from flask import url_for as url
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from oauth_helper.records import Failure
from oauth_helper.redaction import redact
from oauth_helper.reference import parse_reference
from oauth_helper.web.services import services
from oauth_helper.web.staff.blueprint import blueprint, only_agents
from oauth_helper.working import MAX_NOTE, assigned, noted, reopened, resolved


@blueprint.post("/failures/<reference>/work")
@login_required  # type: ignore[untyped-decorator]
def work(reference: str) -> Response:
    """Does what the button that was pressed says, with the text beside it."""
    only_agents()
    parsed = parse_reference(reference)
    text = redact(request.form.get("text", "").strip()[: 2 * MAX_NOTE])
    step = _steps(text).get(request.form.get("do", ""))
    if step is None:
        abort(400, "The form asks for nothing that can be done here.")
    if request.form.get("do") == "note" and not text:
        flash("The note is empty.", "problem")
    elif parsed is None or services().failures.change(parsed, step) is None:
        abort(404, "There is no failure with this reference.")
    else:
        current_app.logger.info("%s: %s %s", current_user.id, request.form["do"], parsed)
    return redirect(url("support.failure", reference=parsed, _anchor="work"), 303)


def _steps(text: str) -> dict[str, Callable[[Failure], Failure]]:
    """What each button does to a failure."""
    who = {"at": services().clock(), "by": current_user.id}
    return {
        "note": partial(noted, **who, text=text),
        "take": partial(assigned, **who, to=current_user.id),
        "release": partial(assigned, **who, to=""),
        "resolve": partial(resolved, **who, text=text),
        "reopen": partial(reopened, **who, text=text),
    }
