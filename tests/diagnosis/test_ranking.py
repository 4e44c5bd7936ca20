"""What the rest of the evidence does to the causes that message and URL leave open."""

import pytest

from oauth_helper.diagnosis import Cause, Evidence, Role, Stage, diagnose
from oauth_helper.hubspot.token_response import Refused
from oauth_helper.scopes import AppConfiguration, RequestedScopes, Tier, shipped_catalogue

E1 = "Authorization failed because the provided scopes are missing [tickets]"
E2 = "there is a mismatch between the scopes in the install URL and the app's configured scopes"
E3 = "Authorization failed because your account lacks access to the required scopes"
E6 = "Un client_id d'application invalide a été fourni."
E9 = "You don't have permission to connect this app"
CUSTOM = "crm.objects.custom.read"
CATALOGUE = shipped_catalogue()
REQUESTED = RequestedScopes(("oauth", CUSTOM), ("tickets",))


def at_hubspot(message="", **evidence):
    evidence = {"requested": REQUESTED, "catalogue": CATALOGUE, **evidence}
    return diagnose(Evidence(stage=Stage.AUTHORIZATION, message=message, **evidence))


def causes(diagnosis):
    return [candidate.cause for candidate in diagnosis.candidates]


def test_a_mismatch_without_link_and_app_names_all_three_and_asks_for_the_app():
    diagnosis = at_hubspot(E2, requested=None)
    assert causes(diagnosis)[:3] == [
        Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        Cause.SCOPE_IN_WRONG_PARAMETER,
        Cause.MISSING_OAUTH_SCOPE,
    ]
    assert "app-hsmeta.json" in diagnosis.next_question


def test_with_the_app_the_rules_decide_and_nothing_is_asked():
    app = AppConfiguration(required=(CUSTOM,), optional=("tickets", "forms"))
    asked = RequestedScopes(("oauth", CUSTOM, "tickets"), ())
    diagnosis = at_hubspot(E2, app=app, requested=asked)
    assert diagnosis.cause is Cause.SCOPE_IN_WRONG_PARAMETER
    assert diagnosis.scopes == ("tickets",)
    assert not any("fits the URL" in each.why for each in diagnosis.candidates)


@pytest.mark.parametrize("stage", [Stage.TOKEN, Stage.REFRESH, Stage.API])
def test_rules_are_not_asked_once_hubspot_has_accepted_the_url(stage):
    diagnosis = diagnose(
        Evidence(
            stage=stage,
            message="BAD_CLIENT_SECRET",
            requested=REQUESTED,
            app=AppConfiguration(),
        )
    )
    assert diagnosis.cause is Cause.CLIENT_SECRET_INVALID


def test_an_app_that_fits_although_hubspot_says_otherwise():
    app = AppConfiguration(required=(CUSTOM,), optional=("tickets",))
    diagnosis = at_hubspot(E2, app=app)
    assert all("deployed app differs" in each.why for each in diagnosis.candidates[:2])
    assert diagnosis.candidates[0].words.title == "The deployed app differs from its file"
    assert Cause.MISSING_OAUTH_SCOPE not in causes(diagnosis), "the link has it"
    assert "deployed build" in diagnosis.next_question


def test_a_mismatch_without_url_and_app_asks_for_the_app_first():
    diagnosis = at_hubspot(E2, requested=None)
    assert "app-hsmeta.json" in diagnosis.next_question
    with_app = at_hubspot(E2, requested=None, app=AppConfiguration())
    assert "address of HubSpot's error page" in with_app.next_question


def test_the_address_in_the_message_tells_what_was_asked_for():
    address = "https://app-eu1.hubspot.com/oauth/authorize?scope=tickets&client_id=x"
    diagnosis = at_hubspot(f"{E2}\n{address}", requested=None)
    assert diagnosis.cause is Cause.MISSING_OAUTH_SCOPE


def test_what_stands_in_the_wrong_parameter_is_said_beside_what_is_missing():
    diagnosis = at_hubspot(E1)
    assert diagnosis.cause is Cause.URL_MISSING_REQUIRED_SCOPE
    (place,) = [
        each for each in diagnosis.candidates if each.cause is Cause.SCOPE_IN_WRONG_PARAMETER
    ]
    assert "tickets in `optional_scope`" in place.why


def test_replaced_scopes_are_thought_of():
    asked = RequestedScopes(("oauth",), ("hubdb",))
    diagnosis = at_hubspot(E2, requested=asked)
    assert causes(diagnosis)[-1] is Cause.DEPRECATED_SCOPE
    assert "hubdb" in diagnosis.candidates[-1].why


@pytest.mark.parametrize(
    ("evidence", "first", "last"),
    [
        pytest.param({}, Cause.ACCOUNT_LACKS_FEATURE, Cause.USER_LACKS_PERMISSION, id="open"),
        pytest.param(
            {"tier": Tier.PROFESSIONAL},
            Cause.ACCOUNT_LACKS_FEATURE,
            Cause.USER_LACKS_PERMISSION,
            id="subscription-too-low",
        ),
        pytest.param(
            {"tier": Tier.ENTERPRISE},
            Cause.USER_LACKS_PERMISSION,
            Cause.ACCOUNT_LACKS_FEATURE,
            id="subscription-has-it",
        ),
        pytest.param(
            {"role": Role.USER},
            Cause.USER_LACKS_PERMISSION,
            Cause.ACCOUNT_LACKS_FEATURE,
            id="no-super-admin",
        ),
        pytest.param(
            {"role": Role.USER, "tier": Tier.ANY},
            Cause.ACCOUNT_LACKS_FEATURE,
            Cause.USER_LACKS_PERMISSION,
            id="no-super-admin-but-the-subscription-is-known-to-lack-it",
        ),
        pytest.param(
            {"role": Role.SUPER_ADMIN},
            Cause.ACCOUNT_LACKS_FEATURE,
            Cause.USER_LACKS_PERMISSION,
            id="super-admin",
        ),
        pytest.param(
            {"earlier": (Cause.USER_LACKS_PERMISSION,)},
            Cause.USER_LACKS_PERMISSION,
            Cause.ACCOUNT_LACKS_FEATURE,
            id="met-before",
        ),
    ],
)
def test_account_person_and_history(evidence, first, last):
    diagnosis = at_hubspot(E3, **evidence)
    assert causes(diagnosis) == [first, last]


def test_a_subscription_that_is_known_to_lack_it_is_evidence():
    (lacks, _) = at_hubspot(E3, tier=Tier.PROFESSIONAL).candidates
    assert f"{CUSTOM}: any Hub Enterprise" in lacks.why
    assert "Super Admin" in at_hubspot(E3).next_question


@pytest.mark.parametrize(
    ("message", "words"),
    [(E9, "Super Admin"), (E6, "client ID"), ("400 during token exchange", "status")],
    ids=["E9", "E6", "bare-400"],
)
def test_the_one_thing_that_decides(message, words):
    stage = Stage.TOKEN if "400" in message else Stage.AUTHORIZATION
    assert words in diagnose(Evidence(stage=stage, message=message)).next_question


def test_nothing_is_asked_when_one_cause_stands_out():
    assert (
        diagnose(Evidence(stage=Stage.AUTHORIZATION, message="BAD_CODE_VERIFIER")).next_question
        == ""
    )


# ---- silence


def silent(**evidence):
    evidence = {"requested": REQUESTED, "catalogue": CATALOGUE, **evidence}
    return diagnose(Evidence(stage=Stage.AUTHORIZATION, waited_seconds=910, **evidence))


def test_silence_names_first_what_is_known_to_be_risky():
    diagnosis = silent()
    assert diagnosis.cause is Cause.NEVER_RETURNED
    assert causes(diagnosis)[1] is Cause.ACCOUNT_LACKS_FEATURE
    assert diagnosis.scopes == (CUSTOM,)


def test_silence_with_a_fitting_app_leaves_the_account_the_person_and_the_redirect_url():
    app = AppConfiguration(required=(CUSTOM,), optional=("tickets",))
    assert causes(silent(app=app, tier=Tier.ENTERPRISE)) == [
        Cause.NEVER_RETURNED,
        Cause.REDIRECT_URI_MISMATCH,
        Cause.USER_LACKS_PERMISSION,
        Cause.USER_DENIED,
    ]
    url = "https://a.example/cb"
    known = AppConfiguration(required=(CUSTOM,), optional=("tickets",), redirect_urls=(url,))
    assert Cause.REDIRECT_URI_MISMATCH not in causes(silent(app=known, redirect_uri=url))


def test_an_app_that_has_changed_since_is_found_out_after_silence():
    diagnosis = silent(app=AppConfiguration(required=(CUSTOM, "forms"), optional=("tickets",)))
    assert diagnosis.cause is Cause.NEVER_RETURNED
    proved = diagnosis.candidates[1]
    assert (proved.cause, proved.scopes) == (Cause.URL_MISSING_REQUIRED_SCOPE, ("forms",))


def test_what_the_same_browser_met_before_is_evidence_and_no_title():
    diagnosis = silent(earlier=(Cause.USER_DENIED,))
    assert diagnosis.cause is Cause.NEVER_RETURNED
    (denied,) = [each for each in diagnosis.candidates if each.cause is Cause.USER_DENIED]
    assert "in the same browser" in denied.why
    assert at_hubspot(
        "Couldn\u2019t complete the connection", earlier=(Cause.USER_LACKS_PERMISSION,)
    ).cause is (Cause.UNKNOWN)


@pytest.mark.parametrize(
    ("age", "words"), [(0, "used before"), (20, "used before"), (400, "expired")]
)
def test_the_age_of_a_refused_code(age, words):
    refused = Refused(400, "BAD_AUTH_CODE")
    (candidate,) = diagnose(Evidence(stage=Stage.TOKEN, response=refused, code_age=age)).candidates
    assert candidate.cause is Cause.CODE_EXPIRED_OR_REUSED
    assert words in candidate.why


# ---- the title alone


@pytest.mark.parametrize(
    "title",
    [
        "Couldn\u2019t complete the connection",
        "COULDNT COMPLETE THE CONNECTION!",
        "Impossible de terminer la connexion",
        "Impossibile completare la connessione:",
        "\u63a5\u7d9a\u3092\u5b8c\u4e86\u3067\u304d\u307e\u305b\u3093\u3067\u3057\u305f",
    ],
)
def test_the_title_of_the_error_page_alone_asks_for_the_sentence_below_it(title):
    diagnosis = at_hubspot(title)
    assert diagnosis.cause is Cause.UNKNOWN
    assert causes(diagnosis)[1] is Cause.ACCOUNT_LACKS_FEATURE
    assert "sentence below the title" in diagnosis.next_question


def test_the_title_with_its_sentence_is_read_by_the_sentence():
    assert at_hubspot(f"Couldn\u2019t complete the connection\n{E9}").cause is (
        Cause.USER_LACKS_PERMISSION
    )


@pytest.mark.parametrize(("seconds", "words"), [(3, "within 3 s."), (899, "15 min"), (90, "2 min")])
def test_for_how_long_nothing_came_back(seconds, words):
    diagnosis = diagnose(Evidence(stage=Stage.AUTHORIZATION, waited_seconds=seconds))
    assert words in diagnosis.candidates[0].why
