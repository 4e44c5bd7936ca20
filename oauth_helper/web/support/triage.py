"""Triage of one failure: comment, assign, resolve, reopen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import abort, flash, redirect, request
from flask import url_for as url
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from oauth_helper.common.redaction import redact
from oauth_helper.common.references import parse_reference
from oauth_helper.failures.model import Failure
from oauth_helper.failures.triage import MAX_COMMENT, assign, comment, reopen, resolve
from oauth_helper.web.audit import audit
from oauth_helper.web.support.blueprint import blueprint, require_agent
from oauth_helper.web.support.services import services

Step = Callable[[Failure], Failure]


@blueprint.post("/failures/<reference>/work")
@login_required  # type: ignore[untyped-decorator]
def work(reference: str) -> Response:
    """Do what the button says, with the text beside it."""
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
    # To the place with the message, so that it is in view and read aloud.
    return redirect(url("support.failure", reference=parsed, _anchor="done"), 303)


def _do(reference: str, do: str, step: Step, text: str) -> None:
    """Change a failure. One that someone was assigned since the page was opened stays theirs."""
    guarded = GuardedStep(step, text, seen=request.form.get("seen") if do in ASSIGNMENTS else None)
    after = services().failures.change(reference, guarded)
    if after is None:
        abort(404, "There is no failure with this reference.")
    kept = " Your note is kept." if text else ""
    if guarded.assigned_to:
        why = f"{guarded.assigned_to} has taken it meanwhile."
        flash(f"{why}{kept} Press again to take it over.", "work-problem")
    elif not guarded.has_changed:
        flash(f"Nothing to do: it is {after.status} already.", "work-problem")
    else:
        flash(_DONE[do], "work-done")
        audit(ACTIONS[do], [reference])


#: What the audit log calls each button.
ACTIONS = {
    "note": "comment",
    "take": "assign",
    "release": "unassign",
    "resolve": "resolve",
    "reopen": "reopen",
}

#: Buttons that change the assignee.
ASSIGNMENTS = ("take", "release")

_DONE = {
    "note": "The note is there.",
    "take": "You have it now.",
    "release": "Given back.",
    "resolve": "Resolved.",
    "reopen": "Open again.",
}


@dataclass
class GuardedStep:
    """A step that only adds its comment if the assignee isn't the one that the page showed."""

    step: Step
    text: str = ""
    seen: str | None = None
    assigned_to: str = ""
    has_changed: bool = False

    def __call__(self, failure: Failure) -> Failure:
        """Return the failure after the step, or with the comment alone."""
        others = failure.assignee not in ("", current_user.id)
        is_guarded = self.seen is not None and others and failure.assignee != self.seen
        after = steps(self.text)["note"](failure) if is_guarded and self.text else failure
        if not is_guarded:
            after = self.step(failure)
        self.assigned_to = failure.assignee if is_guarded else ""
        self.has_changed = after != failure
        return after


def text_sent() -> str:
    """Return the text beside the button, with everything that looks like a secret redacted."""
    return redact(request.form.get("text", "").strip()[: 2 * MAX_COMMENT])


def steps(text: str) -> dict[str, Step]:
    """Return what each button does to a failure, by its value."""
    who = {"at": services().clock(), "by": current_user.id}
    return {
        "note": partial(comment, **who, text=text),
        "take": partial(assign, **who, to=current_user.id, text=text),
        "release": partial(assign, **who, to="", text=text),
        "resolve": partial(resolve, **who, text=text),
        "reopen": partial(reopen, **who, text=text),
    }
