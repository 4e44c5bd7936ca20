"""The page of one failure: everything known about it, and the answer to the customer."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request
from flask import url_for as url
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from oauth_helper.common.references import parse_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Responsible, Stage, known_messages, wording
from oauth_helper.failures.model import Failure, Resolution, Status
from oauth_helper.failures.query import FailureQuery
from oauth_helper.failures.reply import developer_note, reply
from oauth_helper.hubspot.authorization_request import authorization_link
from oauth_helper.models import Attempt
from oauth_helper.web.audit import audit
from oauth_helper.web.customer.attempts import reported_text
from oauth_helper.web.support.blueprint import blueprint, require_agent
from oauth_helper.web.support.scope_comparison import alike, scope_rows
from oauth_helper.web.support.services import services
from oauth_helper.web.support.timeline import timeline_of
from oauth_helper.web.translations import LANGUAGES, translations

# Other failures of a list beside a failure.
_MAX_OTHERS = 5


@blueprint.get("/failures/<reference>")
@login_required  # type: ignore[untyped-decorator]
def failure(reference: str) -> str | Response | tuple[str, int]:
    """Show a failure."""
    parsed = parse_reference(reference)
    if parsed and parsed != reference:
        return redirect(url("support.failure", reference=parsed))
    place = services().failures.feed.place()
    found = services().failures.get(parsed) if parsed else None
    if found is None:
        return _no_failure(parsed)
    profile = services().profiles.get(found.profile)
    scopes = scope_rows(found, profile)
    page = services().config.public_url + url("support.failure", reference=found.reference)
    language = request.args.get("language", "")
    if language not in LANGUAGES:
        language = found.language or "en"
    return render_template(
        "support/failure.html",
        failure=found,
        profile=profile,
        has_profiles=len(services().profiles) > 1,
        timeline=timeline_of(found),
        differing=[row for row in scopes if row.differs],
        others_alike=alike(row for row in scopes if not row.differs),
        others=_others(found),
        by_person=services().failures.of_browser(found.browser_id, excluding=found.reference),
        answer=_answer(found, profile, language),
        language_chosen=language,
        languages=LANGUAGES,
        page_url=page,
        note=developer_note(
            found,
            page=page,
            link=link_of(found, profile) if profile and found.stage is not Stage.REFRESH else "",
        ),
        resolutions=Resolution,
        check_app=_is_for_the_developer(found),
        place=place,
        wording=wording,
        usual=known_messages(),
        now=services().clock(),
    )


@blueprint.post("/failures/<reference>/report")
@login_required  # type: ignore[untyped-decorator]
def report(reference: str) -> Response:
    """Save what the customer on the phone reads from HubSpot's page."""
    require_agent()
    parsed = parse_reference(reference)
    attempt = _attempt(parsed) if parsed else None
    if parsed is None or attempt is None:
        abort(404, "No attempt has this reference.")
    text = reported_text()
    if not text:
        flash("Paste what HubSpot's page says, or pick a message.", "problem")
    else:
        flash(*_reported(attempt, text))
        audit("report", [parsed])
    return redirect(url("support.failure", reference=parsed), 303)


def _reported(attempt: Attempt, text: str) -> tuple[str, str]:
    """Add a report to the failure; return a message about it, and the message's category."""
    before = services().failures.get(attempt.reference)
    profile = services().profiles.get(attempt.profile)
    after = services().reports.report(profile, attempt, text, by=current_user.id)
    if after is None:
        return "Nothing changed: the customer has connected in the meantime.", "problem"
    if before is not None and before.candidates == after.candidates:
        return "Saved. The causes haven't changed.", "done"
    return "Saved. The causes have been updated.", "done"


def _answer(found: Failure, profile: Profile | None, language: str) -> str:
    """Return the answer to the customer in a language."""
    public_url = services().config.public_url
    address = f"{public_url}/connect/{profile.name}" if profile else f"{public_url}/"
    return reply(found, address=address, translate=translations(language).gettext)


def link_of(found: Failure, profile: Profile) -> str:
    """Return the authorize URL of a failure, without a state."""
    return authorization_link(
        services().config.authorization_endpoint,
        client_id=profile.client_id,
        redirect_uri=found.redirect_uri or profile.redirect_uri,
        requested=found.requested,
    )


def _others(found: Failure) -> dict[str, list[Failure]]:
    """Return other failures of the same account, and open ones of the same group."""
    queries = {"group": FailureQuery(group=found.fingerprint, status=Status.OPEN)}
    if found.hub_id is not None:
        queries["account"] = FailureQuery(account=str(found.hub_id))
    return {name: _besides(found, wanted) for name, wanted in queries.items()}


def _besides(found: Failure, wanted: FailureQuery) -> list[Failure]:
    page = services().failures.page(wanted, limit=_MAX_OTHERS + 1)
    return [each for each in page.failures if each.reference != found.reference][:_MAX_OTHERS]


def _is_for_the_developer(found: Failure) -> bool:
    return found.cause is not Cause.UNKNOWN and any(
        fix.who is Responsible.APP_DEVELOPER for fix in found.fix
    )


def _attempt(reference: str) -> Attempt | None:
    """Return the attempt, if need be rebuilt from its failure."""
    if attempt := services().attempts.get(reference):
        return attempt
    found = services().failures.get(reference)
    if found is None:
        return None
    return Attempt(reference, found.profile, found.requested, found.started_at, found.started_at)


def _no_failure(reference: str | None) -> tuple[str, int]:
    """Show what is known about a reference without a failure."""
    outcome = services().attempts.outcome(reference) if reference else None
    page = render_template(
        "support/no_failure.html", reference=reference, outcome=outcome, usual=known_messages()
    )
    return page, 404
