from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.references import (
    STATE_RANDOM_LENGTH,
    make_state,
    new_reference,
    reference_in_state,
)
from oauth_helper.models import DeferredCode, PendingAuthorization
from oauth_helper.scopes import RequestedScopes, is_scope_token, shipped_catalogue, split

ENCRYPTOR = Encryptor([SecretStr("a key")], purpose="tests")
REFERENCE = "222Q-7777-777J"
CHANCE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-_"
PENDING = PendingAuthorization(
    reference=REFERENCE,
    profile="workato",
    state=make_state(REFERENCE, CHANCE),
    code_verifier="v" * 64,
    requested=RequestedScopes(("oauth", "contacts"), ("tickets",)),
    started_at=1_800_000_000,
    return_to="https://app.example.com/done?x=é",
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
names = st.lists(texts.filter(is_scope_token), unique=True, max_size=4).map(tuple)


@given(
    st.builds(
        PendingAuthorization,
        reference=texts,
        profile=texts,
        state=texts,
        code_verifier=st.none() | texts,
        requested=st.builds(RequestedScopes, names, names),
        started_at=st.integers(0, 2**40),
        return_to=st.none() | texts,
    )
)
@settings(max_examples=200)
def test_what_is_written_reads_back(pending):
    assert (
        ENCRYPTOR.decrypt_value(ENCRYPTOR.encrypt_value(pending), PendingAuthorization) == pending
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": None},
        {"return_to": None},
        {"requested": RequestedScopes(("oauth",))},
        {},
    ],
    ids=["no-pkce", "no-return", "nothing-optional", "all"],
)
def test_each_part_reads_back(changed):
    pending = replace(PENDING, **changed)
    assert (
        ENCRYPTOR.decrypt_value(ENCRYPTOR.encrypt_value(pending), PendingAuthorization) == pending
    )


def test_fifty_scopes_fit_into_a_cookie():
    everything = [scope.name for scope in shipped_catalogue().scopes]
    pending = replace(PENDING, requested=split(shipped_catalogue(), optional=everything))
    assert len(pending.requested.all) == 50
    # Encrypted it grows by a third and some 100; browsers take 4096 with name and attributes.
    assert len(ENCRYPTOR.encrypt_value(pending)) < 1000


@pytest.mark.parametrize(
    ("state", "matches"),
    [
        pytest.param(PENDING.state, True, id="its-own"),
        pytest.param("", False, id="empty"),
        pytest.param(PENDING.state[:-1], False, id="cut"),
        pytest.param(PENDING.state + "a", False, id="longer"),
        pytest.param(PENDING.state.lower(), False, id="other-case"),
        pytest.param(make_state(REFERENCE, "a" * 43), False, id="other-chance"),
        pytest.param(make_state("222Q-7777-7779", CHANCE), False, id="other-reference"),
        pytest.param("é" * 10, False, id="not-ascii"),
    ],
)
def test_only_its_own_state_matches(state, matches):
    assert PENDING.matches(state) is matches


@pytest.mark.parametrize(
    ("state", "reference"),
    [
        pytest.param(f"{REFERENCE}.{'a' * 43}", REFERENCE, id="ours"),
        pytest.param(f"{REFERENCE}.{'a' * 42}", None, id="too-short"),
        pytest.param(f"{REFERENCE}.{'a' * 44}", None, id="too-long"),
        pytest.param(f"{'a' * 43}.{REFERENCE}", None, id="wrong-way-round"),
        pytest.param(f"222Q-7777-7779.{'a' * 43}", None, id="wrong-check-character"),
        pytest.param(REFERENCE, None, id="reference-alone"),
        pytest.param("", None, id="empty"),
        pytest.param("." + "a" * 43, None, id="no-reference"),
    ],
)
def test_the_reference_that_a_state_names(state, reference):
    assert reference_in_state(state) == reference


@given(st.dates(), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_a_state_leads_to_its_attempt(day, chance):
    reference = new_reference(day, chance.choice)
    state = make_state(reference, "".join(chance.choices("abc-_", k=STATE_RANDOM_LENGTH)))
    assert reference_in_state(state) == reference


@given(st.text())
@settings(max_examples=100)
def test_any_text_names_a_reference_or_none(state):
    assert reference_in_state(state) is None


def test_what_a_browser_proves_itself_by_is_in_no_log():
    deferred = DeferredCode("the-code", 1_800_000_000)
    shown = repr(replace(PENDING, deferred=deferred))
    assert REFERENCE in shown
    for secret in (PENDING.state, "v" * 64, "the-code"):
        assert secret not in shown
