"""Show what a developer must enter in the HubSpot app of a profile, exactly."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, request
from flask import url_for as url

from oauth_helper.config.app_setup import (
    DISTRIBUTIONS,
    SetupChecklist,
    app_hsmeta,
    setup_checklist,
)
from oauth_helper.config.profiles import Profile
from oauth_helper.hubspot.authorization_request import authorization_link
from oauth_helper.scopes import UnknownScopesError
from oauth_helper.web.customer.connect import scopes_from_query
from oauth_helper.web.customer.services import profile_or_404, services
from oauth_helper.web.security import limit

blueprint = Blueprint("setup", __name__, url_prefix="/setup")


@blueprint.get("/<name>")
@limit(120)
def setup(name: str) -> str:
    """Show the redirect URLs, the scopes by kind, the project file, and the matching link."""
    profile = profile_or_404(name)
    optional = scopes_from_query()
    steps = _checklist(profile, optional)
    distribution = _distribution()
    chosen = None if optional is None else " ".join(optional)
    public_url = services().config.public_url
    return render_template(
        "setup.html",
        profile=profile,
        checklist=steps,
        distribution=distribution,
        hsmeta=app_hsmeta(steps, distribution),
        connect_url=public_url + url("connect.connect", name=profile.name, optional_scope=chosen),
        authorize_url=authorization_link(
            services().config.authorization_endpoint,
            client_id=profile.client_id,
            redirect_uri=profile.redirect_uri,
            requested=profile.requested_scopes(optional),
        ),
        chosen=chosen,
    )


@blueprint.get("/<name>/app-hsmeta.json")
@limit(120)
def file(name: str) -> Response:
    """Return the complete app-hsmeta.json for a developer project."""
    profile = profile_or_404(name)
    text = app_hsmeta(_checklist(profile, scopes_from_query()), _distribution())
    headers = {"Content-Disposition": 'attachment; filename="app-hsmeta.json"'}
    return Response(text, mimetype="application/json", headers=headers)


def _checklist(profile: Profile, optional: tuple[str, ...] | None) -> SetupChecklist:
    try:
        return setup_checklist(profile, optional)
    except UnknownScopesError as error:
        abort(400, f"The address names scopes that profile “{profile.name}” lacks: {error}.")


def _distribution() -> str:
    """Return how the file says that the app is distributed."""
    distribution = request.args.get("distribution") or DISTRIBUTIONS[0]
    if distribution not in DISTRIBUTIONS:
        abort(400, f"distribution has to be {' or '.join(DISTRIBUTIONS)}.")
    return distribution
