"""What the API answers without a record: the check of an app's configuration, and a diagnosis."""

from __future__ import annotations

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis.app_check import CheckedLink, compare
from oauth_helper.diagnosis.explanation import evidence_from, explain
from oauth_helper.scopes.app_file import corrected_document
from oauth_helper.web.api.failure_schemas import DiagnosisJson, PreflightJson
from oauth_helper.web.api.schemas import DiagnoseRequest, PreflightRequest
from oauth_helper.web.api.services import services
from oauth_helper.web.api.validation import FieldProblem, InvalidRequestError


def preflight(body: PreflightRequest) -> PreflightJson:
    """Return the check of an app against a profile, or against the scopes in the body.

    Raises `InvalidRequestError` for an unknown profile, and `AppConfigurationError`.
    """
    app, profile = body.app_config, _profile(body.profile)
    checked = compare(
        app.configuration,
        body.link or CheckedLink(profile.usual_request, profile.redirect_uri),
        profile.catalogue,
    )
    return PreflightJson.of(checked, corrected_document(app.document, checked.corrected))


def diagnosis(body: DiagnoseRequest) -> DiagnosisJson:
    """Return the diagnosis of what the body says."""
    profiles = tuple(services().profiles.values())
    evidence = evidence_from(
        catalogue=profiles[0].catalogue,
        message=body.message or "",
        stage=body.stage,
        link=body.link,
        app=body.app_config.configuration if body.app_config else None,
        answer=body.response.read() if body.response else None,
        tier=body.tier,
        role=body.role,
        code_age=body.code_age,
    )
    secrets = [profile.client_secret.get_secret_value() for profile in profiles]
    return DiagnosisJson.model_validate(explain(evidence, secrets))


def _profile(name: str | None) -> Profile:
    profiles = services().profiles
    if name is None:
        return next(iter(profiles.values()))
    if name not in profiles:
        reason = f"has to be one of {', '.join(profiles)}"
        raise InvalidRequestError([FieldProblem("profile", reason, f"profile {reason}")])
    return profiles[name]
