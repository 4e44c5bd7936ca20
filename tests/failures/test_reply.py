"""The answer to a customer."""

from dataclasses import replace

import pytest
from failure_examples import a_failure

from oauth_helper.diagnosis import Cause, Responsible, Stage, fix_for
from oauth_helper.failures.model import Event, EventType, Resolution, Status
from oauth_helper.failures.reply import developer_note, reply
from oauth_helper.web.translations import LANGUAGES, translations

ADDRESS = "https://connect.example.com/connect/workato"


def answer(failure, language="en"):
    return reply(failure, address=ADDRESS, translate=translations(language).gettext)


def test_what_the_customer_can_do_stands_step_by_step():
    failure = a_failure(cause=Cause.USER_DENIED)
    assert answer(failure).splitlines()[:3] == [
        "Hi,",
        "",
        "Your HubSpot connection didn't go through.",
    ]
    text = answer(failure)
    assert "\n1. " in text
    assert text.rstrip().endswith(failure.reference)
    assert ADDRESS in text


def test_a_connection_that_was_not_renewed_had_been_made():
    failure = replace(a_failure(cause=Cause.WRONG_REGION), stage=Stage.REFRESH)
    assert answer(failure).splitlines()[2] == "Your HubSpot connection couldn't be renewed."


def test_what_others_fix_is_only_said_to_be_in_progress():
    failure = a_failure(cause=Cause.CLIENT_SECRET_INVALID)
    text = answer(failure)
    assert "Trying again won't help until it's fixed" in text
    assert "We're working on a fix" not in text
    assert "We're working on a fix" in answer(replace(failure, assignee="anna"))
    assert ADDRESS not in text
    assert "1. " not in text


def test_a_failure_that_is_fixed_asks_to_try_again():
    failure = replace(a_failure(cause=Cause.CLIENT_SECRET_INVALID), status=Status.RESOLVED)
    text = answer(failure)
    assert f"Please try once more:\n{ADDRESS}" in text
    assert "We're working on a fix" not in text


@pytest.mark.parametrize(
    ("whats", "says"),
    [
        ([EventType.CONNECTED], "It has worked since"),
        ([EventType.COMMENTED, EventType.CONNECTED, EventType.COMMENTED], "It has worked since"),
        ([EventType.CONNECTED, EventType.REOPENED, EventType.RESOLVED], "Please try once more"),
        ([EventType.RESOLVED], "Please try once more"),
    ],
    ids=str,
)
def test_whoever_has_connected_is_not_asked_to_try_again(whats, says):
    history = tuple(Event(number, what, "somebody") for number, what in enumerate(whats))
    text = answer(replace(a_failure(), status=Status.RESOLVED, history=history))
    assert says in text
    assert ("Nothing is left to do" in text) is (says == "It has worked since")


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_cause_has_an_answer_in_every_language(cause, language):
    failure = a_failure(cause=cause, missing=("tickets",))
    text = answer(failure, language)
    assert failure.reference in text
    assert "{" not in text
    assert ("Hi," in text) is (language == "en")
    of_ours = [
        step
        for fix in fix_for(cause, scopes=("tickets",), profile="workato")
        if fix.who in (Responsible.APP_DEVELOPER, Responsible.OPERATOR)
        for step in fix.steps
    ]
    theirs = {
        step
        for fix in fix_for(cause, scopes=("tickets",), profile="workato")
        if fix.who in (Responsible.CUSTOMER, Responsible.ACCOUNT_ADMIN)
        for step in fix.steps
    }
    assert not [step for step in of_ours if step in text and step not in theirs]


@pytest.mark.parametrize("resolution", list(Resolution))
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_only_what_is_fixed_is_said_to_be_fixed(resolution, language):
    failure = replace(a_failure(), status=Status.RESOLVED, resolution=resolution)
    fixed = answer(replace(failure, resolution=Resolution.FIXED), language)
    assert (answer(failure, language) == fixed) is (resolution is Resolution.FIXED)
    assert (ADDRESS in answer(failure, language)) is (resolution is Resolution.FIXED)


def test_a_developer_gets_cause_scopes_message_link_and_check():
    failure = a_failure(
        cause=Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        missing=("tickets", "a`b"),
        message="mismatch\n```\n# not a heading",
        hub_id=4711,
    )
    link = "https://app.hubspot.com/oauth/authorize?client_id=x&scope=it's"
    note = developer_note(failure, page="https://connect.example.com/f", link=link)
    assert note.startswith(
        "**Scope not configured in the app** (`url_requests_unconfigured_scope`)"
    )
    assert f"- Failure: {failure.reference}, https://connect.example.com/f" in note
    assert "- Scopes: `tickets`, `a'b`" in note
    assert "````\nmismatch\n```\n# not a heading\n````" in note
    assert "App developer:\n\n1. " in note
    assert (
        "--authorize-url 'https://app.hubspot.com/oauth/authorize?client_id=x&scope=it'\"'\"'s'"
        in note
    )
    assert "check" not in developer_note(failure, page="https://connect.example.com/f", link="")
