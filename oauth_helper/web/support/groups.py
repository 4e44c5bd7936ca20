"""The groups page: failures with the same cause, profile and scopes, counted together."""

from __future__ import annotations

from flask import abort, render_template, request
from flask_login import login_required

from oauth_helper.diagnosis import wording
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.filters import MINE, list_filters_from
from oauth_helper.web.support.services import services
from oauth_helper.web.support.tabs import tabs_of

# Groups on the page.
_MAX_GROUPS = 50

#: Groups can be filtered only by what the counters know.
FILTERED_BY = ("cause", "profile", "status", "within", "since", "until")


@blueprint.get("/failures/groups")
@login_required  # type: ignore[untyped-decorator]
def groups() -> str:
    """Show the groups of the failures that the query finds, the largest first."""
    pairs = [(name, value) for name, value in request.args.items() if name in FILTERED_BY]
    try:
        filters = list_filters_from("support.groups", pairs)
    except ValueError as error:
        abort(400, f"{error}.")
    found = services().counters.groups(filters.wanted, limit=_MAX_GROUPS + 1)
    counts = services().counters.counts(filters.wanted)
    return render_template(
        "support/groups.html",
        groups=found[:_MAX_GROUPS],
        has_more=len(found) > _MAX_GROUPS,
        filters=filters,
        chips=filters.chips(),
        is_part=bool(filters.query),
        counts=counts,
        options=filters.options(counts),
        tabs=[tab for tab in tabs_of(filters, counts) if tab.name != MINE],
        peak=max((count for group in found for count in group.by_day), default=1),
        wording=wording,
        now=services().clock(),
    )
