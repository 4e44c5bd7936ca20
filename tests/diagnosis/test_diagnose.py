import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_helper.diagnosis import Candidate, Cause, Diagnosis, Evidence, Stage, diagnose
from oauth_helper.hubspot.authorization_response import Declined, Malformed
from oauth_helper.hubspot.token_response import Refused, Unavailable, read_token_response
from oauth_helper.scopes import AppConfiguration, Problem, check_placement


def cause_of(stage, response):
    diagnosis = diagnose(Evidence(stage=stage, response=response))
    assert diagnosis.scopes == ()
    (candidate,) = diagnosis.candidates
    assert diagnosis.cause is candidate.cause
    return candidate.cause


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("BAD_AUTH_CODE", Cause.CODE_EXPIRED_OR_REUSED),
        ("EXPIRED_AUTH_CODE", Cause.CODE_EXPIRED_OR_REUSED),
        ("MISMATCH_REDIRECT_URI_AUTH_CODE", Cause.REDIRECT_URI_MISMATCH),
        ("BAD_REDIRECT_URI", Cause.REDIRECT_URI_MISMATCH),
        ("BAD_CLIENT_ID", Cause.CLIENT_ID_INVALID),
        ("BAD_CLIENT_SECRET", Cause.CLIENT_SECRET_INVALID),
        ("BAD_REFRESH_TOKEN", Cause.REFRESH_TOKEN_INVALID),
        ("BAD_CODE_VERIFIER", Cause.PKCE_MISMATCH),
        ("BAD_GRANT_TYPE", Cause.TOKEN_REQUEST_MALFORMED),
        ("BAD_SCOPES", Cause.INVALID_SCOPE_NAME),
        ("BAD_HUB", Cause.ACCOUNT_UNKNOWN),
        ("SOMETHING_NEW", Cause.UNKNOWN),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"message": "m"}, id="older"),
        pytest.param({"error": "invalid_grant", "error_description": "m"}, id="since-2026"),
    ],
)
@pytest.mark.parametrize("http_status", [400, 401, 200])
def test_hubspots_own_status_decides(http_status, body, status, cause):
    raw = json.dumps(body | {"status": status}).encode()
    if cause is Cause.UNKNOWN and "error" in body:
        cause = Cause.CODE_EXPIRED_OR_REUSED  # what the RFC's error says
    assert cause_of(Stage.TOKEN, read_token_response(http_status, {}, raw)) is cause


@pytest.mark.parametrize(
    ("stage", "response", "cause"),
    [
        pytest.param(
            Stage.TOKEN,
            Refused(400, error="invalid_grant"),
            Cause.CODE_EXPIRED_OR_REUSED,
            id="grant",
        ),
        pytest.param(
            Stage.REFRESH,
            Refused(400, error="invalid_grant"),
            Cause.REFRESH_TOKEN_INVALID,
            id="grant-at-refresh",
        ),
        pytest.param(
            Stage.TOKEN,
            Refused(401, error="invalid_client"),
            Cause.CLIENT_SECRET_INVALID,
            id="client",
        ),
        pytest.param(
            Stage.TOKEN,
            Refused(400, error="invalid_request"),
            Cause.TOKEN_REQUEST_MALFORMED,
            id="request",
        ),
        pytest.param(
            Stage.TOKEN,
            Refused(400, error="unsupported_grant_type"),
            Cause.TOKEN_REQUEST_MALFORMED,
            id="grant-type",
        ),
        pytest.param(
            Stage.TOKEN,
            Refused(400, error="invalid_scope"),
            Cause.INVALID_SCOPE_NAME,
            id="scope",
        ),
        pytest.param(
            Stage.TOKEN,
            Refused(400, error="unauthorized_client"),
            Cause.CLIENT_ID_INVALID,
            id="unauthorized-client",
        ),
        pytest.param(
            Stage.TOKEN,
            Refused(415, message="Unsupported Media Type"),
            Cause.TOKEN_REQUEST_MALFORMED,
            id="415",
        ),
        *(
            pytest.param(
                Stage.TOKEN, Refused(code), Cause.HUBSPOT_UNAVAILABLE, id=f"a-proxys-{code}"
            )
            for code in (403, 407, 451)
        ),
        pytest.param(Stage.TOKEN, Refused(400), Cause.UNKNOWN, id="nothing-said"),
        pytest.param(Stage.TOKEN, Refused(400, error="new_error"), Cause.UNKNOWN, id="new-error"),
        pytest.param(Stage.TOKEN, Unavailable("x", 429), Cause.RATE_LIMITED, id="429"),
        pytest.param(Stage.TOKEN, Unavailable("x", 423), Cause.HUBSPOT_UNAVAILABLE, id="423"),
        pytest.param(Stage.TOKEN, Unavailable("x", 477), Cause.HUBSPOT_UNAVAILABLE, id="477"),
        pytest.param(Stage.TOKEN, Unavailable("x", 503), Cause.HUBSPOT_UNAVAILABLE, id="503"),
        pytest.param(
            Stage.TOKEN, Unavailable("no answer"), Cause.HUBSPOT_UNAVAILABLE, id="no-answer"
        ),
        pytest.param(
            Stage.CALLBACK, Declined("access_denied"), Cause.USER_DENIED, id="access-denied"
        ),
        pytest.param(
            Stage.CALLBACK, Declined("invalid_scope"), Cause.INVALID_SCOPE_NAME, id="invalid-scope"
        ),
        pytest.param(
            Stage.CALLBACK,
            Declined("unauthorized_client"),
            Cause.CLIENT_ID_INVALID,
            id="declined-client",
        ),
        pytest.param(
            Stage.CALLBACK, Declined("server_error"), Cause.HUBSPOT_UNAVAILABLE, id="server-error"
        ),
        pytest.param(
            Stage.CALLBACK,
            Declined("temporarily_unavailable"),
            Cause.HUBSPOT_UNAVAILABLE,
            id="unavailable",
        ),
        pytest.param(Stage.CALLBACK, Declined("Access_Denied"), Cause.UNKNOWN, id="other-case"),
        pytest.param(Stage.CALLBACK, Malformed("it is odd"), Cause.UNKNOWN, id="malformed"),
        pytest.param(Stage.CALLBACK, None, Cause.UNKNOWN, id="no-evidence"),
    ],
)
def test_what_a_response_says(stage, response, cause):
    assert cause_of(stage, response) is cause


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (
            Refused(400, "BAD_HUB", "invalid_grant", "wrong hub"),
            "HubSpot's token endpoint answered BAD_HUB.",
        ),
        (Refused(400, error="odd"), "HubSpot's token endpoint answered odd."),
        (Refused(418), "HubSpot's token endpoint answered HTTP 418."),
        (Unavailable("later", 503), "No usable answer from HubSpot: HTTP 503, later."),
        (Unavailable("no answer in time"), "No usable answer from HubSpot: no answer in time."),
        (Declined("access_denied"), "HubSpot came back with the error “access_denied”."),
        (Malformed("it is odd"), "The answer made no sense: it is odd."),
    ],
    ids=["status", "error", "nothing", "http", "no-answer", "declined", "malformed"],
)
def test_the_evidence_is_named(response, why):
    (candidate,) = diagnose(Evidence(stage=Stage.TOKEN, response=response)).candidates
    assert candidate.why == why


@pytest.mark.parametrize(
    ("required", "optional", "cause", "scopes"),
    [
        pytest.param(("a", "b"), (), Cause.GRANTED_MISSING_REQUIRED, ("a", "b"), id="required"),
        pytest.param((), ("c", "d"), Cause.GRANTED_MISSING_OPTIONAL, ("c", "d"), id="optional"),
        pytest.param(("a",), ("c",), Cause.GRANTED_MISSING_REQUIRED, ("a",), id="both"),
    ],
)
def test_what_was_not_granted(required, optional, cause, scopes):
    diagnosis = diagnose(
        Evidence(stage=Stage.GRANT, missing_required=required, missing_optional=optional)
    )
    assert diagnosis.cause is cause
    assert diagnosis.scopes == scopes
    assert ", ".join(scopes) in diagnosis.candidates[0].why


def test_a_message_counts_where_the_answer_says_nothing():
    message = "missing or unknown auth code"
    evidence = Evidence(stage=Stage.TOKEN, message=message, response=Refused(418))
    assert diagnose(evidence).cause is Cause.CODE_EXPIRED_OR_REUSED
    evidence = replace(evidence, response=Refused(400, "BAD_CLIENT_SECRET"))
    assert diagnose(evidence).cause is Cause.CLIENT_SECRET_INVALID


@pytest.mark.parametrize(
    ("app", "situation"),
    [
        (None, ""),
        (AppConfiguration(required=("a", "b", "c")), "required_and_listed"),
        (AppConfiguration(required=("a",), optional=("b",)), ""),
    ],
    ids=["unknown", "listed", "only-one"],
)
def test_a_required_scope_that_the_app_lists_has_other_steps(app, situation):
    evidence = Evidence(stage=Stage.GRANT, missing_required=("a", "b"), app=app)
    assert diagnose(evidence).candidates[0].situation == situation


def test_the_problems_of_a_preflight_become_the_causes_in_their_order():
    app = AppConfiguration(required=("a", "b"), conditional=("c",), optional=("d",))
    problems = check_placement(("d", "x"), ("b", "c"), app)
    diagnosis = diagnose(Evidence(stage=Stage.PREFLIGHT, problems=problems))
    assert [candidate.cause for candidate in diagnosis.candidates] == [
        Cause.URL_MISSING_REQUIRED_SCOPE,
        Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        Cause.SCOPE_IN_WRONG_PARAMETER,
        Cause.MISSING_OAUTH_SCOPE,
    ]
    scopes = [candidate.scopes for candidate in diagnosis.candidates]
    assert scopes == [("a", "b"), ("x",), ("c",), ("oauth",)]
    for candidate in diagnosis.candidates:
        assert candidate.why in [problem.message for problem in problems]


def test_problems_tell_more_than_the_response():
    problem = Problem("redirect_uri_mismatch", (), "The app does not list it.")
    assert diagnose(
        Evidence(stage=Stage.PREFLIGHT, problems=(problem,), response=Declined("access_denied"))
    ) == Diagnosis((Candidate(Cause.REDIRECT_URI_MISMATCH, "The app does not list it."),))


names = st.lists(st.text(min_size=1), max_size=3).map(tuple)
responses = (
    st.none()
    | st.builds(Declined, st.text(), st.text())
    | st.builds(Malformed, st.text())
    | st.builds(Refused, st.integers(100, 599), st.text(), st.text(), st.text(), st.text())
    | st.builds(Unavailable, st.text(), st.none() | st.integers(100, 599))
)


@given(
    st.builds(
        Evidence,
        stage=st.sampled_from(Stage),
        response=responses,
        problems=st.lists(
            st.builds(Problem, st.sampled_from(list(Cause)).map(str), names, st.text()), max_size=3
        ).map(tuple),
        missing_required=names,
        missing_optional=names,
    )
)
@settings(max_examples=200)
def test_any_evidence_has_a_cause(evidence):
    diagnosis = diagnose(evidence)
    assert diagnosis.cause is diagnosis.candidates[0].cause
    assert all(type(candidate.cause) is Cause for candidate in diagnosis.candidates)
    causes = [candidate.cause for candidate in diagnosis.candidates]
    assert len(set(causes)) == len(causes)
