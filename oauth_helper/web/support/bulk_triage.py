"""Bulk actions on the ticked failures, or on all that the filter finds; and undoing them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qsl

from flask import abort, flash, redirect, render_template, request
from flask import url_for as url
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from oauth_helper.common.references import parse_reference
from oauth_helper.failures.model import Failure, Status
from oauth_helper.failures.query import BulkAction, FailureChange, FailureQuery
from oauth_helper.failures.triage import undo_change
from oauth_helper.models import StoreUnavailableError
from oauth_helper.web.audit import audit
from oauth_helper.web.security import max_body
from oauth_helper.web.support.blueprint import blueprint, require_agent
from oauth_helper.web.support.filters import filters_from, valid_filters_from
from oauth_helper.web.support.services import services
from oauth_helper.web.support.triage import (
    ACTIONS,
    ASSIGNMENTS,
    GuardedStep,
    Step,
    change_of,
    steps,
    text_sent,
)

#: Failures in one bulk action; each takes about a millisecond.
MAX_AT_ONCE = 1000

# Bytes of a form with that many references and a comment; and characters of filters, of which an
# emoji in a search takes twelve.
_MAX_FORM, _MAX_FILTERS = 200_000, 10_000

# The action is saved after this many changes, so that they can be undone even if the rest fails.
_SAVED_AFTER = 50


@blueprint.post("/failures/work")
@login_required  # type: ignore[untyped-decorator]
@max_body(_MAX_FORM)
def work_on_many() -> Response | str:
    """Do what the button says to the ticked failures, or to all that the filter finds.

    `comment` asks for the page to write one on, for browsers without JavaScript.
    """
    require_agent()
    do, text = request.form.get("do", ""), text_sent()
    step = steps(text).get("note" if do == "comment" else do)
    if step is None:
        abort(400, "The form asks for nothing that can be done here.")
    try:
        filters = valid_filters_from("support.failures", _filters_sent())
        references, found = _chosen(filters.wanted) if request.form.get("all") else _ticked()
    except ValueError as error:
        abort(400, f"{error}.")
    if not references:
        flash("Nothing is selected. Tick the failures first.", "problem")
        return redirect(filters.address(), 303)
    if do == "comment":
        return render_template("support/comment.html", filters=filters, count=found)
    if do == "note" and not text:
        flash("The comment is empty.", "problem")
        return redirect(filters.address(), 303)
    name = secrets.token_urlsafe(12)
    _do_to_many(name, references, do.partition(":")[0], step, found)
    return redirect(filters.address(done=name), 303)


def _do_to_many(name: str, references: Sequence[str], do: str, step: Step, found: int) -> None:
    """Change the failures, and save the action to undo it by."""
    changes: list[FailureChange] = []
    try:
        for reference in references:
            if change := _change(reference, do, step):
                changes.append(change)
            if len(changes) % _SAVED_AFTER == 0:
                services().bulk_actions.save(
                    name, BulkAction(current_user.id, do, tuple(changes), found)
                )
        services().bulk_actions.save(name, BulkAction(current_user.id, do, tuple(changes), found))
        audit(ACTIONS[do], [change.reference for change in changes])
    except StoreUnavailableError:
        left = len(references) - len(changes)
        flash(f"The store stopped answering: {left} failures are as they were.", "problem")


@blueprint.post("/deeds/<name>/undo")
@login_required  # type: ignore[untyped-decorator]
def undo(name: str) -> Response:
    """Undo a bulk action, except for failures that have changed again since."""
    require_agent()
    record = parse_reference(request.form.get("record", ""))
    try:
        address = filters_from("support.failures", _filters_sent()).address()
    except ValueError:
        address = url("support.failures")
    action = services().bulk_actions.get(name[:60])
    if action is not None and action.by != current_user.id:
        abort(403, f"{action.by} did this, and only they can undo it at once.")
    action = services().bulk_actions.pop(name[:60])
    if action is None:
        abort(404, "This cannot be undone any more: it is undone already, or an hour has passed.")
    undone = [change.reference for change in action.changes if _undo(change)]
    left = len(action.changes) - len(undone)
    more = f" {left} had been changed again since, and stay as they are." if left else ""
    audit("undo", undone, ACTIONS.get(action.do, ""))
    if record:
        said = ("Undone.", "done") if undone else ("It has changed since then.", "problem")
        flash(*said)
        return redirect(url("support.failure", reference=record), 303)
    flash(f"Undone for {len(undone)} failure{'' if len(undone) == 1 else 's'}.{more}", "done")
    return redirect(address, 303)


def _filters_sent() -> list[tuple[str, str]]:
    """Return the filters of the page that sent the form. ValueError when they are too long."""
    text = request.form.get("filters", "")
    if len(text) > _MAX_FILTERS:
        raise ValueError("the filters of this form are too long")
    # Never cut: without its last filters, an action would reach more failures than were shown.
    return parse_qsl(text)


def _undo(change: FailureChange) -> bool:
    step = GuardedStep(
        partial(
            undo_change,
            at=services().clock(),
            by=current_user.id,
            status=Status(change.status),
            assignee=change.assignee,
            resolution=change.resolution,
            revision=change.revision,
        )
    )
    services().failures.change(change.reference, step)
    return step.has_changed


def _ticked() -> tuple[list[str], int]:
    parsed = (parse_reference(each) for each in request.form.getlist("reference"))
    references = list(dict.fromkeys(each for each in parsed if each))
    return references[:MAX_AT_ONCE], len(references)


def _chosen(wanted: FailureQuery) -> tuple[list[str], int]:
    """Return the failures that the filter finds, up to the limit, and how many there are."""
    page = services().failures.page(wanted, limit=MAX_AT_ONCE)
    found = [failure.reference for failure in page.failures]
    return found, services().counters.counts(wanted).total or len(found)


def _change(reference: str, do: str, step: Step) -> FailureChange | None:
    """Change a failure. Return what it was before, or None if nothing has changed."""
    before = _Before(step, is_careful=do in ASSIGNMENTS)
    after = services().failures.change(reference, before)
    if after is None or before.failure is None:
        return None
    return change_of(before.failure, after)


@dataclass
class _Before:
    """A step that remembers the failure before. A careful one skips what others are assigned."""

    step: Step
    is_careful: bool
    failure: Failure | None = field(default=None)

    def __call__(self, failure: Failure) -> Failure:
        self.failure = None
        if self.is_careful and failure.assignee not in ("", current_user.id):
            return failure
        after = self.step(failure)
        self.failure = failure if after != failure else None
        return after
