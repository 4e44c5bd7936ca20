"""The customer's pages: what will be asked, the way to HubSpot and back, and how it ended."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from flask import url_for as url
from werkzeug.wrappers import Response as BaseResponse

from oauth_helper.connecting import Begun, Outcome
from oauth_helper.diagnosis import Who, fix_for, wording
from oauth_helper.oauth.authorization_request import HUBLETS
from oauth_helper.oauth.authorization_response import read_authorization_response, single
from oauth_helper.oauth.pending import PendingAuthorization, reference_in_state
from oauth_helper.profiles import Profile
from oauth_helper.recognising import Refusal, issuers_of, recognise
from oauth_helper.reference import parse_reference
from oauth_helper.scopes import UnknownScopesError
from oauth_helper.urls import origin_of
from oauth_helper.web.offer import chosen_in_query, offer_of
from oauth_helper.web.security import limit
from oauth_helper.web.services import profile_or_404, services

blueprint = Blueprint("connect", __name__)

#: A return address has to fit into the attempt's cookie.
MAX_RETURN_TO = 500


@blueprint.get("/")
@limit("300 per minute")
def home() -> str:
    """The profiles, each with its button and what it will ask for."""
    profiles = services().profiles.values()
    return render_template("home.html", offers=[offer_of(profile) for profile in profiles])


@blueprint.get("/connect/<name>")
@limit("120 per minute")
def connect(name: str) -> BaseResponse:
    """Starts an attempt and sends the browser to HubSpot."""
    profile = profile_or_404(name)
    if _is_only_looking():
        return Response(status=204)
    optional, hub_id, region = chosen_in_query(), _hub_id(), _region()
    try:
        begun = services().connecting.begin(
            profile,
            optional=optional,
            hub_id=hub_id,
            region=region,
            return_to=_return_to(profile),
            begun_with=_begun_with(profile, optional, hub_id, region),
        )
    except UnknownScopesError as error:
        abort(400, f"The address asks for scopes that profile “{profile.name}” lacks: {error}.")
    if isinstance(begun, Begun):
        response = redirect(begun.url, 302)
        services().cookies.keep(request, response, begun.pending)
        return response
    return _to_attempt(begun.reference, begun)


@blueprint.get("/callback/<name>")
@limit("240 per minute")
def callback(name: str) -> BaseResponse:
    """The redirection endpoint (RFC 6749 section 3.1.2): always leads on to the attempt's page."""
    profile = profile_or_404(name)
    if _is_only_looking():
        return Response(status=204)
    parameters = request.args.to_dict(flat=False)
    state = single(parameters, "state")
    reference = reference_in_state(state) if state else None
    kept = services().cookies.read(request, reference) if reference else None
    if isinstance(kept, Outcome):
        return _to_attempt(kept.reference)
    recognised = recognise(
        kept,
        profile=profile,
        state=state,
        iss=parameters.get("iss", ()),
        issuers=issuers_of(services().connecting.endpoint),
        now=services().clock(),
    )
    if isinstance(recognised, Refusal):
        return _refuse(reference, profile, recognised)
    outcome = services().connecting.finish(
        profile, recognised, read_authorization_response(parameters)
    )
    if isinstance(outcome, Refusal):
        return _refuse(reference, profile, outcome)
    return _to_attempt(outcome.reference, outcome)


@blueprint.get("/attempts/<reference>")
def attempt(reference: str) -> BaseResponse:
    """How an attempt stands, for the browser that began it; others are told to start again."""
    parsed = parse_reference(reference)
    kept = services().cookies.read(request, parsed) if parsed else None
    refusal = _refusal_in_query()
    if kept is None or (refusal and isinstance(kept, PendingAuthorization)):
        return _start_again(refusal, parsed, kept)
    profile = services().profiles.get(kept.profile)
    if profile is None:
        abort(404, "This attempt was made with a profile that is no longer here.")
    if isinstance(kept, PendingAuthorization):
        page = render_template(
            "waiting.html", pending=kept, profile=profile, again=_again(profile, kept)
        )
    elif kept.cause is None:
        page = render_template(
            "connected.html", outcome=kept, profile=profile, continue_to=_continue_to(kept)
        )
    else:
        fixes = fix_for(kept.cause, scopes=kept.missing, profile=profile.name)
        page = render_template(
            "failed.html",
            outcome=kept,
            profile=profile,
            wording=wording(kept.cause),
            steps=[step for fix in fixes if fix.who is Who.CUSTOMER for step in fix.steps],
            continue_to=_continue_to(kept),
            again=_again(profile, kept),
        )
    return make_response(page)


def _is_only_looking() -> bool:
    """Whether it is a link checker or a prefetching browser, which must not set anything going."""
    return request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", "")


def _to_attempt(reference: str, outcome: Outcome | None = None) -> BaseResponse:
    """See Other: code and state leave the address bar."""
    response = redirect(url("connect.attempt", reference=reference), 303)
    if outcome is not None:
        services().cookies.keep(request, response, outcome)
    return response


def _refuse(reference: str | None, profile: Profile, refusal: Refusal) -> BaseResponse:
    address = url(
        "connect.attempt", reference=reference or "unknown", refused=refusal, profile=profile.name
    )
    return redirect(address, 303)


def _refusal_in_query() -> Refusal | None:
    """Why the callback sent the browser here; of a fixed list, whoever wrote the address."""
    value = request.args.get("refused")
    return Refusal(value) if value in set(Refusal) else None


def _start_again(
    refusal: Refusal | None, reference: str | None, kept: PendingAuthorization | Outcome | None
) -> Response:
    """Why there is nothing to see. Without `refusal` somebody only looks at an attempt's page."""
    profile = services().profiles.get(kept.profile if kept else request.args.get("profile", ""))
    again = url("connect.home")
    if profile is not None:
        again = _again(profile, kept) if kept else url("connect.connect", name=profile.name)
    page = render_template(
        "refused.html",
        refusal=refusal,
        reference=reference,
        again=again,
    )
    return make_response(page, 503 if refusal is Refusal.STORE_DOWN else 400)


def _begun_with(
    profile: Profile,
    optional: tuple[str, ...] | None,
    hub_id: int | None,
    region: str | None,
) -> str:
    """The choices to begin the same again, as a query. Raises `UnknownScopesError`.

    A choice that is the default is left out: a form sends all of its boxes.
    """
    fields: dict[str, object] = {"hub_id": hub_id, "region": region}
    if optional is not None:
        chosen = profile.requested_scopes(optional)
        if chosen != profile.requested_scopes():
            fields["optional_scope"] = " ".join(name for name in chosen.all if name in optional)
    return urlencode({name: value for name, value in fields.items() if value is not None})


def _again(profile: Profile, attempt: PendingAuthorization | Outcome) -> str:
    """The address that begins the same again."""
    address = url("connect.connect", name=profile.name)
    return_to = urlencode({"return_to": attempt.return_to}) if attempt.return_to else ""
    query = "&".join(filter(None, (attempt.begun_with, return_to)))
    return f"{address}?{query}" if query else address


def _hub_id() -> int | None:
    text = request.args.get("hub_id", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        abort(400, "hub_id has to be the number of a HubSpot account.")
    return int(text) if text else None


def _region() -> str | None:
    region = request.args.get("region") or None
    if region not in (None, *HUBLETS):
        abort(400, f"region has to be one of {', '.join(HUBLETS)}.")
    return region


def _return_to(profile: Profile) -> str | None:
    """The address to lead back to, if its origin is registered; exact match, nothing clever."""
    address = request.args.get("return_to")
    if not address:
        return None
    if len(address) > MAX_RETURN_TO:
        abort(400, f"return_to may have {MAX_RETURN_TO} characters.")
    if origin_of(address) not in profile.return_origins:
        abort(400, f"return_to has to be at an origin that profile “{profile.name}” registers.")
    return address


def _continue_to(outcome: Outcome) -> str | None:
    """`return_to` with the reference and the outcome added to its query."""
    if outcome.return_to is None:
        return None
    parts = urlsplit(outcome.return_to)
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in ("reference", "outcome")  # whoever made the address may have forged them
    ]
    query += [
        ("reference", outcome.reference),
        ("outcome", "connected" if outcome.connected else "failed"),
    ]
    return parts._replace(query=urlencode(query)).geturl()
