"""The groups page: failures with the same cause, profile and scopes, counted together."""

from __future__ import annotations

from flask import abort, render_template, request
from flask_login import login_required

from oauth_helper.diagnosis import wording
from oauth_helper.failures.cause_series import cause_title
from oauth_helper.failures.query import Term
from oauth_helper.failures.statistics import FailureGroup
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.filters import MINE, Filters, known_scopes, list_filters_from
from oauth_helper.web.support.services import services
from oauth_helper.web.support.tabs import tabs_of

# Groups on the page, and among how many of the largest a search looks for them.
_MAX_GROUPS, _SEARCHED = 50, 1000

#: Groups can be filtered only by what the counters know.
FILTERED_BY = ("q", "cause", "profile", "status", "scope", "within", "since", "until")


@blueprint.get("/failures/groups")
@login_required  # type: ignore[untyped-decorator]
def groups() -> str:
    """Show the groups of the failures that the query finds, the largest first."""
    pairs = [(name, value) for name, value in request.args.items() if name in FILTERED_BY]
    try:
        filters = list_filters_from("support.groups", pairs)
    except ValueError as error:
        abort(400, f"{error}.")
    found, problems = _found(filters)
    counts = services().counters.counts(filters.wanted)
    return render_template(
        "support/groups.html",
        groups=found[:_MAX_GROUPS],
        has_more=len(found) > _MAX_GROUPS,
        filters=filters,
        problems=problems,
        scopes=known_scopes(),
        rest=filters.written("status"),
        chips=filters.chips(),
        is_part=bool(filters.query),
        counts=counts,
        options=filters.options(counts),
        tabs=[tab for tab in tabs_of(filters, counts) if tab.name != MINE],
        peak=max((count for group in found for count in group.by_day), default=1),
        wording=wording,
        now=services().clock(),
    )


def _found(filters: Filters) -> tuple[list[FailureGroup], list[str]]:
    """Return the groups that match, one more than the page shows, and what can't be searched."""
    problems = list(filters.problems)
    if others := filters.beyond_groups:
        named = " and ".join(sorted({each.field.removesuffix("_id") for each in others}))
        problems.append(f"Groups can't be searched by {named}. Search the list instead.")
    if problems:
        return [], problems
    terms = [each for each in filters.wanted.all_terms if each.field in ("", "scope")]
    limit = _SEARCHED if terms else _MAX_GROUPS + 1
    largest = services().counters.groups(filters.wanted, limit=limit)
    found = [group for group in largest if all(_holds(group, term) for term in terms)]
    return found[: _MAX_GROUPS + 1], []


def _holds(group: FailureGroup, term: Term) -> bool:
    """Return whether a group has a scope, or a word in what the page shows of it."""
    if term.field:
        return (term.value in group.scopes) is not term.negated
    texts = (cause_title(group.cause), group.profile, *group.scopes)
    return any(term.value.casefold() in text.casefold() for text in texts) is not term.negated
