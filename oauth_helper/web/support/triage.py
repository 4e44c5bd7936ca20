"""Triage of one failure: comment, assign, resolve, reopen."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from flask import abort, flash, redirect, request
from flask import url_for as url
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from oauth_helper.common.redaction import redact
from oauth_helper.common.references import parse_reference
from oauth_helper.failures.model import Failure, Resolution
from oauth_helper.failures.query import BulkAction, FailureChange
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
        flash("The comment is empty.", "problem")
    else:
        _do(parsed, do, step, text)
    return redirect(url("support.failure", reference=parsed), 303)


def _do(reference: str, do: str, step: Step, text: str) -> None:
    """Change a failure. One that someone was assigned since the page was opened stays theirs."""
    guarded = GuardedStep(step, text, seen=request.form.get("seen") if do in ASSIGNMENTS else None)
    after = services().failures.change(reference, guarded)
    if after is None:
        abort(404, "There is no failure with this reference.")
    kept = " Your comment is saved." if text else ""
    if guarded.assigned_to:
        why = f"{guarded.assigned_to} was assigned in the meantime."
        flash(f"{why}{kept} Press again to reassign it to you.", "problem")
    elif not guarded.has_changed or guarded.before is None:
        flash(f"Nothing changed: it's already {after.status}.", "problem")
    else:
        flash(_done(do, after), _undo_category(do, guarded.before, after))
        audit(ACTIONS[do.partition(":")[0]], [reference])


def _undo_category(do: str, before: Failure, after: Failure) -> str:
    """Store the action, and return the category of the message that offers to undo it."""
    if do == "note":
        return "done"
    name = secrets.token_urlsafe(12)
    change = change_of(before, after)
    services().bulk_actions.save(name, BulkAction(current_user.id, do, (change,), 1))
    return f"undo:{name}"


def change_of(before: Failure, after: Failure) -> FailureChange:
    """Return what it takes to undo a change."""
    return FailureChange(
        before.reference, before.status, before.assignee, after.revision, before.resolution
    )


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


def _done(do: str, failure: Failure) -> str:
    if failure.resolution and do.startswith("resolve"):
        return f"Resolved: {failure.resolution.title[0].lower()}{failure.resolution.title[1:]}."
    return {
        "note": "Comment added.",
        "take": "Assigned to you.",
        "release": "Unassigned.",
        "reopen": "Reopened.",
    }[do]


@dataclass
class GuardedStep:
    """A step that only adds its comment if the assignee isn't the one that the page showed."""

    step: Step
    text: str = ""
    seen: str | None = None
    assigned_to: str = ""
    has_changed: bool = False
    before: Failure | None = field(default=None)

    def __call__(self, failure: Failure) -> Failure:
        """Return the failure after the step, or with the comment alone."""
        others = failure.assignee not in ("", current_user.id)
        is_guarded = self.seen is not None and others and failure.assignee != self.seen
        after = steps(self.text)["note"](failure) if is_guarded and self.text else failure
        if not is_guarded:
            after = self.step(failure)
        self.assigned_to = failure.assignee if is_guarded else ""
        self.has_changed, self.before = after != failure, failure
        return after


def text_sent() -> str:
    """Return the text of the form, with everything that looks like a secret redacted."""
    texts = filter(None, map(str.strip, request.form.getlist("text")))
    return redact("\n".join(texts)[: 2 * MAX_COMMENT])


def steps(text: str) -> dict[str, Step]:
    """Return what each button does to a failure, by its value."""
    who = {"at": services().clock(), "by": current_user.id}
    return {
        "note": partial(comment, **who, text=text),
        "take": partial(assign, **who, to=current_user.id, text=text),
        "release": partial(assign, **who, to="", text=text),
        "resolve": partial(resolve, **who, text=text),
        **{
            f"resolve:{reason}": partial(resolve, **who, text=text, resolution=reason)
            for reason in Resolution
        },
        "reopen": partial(reopen, **who, text=text),
    }
