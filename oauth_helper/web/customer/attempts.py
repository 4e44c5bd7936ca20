"""Show one attempt: its state, its outcome, and a form to report what HubSpot showed."""

from __future__ import annotations

from dataclasses import replace
from typing import cast
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
from oauth_helper.diagnosis import (
    Cause,
    Fix,
    Responsible,
    Stage,
    Wording,
    fix_for,
    known_messages,
    wording,
)
from oauth_helper.failures.model import CUSTOMER, EventType, Failure
from oauth_helper.hubspot.authorization_response import Code
from oauth_helper.models import PendingAuthorization, StoreUnavailableError
from oauth_helper.oauth.client.outcome import RETRYABLE, Connected, Deferred, Failed, Rejection
from oauth_helper.web.customer.client_redirect import with_way_back
from oauth_helper.web.customer.connect import check_link
from oauth_helper.web.customer.services import services
from oauth_helper.web.i18n import translate
from oauth_helper.web.security import csrf, is_prefetch, is_same_origin, limit

blueprint = Blueprint("attempts", __name__, url_prefix="/attempts")

#: Characters of a report that are read. HubSpot's messages have a few hundred.
MAX_REPORT = 4000

# Seconds after which the page retries a deferred response.
_RETRY_SECONDS = 5


@blueprint.get("/latest")
@limit(240)
def latest() -> Response:
    """Redirect to the latest attempt of this browser, or to the first page without one."""
    kept = services().cookies.latest(request)
    address = url("attempts.page", reference=kept.reference) if kept else url("connect.home")
    return cast("Response", redirect(address, 303))


@blueprint.get("/<reference>")
@limit(240)
def page(reference: str) -> Response:
    """Show an attempt to the browser that started it; any other browser should start again."""
    parsed = parse_reference(reference)
    kept = services().cookies.read(request, parsed) if parsed else None
    refusal = _refusal_in_query()
    if kept is None or (refusal and isinstance(kept, PendingAuthorization)):
        return _refused(refusal, parsed, kept)
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
@limit(1200)
def status(reference: str) -> Response:
    """Return the attempt's status as JSON, for the waiting page in another tab."""
    parsed = parse_reference(reference)
    kept = services().cookies.read(request, parsed) if parsed else None
    if kept is None:
        abort(404)
    if isinstance(kept, PendingAuthorization):
        return jsonify(status="connected" if _has_connected(kept) else "waiting")
    return jsonify(status="connected" if isinstance(kept, Connected) else "failed")


@blueprint.get("/<reference>/account")
@limit(240)
def account(reference: str) -> Response:
    """Return the domain of the connected account as JSON, null when unknown, for its page.

    HubSpot may take a while to tell it, so the page doesn't wait for it.
    """
    parsed = parse_reference(reference)
    kept = services().cookies.read(request, parsed) if parsed else None
    if not isinstance(kept, Connected):
        abort(404)
    connection = services().connections.get(f"{kept.profile}.{kept.hub_id}")
    if connection is None or connection.reference != kept.reference:
        return jsonify(domain=None)
    return jsonify(domain=services().domains.of_connection(connection) or None)


@blueprint.post("/<reference>/report")
# The attempt's own cookie authorizes the report, without a session. Forms of other sites don't send
# it (SameSite), and a tab that was open for hours still works.
@csrf.exempt  # type: ignore[untyped-decorator]
@limit(120)
def report(reference: str) -> Response:
    """Process what HubSpot's page showed, and show what it means."""
    if not is_same_origin():
        abort(403, translate("This form was sent from another site."))
    parsed = parse_reference(reference)
    kept = services().cookies.read(request, parsed) if parsed else None
    if kept is None:
        return _refused(None, parsed, None)
    profile = _profile_of(kept)
    if isinstance(kept, Connected | Failed):
        return page(kept.reference)
    text = reported_text()
    if not text:
        error = translate("Please paste what HubSpot said, or pick the message that comes closest.")
        return _waiting(profile, kept, error)
    try:
        failure = services().reports.report(profile, kept, text, by=CUSTOMER)
    except StoreUnavailableError:
        down = translate("Our records aren't available right now. Try again soon.")
        return _waiting(profile, kept, down, 503)
    answer = _reported(profile, kept, failure) if failure else _connected(profile, kept)
    # See Other, so that a reload doesn't repeat the report. The body is for programs, which may
    # not follow it.
    answer.status_code = 303
    answer.location = url("attempts.page", reference=kept.reference, _anchor="main")
    return answer


def reported_text() -> str:
    """Return the text that this request's form reports: the pasted one and the picked message."""
    pasted = request.form.get("message", "").strip()[:MAX_REPORT]
    picked = request.form.get("picked", "")
    usual = next((each.text for each in known_messages() if each.id == picked), "")
    return "\n".join(filter(None, (pasted, usual)))


def _completed_later(profile: Profile, pending: PendingAuthorization) -> Response | None:
    """Complete a deferred response; return None without one or when another tab was faster.

    A prefetch gets an empty response, because it must not use up the code.
    """
    if pending.deferred is None:
        return None
    if is_prefetch():
        return Response(status=204)
    if pending.link:
        check_link(pending.link, pending.reference)
    outcome = services().callback.complete(profile, pending, Code(pending.deferred.code))
    match outcome:
        case Connected() | Failed():
            outcome = with_way_back(profile, pending, outcome)
        case Deferred():
            return _deferred(profile, outcome)
        case _:
            return None  # another tab has completed it
    response = make_response(redirect(url("attempts.page", reference=pending.reference), 303))
    services().cookies.keep(request, response, outcome)
    return response


def _deferred(profile: Profile, deferred: Deferred) -> Response:
    """Show the page that retries by itself, without a script."""
    pending = deferred.pending
    shown = render_template(
        "deferred.html",
        pending=pending,
        profile=profile,
        why=deferred.reason,
        seconds=_RETRY_SECONDS,
        again=_start_again_url(profile, pending),
    )
    response = make_response(shown, 503)
    response.headers["Retry-After"] = response.headers["Refresh"] = str(_RETRY_SECONDS)
    services().cookies.keep(request, response, pending)
    return response


def _still_open(profile: Profile, pending: PendingAuthorization) -> Response:
    """Show an attempt without a response: it waits, or its failure or success is known."""
    if _has_connected(pending):
        return _connected(profile, pending)
    try:
        failure = services().failures.get(pending.reference)
    except StoreUnavailableError:
        failure = None  # the page is useful without it
    if failure is not None and _has_details(failure):
        return _reported(profile, pending, failure)
    return _waiting(profile, pending)


def _has_connected(pending: PendingAuthorization) -> bool:
    """Return whether it has connected although this browser never got the outcome's cookie."""
    try:
        return services().attempts.outcome(pending.reference) == "connected"
    except StoreUnavailableError:
        return False


def _has_details(failure: Failure) -> bool:
    """Return whether more is known than that the customer never returned."""
    is_reported = any(event.what is EventType.REPORTED for event in failure.history)
    return is_reported or failure.stage is not Stage.AUTHORIZATION


def _to_client(outcome: Connected) -> Response:
    """Redirect the browser to where the attempt began, once; a reload shows the outcome."""
    if outcome.client_redirect_url is None or is_prefetch():
        return Response(status=204)
    response = make_response(redirect(outcome.client_redirect_url, 303))
    services().cookies.keep(request, response, replace(outcome, client_redirect_url=None))
    return response


def _client_redirect_url(pending: PendingAuthorization, cause: Cause) -> str | None:
    """Return the address that leads to where the attempt began; None if it began here."""
    if pending.install_return_url:
        return pending.install_return_url
    server = services().server
    if server is None or pending.client_request is None:
        return None
    return server.error_redirect_url(pending.client_request, cause, pending.reference)


def _connected(profile: Profile, attempt: PendingAuthorization | Connected) -> Response:
    """Show that the account is connected, with the granted scopes if this browser has them."""
    way_back = None
    if isinstance(attempt, Connected):
        outcome = attempt
    else:
        way_back = attempt.install_return_url
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
        continue_to=way_back or _continue_to(outcome, "connected"),
        opener=_opener(outcome, "connected"),
    )
    return make_response(shown)


def _waiting(
    profile: Profile, pending: PendingAuthorization, error: str = "", status: int = 400
) -> Response:
    """Show the waiting page with the report form, and `error` if the form was rejected."""
    shown = render_template(
        "waiting.html",
        pending=pending,
        profile=profile,
        again=_start_again_url(profile, pending),
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
        words=failure.words,
        others=_customer_side_causes(failure),
        message=failure.message,
        pending=pending if failure.stage is Stage.AUTHORIZATION else None,
        usual=known_messages(),
        client_redirect_url=_client_redirect_url(pending, failure.cause),
        # In a tab the customer goes on at HubSpot; behind a popup another page waits.
        continue_to=_continue_to(pending, "failed") if pending.popup else None,
        opener=_opener(pending, "failed"),
    )


def _failed(
    profile: Profile,
    attempt: PendingAuthorization | Connected | Failed,
    cause: Cause,
    missing: tuple[str, ...],
    words: Wording | None = None,
    **more: object,
) -> Response:
    """Show what failed, in plain words, and what the customer or an admin can do.

    `words` are those of the situation, if it is known.
    """
    fixes = fix_for(
        cause,
        scopes=missing,
        redirect_uri=profile.redirect_uri,
        profile=profile.name,
        translate=translate,
        words=words,
    )
    shown = render_template(
        "failed.html",
        reference=attempt.reference,
        is_cancelled=cause is Cause.USER_DENIED,
        missing=missing,
        profile=profile,
        cause=cause,
        wording=wording,
        steps=_steps(fixes, Responsible.CUSTOMER),
        admin_steps=_steps(fixes, Responsible.ACCOUNT_ADMIN),
        again=_start_again_url(profile, attempt),
        client=attempt.client,
        **more,
    )
    return make_response(shown)


def _customer_side_causes(failure: Failure) -> list[Cause]:
    """Return the next likely causes that the customer or their admin could fix.

    Causes on the operator's side would only confuse the customer.
    """
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
        abort(404, translate("This attempt used a profile that no longer exists here."))
    return profile


def _refusal_in_query() -> Rejection | None:
    """Return why the callback sent the browser here. Anyone can write the address, so check it."""
    value = request.args.get("refused")
    return Rejection(value) if value in set(Rejection) else None


def _refused(
    refusal: Rejection | None,
    reference: str | None,
    kept: PendingAuthorization | Connected | Failed | None,
) -> Response:
    """Show why there is no attempt to show. `refusal` is None if the page was opened directly."""
    profile = services().profiles.get(kept.profile if kept else request.args.get("profile", ""))
    start_again = url("connect.home")
    if profile is not None:
        new_attempt = url("connect.connect", name=profile.name)
        start_again = _start_again_url(profile, kept) if kept else new_attempt
    shown = render_template(
        "refused.html",
        refusal=refusal,
        reference=reference,
        again=start_again,
        profile=profile,
    )
    return make_response(shown, 503 if refusal in RETRYABLE else 400)


def _start_again_url(profile: Profile, attempt: PendingAuthorization | Connected | Failed) -> str:
    """Return the address that starts the same authorization again."""
    if attempt.client:
        client_request = (
            attempt.client_request if isinstance(attempt, PendingAuthorization) else None
        )
        query = client_request.query if client_request else attempt.start_query
        return f"{url('proxy.authorize')}?{query}"
    address = url("connect.connect", name=profile.name)
    fields = {"return_to": attempt.return_to, "display": "popup" if attempt.popup else None}
    way_back = urlencode({name: value for name, value in fields.items() if value})
    query = "&".join(filter(None, (attempt.start_query, way_back)))
    return f"{address}?{query}" if query else address


def _opener(
    attempt: PendingAuthorization | Connected | Failed, outcome: str
) -> dict[str, str] | None:
    """Return the message of a popup to the page that opened it, and the only origin to send it to.

    Returns None in any other window.
    """
    origin = origin_of(attempt.return_to) if attempt.popup and attempt.return_to else None
    if origin is None:
        return None
    return {"reference": attempt.reference, "outcome": outcome, "origin": origin}


def _continue_to(attempt: PendingAuthorization | Connected | Failed, outcome: str) -> str | None:
    """Return `return_to` with the reference and the outcome added to its query."""
    if attempt.return_to is None:
        return None
    parts = urlsplit(attempt.return_to)
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in ("reference", "outcome")  # the address may contain forged ones
    ]
    query += [
        ("reference", attempt.reference),
        ("outcome", outcome),
    ]
    return parts._replace(query=urlencode(query)).geturl()
