"""The page of one attempt: how it stands, how it ended, and what HubSpot showed instead."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
)
from flask import url_for as url

from oauth_helper.common.references import parse_reference
from oauth_helper.common.urls import origin_of
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Fix, Responsible, Stage, fix_for, known_messages, wording
from oauth_helper.failures.model import CUSTOMER, EventType, Failure
from oauth_helper.hubspot.authorization_response import Code
from oauth_helper.models import PendingAuthorization, StoreUnavailableError
from oauth_helper.oauth.client.outcome import RETRYABLE, Connected, Deferred, Failed, Rejection
from oauth_helper.web.customer.client_redirect import with_code_redirect, with_error_redirect
from oauth_helper.web.customer.scope_choice import is_prefetch
from oauth_helper.web.i18n import translate
from oauth_helper.web.security import csrf, is_same_origin, limit
from oauth_helper.web.services import services

blueprint = Blueprint("attempts", __name__, url_prefix="/attempts")

#: Characters of a report that are read; HubSpot's messages have a few hundred.
MAX_REPORT = 4000

# Seconds after which a response that was put off is tried again.
_TRIES_EVERY = 5


@blueprint.get("/<reference>")
@limit("240 per minute")
def page(reference: str) -> Response:
    """How an attempt stands, for the browser that began it; others are told to start again."""
    parsed = parse_reference(reference)
    kept = services().cookies.read(request, parsed) if parsed else None
    refusal = _refusal_in_query()
    if kept is None or (refusal and isinstance(kept, PendingAuthorization)):
        return _start_again(refusal, parsed, kept)
    profile = _profile_of(kept)
    match kept:
        case PendingAuthorization():
            return _completed_later(profile, kept) or _still_open(profile, kept)
        case Connected():
            return _to_client(kept) if kept.client_redirect_url else _connected(profile, kept)
        case Failed():
            return _failed(
                profile,
                kept,
                kept.cause,
                kept.missing,
                client_redirect_url=kept.client_redirect_url,
                continue_to=_continue_to(kept, "failed"),
                opener=_opener(kept, "failed"),
            )


@blueprint.get("/<reference>/status")
@limit("1200 per minute")
def status(reference: str) -> Response:
    """Whether the response is there, for the page that waits for it in another tab."""
    parsed = parse_reference(reference)
    kept = services().cookies.read(request, parsed) if parsed else None
    if kept is None:
        abort(404)
    if isinstance(kept, PendingAuthorization):
        return jsonify(status="connected" if _has_connected(kept) else "waiting")
    return jsonify(status="connected" if isinstance(kept, Connected) else "failed")


@blueprint.post("/<reference>/report")
# No session stands behind it: the attempt's own cookie is proof enough, and other sites' forms do
# not bring it along (SameSite). A tab that was open for hours still works.
@csrf.exempt  # type: ignore[untyped-decorator]
@limit("120 per minute")
def report(reference: str) -> Response:
    """Takes in what HubSpot's page said, and answers with what that means."""
    if not is_same_origin():
        abort(403, translate("This form was sent from another site."))
    parsed = parse_reference(reference)
    kept = services().cookies.read(request, parsed) if parsed else None
    if kept is None:
        return _start_again(None, parsed, None)
    profile = _profile_of(kept)
    if isinstance(kept, Connected | Failed):
        return page(kept.reference)
    text = reported_text()
    if not text:
        asked = translate("Please paste what HubSpot said, or pick the message that comes closest.")
        return _waiting(profile, kept, asked)
    try:
        failure = services().reports.report(profile, kept, text, by=CUSTOMER)
    except StoreUnavailableError:
        down = translate("The store of records does not answer. Try again soon.")
        return _waiting(profile, kept, down, 503)
    answer = _reported(profile, kept, failure) if failure else _connected(profile, kept)
    # See Other, so that a reload does not send it again; for programs the answer is here already.
    answer.status_code = 303
    answer.location = url("attempts.page", reference=kept.reference, _anchor="main")
    return answer


def reported_text() -> str:
    """What this request's form brings: the pasted text and the message that was picked."""
    pasted = request.form.get("message", "").strip()[:MAX_REPORT]
    picked = request.form.get("picked", "")
    usual = next((each.text for each in known_messages() if each.id == picked), "")
    return "\n".join(filter(None, (pasted, usual)))


def _completed_later(profile: Profile, pending: PendingAuthorization) -> Response | None:
    """Complete a response that was deferred; None when there is none, or none any more.

    Only for a customer: a prefetch must not use up the code.
    """
    if pending.deferred is None:
        return None
    if is_prefetch():
        return Response(status=204)
    outcome = services().callback.complete(profile, pending, Code(pending.deferred.code))
    match outcome:
        case Connected():
            outcome = with_code_redirect(profile, pending, outcome)
        case Failed():
            if pending.client_request:
                outcome = with_error_redirect(outcome, pending.client_request)
        case Deferred():
            return _deferred(profile, outcome)
        case _:
            return None  # another tab was faster
    response = make_response(redirect(url("attempts.page", reference=pending.reference), 303))
    services().cookies.keep(request, response, outcome)
    return response


def _deferred(profile: Profile, deferred: Deferred) -> Response:
    """Show the page that tries again by itself, without a script."""
    pending = deferred.pending
    shown = render_template(
        "deferred.html",
        pending=pending,
        profile=profile,
        why=deferred.reason,
        seconds=_TRIES_EVERY,
        again=_again(profile, pending),
    )
    response = make_response(shown, 503)
    response.headers["Retry-After"] = response.headers["Refresh"] = str(_TRIES_EVERY)
    services().cookies.keep(request, response, pending)
    return response


def _still_open(profile: Profile, pending: PendingAuthorization) -> Response:
    """The page of an attempt without response: it waits, or explains what became of it."""
    if _has_connected(pending):
        return _connected(profile, pending)
    try:
        failure = services().failures.get(pending.reference)
    except StoreUnavailableError:
        failure = None  # the page is of use without it
    if failure is not None and _is_told(failure):
        return _reported(profile, pending, failure)
    return _waiting(profile, pending)


def _has_connected(pending: PendingAuthorization) -> bool:
    """Whether it has connected, although the outcome's cookie never reached this browser."""
    try:
        return services().attempts.outcome(pending.reference) == "connected"
    except StoreUnavailableError:
        return False


def _is_told(failure: Failure) -> bool:
    """Whether there is more to say than that nothing came back."""
    is_reported = any(event.what is EventType.REPORTED for event in failure.history)
    return is_reported or failure.stage is not Stage.AUTHORIZATION


def _to_client(outcome: Connected) -> Response:
    """Lead the browser back to the client with its code, once: a reload shows how it ended."""
    if outcome.client_redirect_url is None or is_prefetch():
        return Response(status=204)
    response = make_response(redirect(outcome.client_redirect_url, 303))
    services().cookies.keep(request, response, replace(outcome, client_redirect_url=None))
    return response


def _client_redirect_url(pending: PendingAuthorization, cause: Cause) -> str | None:
    """Return the address that leads back to the client of the proxy; None without a client."""
    server = services().server
    if server is None or pending.client_request is None:
        return None
    return server.error_redirect_url(pending.client_request, cause, pending.reference)


def _connected(profile: Profile, attempt: PendingAuthorization | Connected) -> Response:
    """Show that it is connected; with what was granted, if this browser knows."""
    if isinstance(attempt, Connected):
        outcome = attempt
    else:
        outcome = Connected(
            reference=attempt.reference,
            profile=attempt.profile,
            return_to=attempt.return_to,
            client=attempt.client,
            popup=attempt.popup,
        )
    shown = render_template(
        "connected.html",
        outcome=outcome,
        is_told=isinstance(attempt, Connected),
        profile=profile,
        continue_to=_continue_to(outcome, "connected"),
        opener=_opener(outcome, "connected"),
    )
    return make_response(shown)


def _waiting(
    profile: Profile, pending: PendingAuthorization, error: str = "", status: int = 400
) -> Response:
    """The page that waits and offers to tell; with `error` when the form could not be taken."""
    shown = render_template(
        "waiting.html",
        pending=pending,
        profile=profile,
        again=_again(profile, pending),
        usual=known_messages(),
        error=error,
        typed=request.form.get("message", "")[:MAX_REPORT],
        picked=request.form.get("picked", ""),
        client_redirect_url=_client_redirect_url(pending, Cause.NEVER_RETURNED),
        is_late=services().clock() - pending.started_at > services().config.attempt_timeout,
    )
    return make_response(shown, status if error else 200)


def _reported(profile: Profile, pending: PendingAuthorization, failure: Failure) -> Response:
    return _failed(
        profile,
        pending,
        failure.cause,
        failure.missing,
        others=_for_others_to_mend(failure),
        pending=pending if failure.stage is Stage.AUTHORIZATION else None,
        usual=known_messages(),
        client_redirect_url=_client_redirect_url(pending, failure.cause),
        # In a tab of its own people carry on at HubSpot; a popup has a page behind it that waits.
        continue_to=_continue_to(pending, "failed") if pending.popup else None,
        opener=_opener(pending, "failed"),
    )


def _failed(
    profile: Profile,
    attempt: PendingAuthorization | Connected | Failed,
    cause: Cause,
    missing: tuple[str, ...],
    **more: object,
) -> Response:
    """What went wrong, in plain words, and what the reader can do or pass on."""
    fixes = fix_for(
        cause,
        scopes=missing,
        redirect_uri=profile.redirect_uri,
        profile=profile.name,
        translate=translate,
    )
    shown = render_template(
        "failed.html",
        reference=attempt.reference,
        missing=missing,
        profile=profile,
        cause=cause,
        wording=wording,
        steps=_steps(fixes, Responsible.CUSTOMER),
        admin_steps=_steps(fixes, Responsible.ACCOUNT_ADMIN),
        again=_again(profile, attempt),
        client=attempt.client,
        **more,
    )
    return make_response(shown)


def _for_others_to_mend(failure: Failure) -> list[Cause]:
    """The next causes, if the reader's side could mend them: of ours one is as good as another."""
    causes = dict.fromkeys(each.cause for each in failure.candidates[:4])
    theirs = (Responsible.CUSTOMER, Responsible.ACCOUNT_ADMIN)
    return [
        cause
        for cause in causes
        if cause is not failure.cause
        and cause is not Cause.UNKNOWN
        and any(fix.who in theirs for fix in wording(cause).fix)
    ]


def _steps(fixes: tuple[Fix, ...], who: Responsible) -> list[str]:
    return [step for fix in fixes if fix.who is who for step in fix.steps]


def _profile_of(kept: PendingAuthorization | Connected | Failed) -> Profile:
    profile = services().profiles.get(kept.profile)
    if profile is None:
        abort(404, translate("This attempt was made with a profile that is no longer here."))
    return profile


def _refusal_in_query() -> Rejection | None:
    """Why the callback sent the browser here; of a fixed list, whoever wrote the address."""
    value = request.args.get("refused")
    return Rejection(value) if value in set(Rejection) else None


def _start_again(
    refusal: Rejection | None,
    reference: str | None,
    kept: PendingAuthorization | Connected | Failed | None,
) -> Response:
    """Why there is nothing to see. Without `refusal` somebody only looks at an attempt's page."""
    profile = services().profiles.get(kept.profile if kept else request.args.get("profile", ""))
    again = url("connect.home")
    if profile is not None:
        again = _again(profile, kept) if kept else url("connect.connect", name=profile.name)
    shown = render_template("refused.html", refusal=refusal, reference=reference, again=again)
    return make_response(shown, 503 if refusal in RETRYABLE else 400)


def _again(profile: Profile, attempt: PendingAuthorization | Connected | Failed) -> str:
    """The address that begins the same again."""
    if attempt.client:
        client_request = (
            attempt.client_request if isinstance(attempt, PendingAuthorization) else None
        )
        return f"{url('proxy.authorize')}?{client_request.query if client_request else attempt.start_query}"
    address = url("connect.connect", name=profile.name)
    fields = {"return_to": attempt.return_to, "display": "popup" if attempt.popup else None}
    way_back = urlencode({name: value for name, value in fields.items() if value})
    query = "&".join(filter(None, (attempt.start_query, way_back)))
    return f"{address}?{query}" if query else address


def _opener(
    attempt: PendingAuthorization | Connected | Failed, outcome: str
) -> dict[str, str] | None:
    """What the script of a popup tells the page that opened it, and the one origin to tell it to.

    None in any other window.
    """
    origin = origin_of(attempt.return_to) if attempt.popup and attempt.return_to else None
    if origin is None:
        return None
    return {"reference": attempt.reference, "outcome": outcome, "origin": origin}


def _continue_to(attempt: PendingAuthorization | Connected | Failed, outcome: str) -> str | None:
    """`return_to` with the reference and the outcome added to its query."""
    if attempt.return_to is None:
        return None
    parts = urlsplit(attempt.return_to)
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in ("reference", "outcome")  # whoever made the address may have forged them
    ]
    query += [
        ("reference", attempt.reference),
        ("outcome", outcome),
    ]
    return parts._replace(query=urlencode(query)).geturl()
