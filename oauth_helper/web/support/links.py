"""The connect links: made for a customer, copied, and withdrawn."""

from __future__ import annotations

import re

from flask import abort, flash, redirect, render_template, request
from flask import url_for as url
from flask_login import login_required
from werkzeug.wrappers import Response

from oauth_helper.common.references import parse_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.failures.model import Failure
from oauth_helper.web.api.link_requests import link_json, requested_link
from oauth_helper.web.api.schemas import ConnectLinkBody
from oauth_helper.web.api.validation import validate
from oauth_helper.web.audit import audit
from oauth_helper.web.customer.scope_choice import describe_scope_choice
from oauth_helper.web.support.blueprint import PER_PAGE, blueprint, require_agent
from oauth_helper.web.support.services import services


@blueprint.get("/links")
@login_required  # type: ignore[untyped-decorator]
def links() -> str:
    """Show the links, newest first, and a form for a new one, with the choices of a failure."""
    require_agent()
    failure = _failure()
    profile = _profile(request.args.get("profile") or (failure.profile if failure else None))
    chosen = None
    if failure and failure.profile == profile.name:
        chosen = [name for name in failure.requested.all if name in profile.catalogue.by_name]
    who = (failure.customer, failure.customer_name) if failure else ("", "")
    return _page(profile, who, chosen)


@blueprint.post("/links")
@login_required  # type: ignore[untyped-decorator]
def new_link() -> Response | tuple[str, int]:
    """Make a link."""
    require_agent()
    profile = _profile(request.form.get("profile"))
    who = request.form.get("customer", "").strip(), request.form.get("customer_name", "").strip()
    chosen = [name for name in request.form.getlist("optional_scope") if name]
    days = request.form.get("days", "")
    try:
        wanted = {
            "profile": profile.name,
            "customer": who[0],
            "customer_name": who[1],
            "optional_scope": None if _is_usual(profile, chosen) else chosen,
            "expires_in": _days(days) * 86_400,
        }
        body = validate(ConnectLinkBody, wanted)
        link = requested_link(body, services().profiles, now=services().clock())
        services().connect_links.create(link)
    except ValueError as error:
        flash(str(error), "problem")
        known = [name for name in chosen if name in profile.catalogue.by_name]
        return _page(profile, who, known, days[:9]), 400
    audit("create link", [link.id])
    flash("The link is ready to copy: it is in the list.", "done")
    return redirect(url("support.links"), 303)


@blueprint.post("/links/<link_id>/withdraw")
@login_required  # type: ignore[untyped-decorator]
def withdraw_link(link_id: str) -> Response:
    """Withdraw a link."""
    require_agent()
    if not services().connect_links.withdraw(link_id[:100]):
        abort(404, "There is no such link.")
    audit("withdraw link", [link_id])
    flash("The link is withdrawn.", "done")
    return redirect(url("support.links"), 303)


def _page(profile: Profile, who: tuple[str, str], chosen: list[str] | None, days: str = "7") -> str:
    known, now = services().connect_links, services().clock()
    count = known.count()
    page = min(max(request.args.get("page", 1, int), 1), max(1, -(-count // PER_PAGE)))
    return render_template(
        "support/links.html",
        links=[
            (record.link, link_json(record, services().config.public_url, now=now))
            for record in known.newest(limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
        ],
        profiles=services().profiles.values(),
        offer=describe_scope_choice(profile, chosen),
        who=who,
        days=days,
        failure=_failure(),
        count=count,
        page=page,
        per_page=PER_PAGE,
        now=now,
    )


def _is_usual(profile: Profile, chosen: list[str]) -> bool:
    """Return whether the choice is the usual one, which a link needn't list."""
    choices = describe_scope_choice(profile).choices
    return set(chosen) == {scope.name for scope, is_chosen in choices if is_chosen}


def _days(text: str) -> int:
    if not re.fullmatch("0?[1-9]|[12][0-9]|30", text):
        raise ValueError("Days have to be a number from 1 to 30.")
    return int(text)


def _profile(name: str | None) -> Profile:
    profiles = services().profiles
    return profiles.get(name or "") or next(iter(profiles.values()))


def _failure() -> Failure | None:
    """Return the failure whose customer gets the link."""
    reference = parse_reference(request.values.get("failure", "")[:100])
    return services().failures.get(reference) if reference else None
