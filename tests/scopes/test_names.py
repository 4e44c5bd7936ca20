import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_helper.scopes import is_scope_token, join_scope, nearest, parse_scope

# RFC 6749 section 3.3, written out: %x21 / %x23-5B / %x5D-7E
LEGAL = (
    "!#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
)


@pytest.mark.parametrize("char", [chr(number) for number in range(0x100)], ids=ascii)
def test_a_scope_holds_the_characters_of_the_rfc_and_no_other(char):
    assert is_scope_token(f"a{char}b") is (char in LEGAL)
    assert is_scope_token(char) is (char in LEGAL)


@pytest.mark.parametrize(
    "name",
    ["", "tickets\n", "\ntickets", "\uff54ickets"],
    ids=["empty", "lf-after", "lf-before", "wide"],
)
def test_no_scope(name):
    assert not is_scope_token(name)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        pytest.param("", (), id="empty"),
        pytest.param(" \t\r\n ", (), id="blank"),
        pytest.param("oauth", ("oauth",), id="one"),
        pytest.param("  oauth \n\n tickets\t", ("oauth", "tickets"), id="any-white-space"),
        pytest.param("tickets oauth tickets", ("tickets", "oauth"), id="first-of-a-repeated-one"),
        pytest.param("oauth,tickets", ("oauth,tickets",), id="commas-separate-nothing"),
        pytest.param("Tickets tickets", ("Tickets", "tickets"), id="case-matters"),
    ],
)
def test_reading_a_scope_parameter(value, names):
    assert parse_scope(value) == names


@given(st.lists(st.text(LEGAL, min_size=1), unique=True))
@settings(max_examples=100)
def test_what_is_joined_reads_back(names):
    assert parse_scope(join_scope(names)) == tuple(names)


@given(st.text())
@settings(max_examples=100)
def test_any_text_reads_as_names_without_repeats_or_white_space(value):
    names = parse_scope(value)
    assert len(set(names)) == len(names)
    assert all(name.split() == [name] for name in names)


KNOWN = (
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.deals.read",
    "oauth",
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("crm.objects.contact.read", "crm.objects.contacts.read", id="letter-left-out"),
        pytest.param("crm.objects.contcats.write", "crm.objects.contacts.write", id="swapped"),
        pytest.param("CRM.Objects.Deals.Read", "crm.objects.deals.read", id="case"),
        pytest.param("oauth2", "oauth", id="letter-too-many"),
        pytest.param("tickets", None, id="nothing-near"),
        pytest.param("", None, id="empty"),
    ],
)
def test_what_a_wrong_name_may_have_meant(name, meant):
    assert nearest(name, KNOWN) == meant


def test_nothing_is_near_when_nothing_is_known():
    assert nearest("oauth", ()) is None
