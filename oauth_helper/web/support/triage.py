"""Working on a failure: notes, who has taken it, resolved or open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import abort, current_app, flash, redirect, request
from flask import url_for as url
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from oauth_helper.common.redaction import redact
from oauth_helper.common.references import parse_reference
from oauth_helper.failures.model import Failure
from oauth_helper.failures.triage import MAX_COMMENT, assigned, noted, reopened, resolved
from oauth_helper.web.support.blueprint import blueprint, require_agent
from oauth_helper.web.support.services import services

Step = Callable[[Failure], Failure]


@blueprint.post("/failures/<reference>/work")
@login_required  # type: ignore[untyped-decorator]
def work(reference: str) -> Response:
    """Does what the button that was pressed says, with the text beside it."""
    require_agent()
    parsed = parse_reference(reference)
    if parsed is None:
        abort(404, "There is no failure with this reference.")
    text, do = text_sent(), request.form.get("do", "")
    step = steps(text).get(do)
    if step is None:
        abort(400, "The form asks for nothing that can be done here.")
    if do == "note" and not text:
        flash("The note is empty.", "work-problem")
    else:
        _do(parsed, do, step, text)
    # To where the outcome stands, so that it is seen and read out.
    return redirect(url("support.failure", reference=parsed, _anchor="done"), 303)


def _do(reference: str, do: str, step: Step, text: str) -> None:
    """Changes one failure; what somebody else has taken since the page was made stays theirs."""
    guarded = Guarded(step, text, seen=request.form.get("seen") if do in HANDS else None)
    after = services().failures.change(reference, guarded)
    if after is None:
        abort(404, "There is no failure with this reference.")
    kept = " Your note is kept." if text else ""
    if guarded.taken_by:
        why = f"{guarded.taken_by} has taken it meanwhile."
        flash(f"{why}{kept} Press again to take it over.", "work-problem")
    elif not guarded.has_changed:
        flash(f"Nothing to do: it is {after.status} already.", "work-problem")
    else:
        flash(_DONE[do], "work-done")
        current_app.logger.info("%s: %s %s", current_user.id, do, reference)


#: What changes whose it is.
HANDS = ("take", "release")

_DONE = {
    "note": "The note is there.",
    "take": "You have it now.",
    "release": "Given back.",
    "resolve": "Resolved.",
    "reopen": "Open again.",
}


@dataclass
class Guarded:
    """A step of which only the note is taken when the failure is in other hands than was shown."""

    step: Step
    text: str = ""
    seen: str | None = None
    taken_by: str = ""
    has_changed: bool = False

    def __call__(self, failure: Failure) -> Failure:
        """The failure after the step, or with the note alone."""
        others = failure.assignee not in ("", current_user.id)
        is_taken = self.seen is not None and others and failure.assignee != self.seen
        after = steps(self.text)["note"](failure) if is_taken and self.text else failure
        if not is_taken:
            after = self.step(failure)
        self.taken_by = failure.assignee if is_taken else ""
        self.has_changed = after != failure
        return after


def text_sent() -> str:
    """What was typed beside the button, without what looks like a secret."""
    return redact(request.form.get("text", "").strip()[: 2 * MAX_COMMENT])


def steps(text: str) -> dict[str, Step]:
    """What each button does to a failure."""
    who = {"at": services().clock(), "by": current_user.id}
    return {
        "note": partial(noted, **who, text=text),
        "take": partial(assigned, **who, to=current_user.id, text=text),
        "release": partial(assigned, **who, to="", text=text),
        "resolve": partial(resolved, **who, text=text),
        "reopen": partial(reopened, **who, text=text),
    }
