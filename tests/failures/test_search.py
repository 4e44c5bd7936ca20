"""The search box's language: what is read, what is said about the rest, and what is found."""

from dataclasses import replace

import pytest
from failure_examples import a_failure
from hypothesis import example, given
from hypothesis import strategies as st

from oauth_helper.diagnosis import Cause
from oauth_helper.failures.model import Event, EventType, Status
from oauth_helper.failures.query import FIELDS, Term
from oauth_helper.failures.search import (
    MAX_SEARCH,
    MAX_TERMS,
    TEXT_FIELDS,
    is_match,
    read_search,
    write_term,
)


def term(field, value):
    return Term(field, value)


def no(field, value):
    return Term(field, value, negated=True)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("   \t\n ", ()),
        ("token", (term("", "token"),)),
        ("Token Expired", (term("", "Token"), term("", "Expired"))),
        ('"token expired"', (term("", "token expired"),)),
        ('-"token expired"', (no("", "token expired"),)),
        ('message:"token expired"', (term("message", "token expired"),)),
        ('-message:"Token expired"', (no("message", "token expired"),)),
        ('"never closed', (term("", "never closed"),)),
        ('closed" later', (term("", 'closed"'), term("", "later"))),
        ('say"no', (term("", 'say"no'),)),
        ('"one""two"', (term("", "one"), term("", "two"))),
        ('"one"two', (term("", "one"), term("", "two"))),
        ('""', ()),
        ('-""', ()),
        ('"', ()),
        ("-", (term("", "-"),)),
        ("--x", (no("", "-x"),)),
        ('"-x"', (term("", "-x"),)),
        ("cause:never_returned", (term("cause", "never_returned"),)),
        ("CAUSE:Never_Returned", (term("cause", "never_returned"),)),
        ('cause:"never_returned"', (term("cause", "never_returned"),)),
        ("-cause:unknown", (no("cause", "unknown"),)),
        ("status:open", (term("status", "open"),)),
        ("state:resolved", (term("status", "resolved"),)),
        ("is:open", (term("status", "open"),)),
        ("-is:Open", (no("status", "open"),)),
        ("is:taken", (no("assignee", "-"),)),
        ("is:assigned", (no("assignee", "-"),)),
        ("-is:taken", (term("assignee", "-"),)),
        ("assignee:-", (term("assignee", "-"),)),
        ("-assignee:-", (no("assignee", "-"),)),
        ("by:Ada", (term("assignee", "Ada"),)),
        ("profile:Second", (term("profile", "Second"),)),
        ('client:"Flow Tool"', (term("client", "Flow Tool"),)),
        ("-client:Zapier", (no("client", "Zapier"),)),
        ("client:-", (term("client", "-"),)),
        ("client_id:abc", (term("", "client_id:abc"),)),
        ("stage:token", (term("stage", "token"),)),
        ("account:4711", (term("account", "4711"),)),
        ("hub_id:4711", (term("account", "4711"),)),
        ("ref:3CK7", (term("reference", "3ck7"),)),
        ("scope:CRM.lists.read", (term("scope", "crm.lists.read"),)),
        ("group:0123456789", (term("group", "0123456789"),)),
        ("note:later", (term("note", "later"),)),
        ("https://x.example/a?b=c", (term("", "https://x.example/a?b=c"),)),
        ("-https://x.example/", (no("", "https://x.example/"),)),
        ("colour:red", (term("", "colour:red"),)),
        ('colour:"dark red"', (term("", "colour:dark red"),)),
        ("12:30", (term("", "12:30"),)),
        ("message:", (term("", "message:"),)),
        (":", (term("", ":"),)),
        ("cause: unknown", (term("", "cause:"), term("", "unknown"))),
        ("a\x00b", (term("", "a\x00b"),)),
        ("a\u00a0b", (term("", "a"), term("", "b"))),
        ("\x1b[31m", (term("", "\x1b[31m"),)),
        ("Straße Ελλάς", (term("", "Straße"), term("", "Ελλάς"))),
    ],
    ids=repr,
)
def test_what_is_asked_for(text, terms):
    found = read_search(text)
    assert found.terms == terms
    assert found.problems == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cause:never_retuned", "Unknown cause “never_retuned”; the nearest is “never_returned”."),
        ("cause:nonsense", "Unknown cause “nonsense”."),
        ('cause:""', "Unknown cause “”."),
        ("-status:closed", "Unknown status “closed”: open, resolved."),
        ("is:nice", "Unknown status “nice”: open, resolved."),
        ("stage:moon", "Unknown stage “moon”: api, "),
        ("account:acme", "“acme” isn't the number of an account"),
        ("account:٤٧", "“٤٧” isn't the number of an account"),
        ("account:1234567890123456", "isn't the number of an account"),
        ("account:-1", "“-1” isn't the number of an account"),
        (f"cause:{'x' * 200}", f"Unknown cause “{'x' * 60}”."),
        ("x" * (MAX_SEARCH + 1), f"Only the first {MAX_SEARCH} characters count."),
        (" ".join("x" * (MAX_TERMS + 1)), f"Only the first {MAX_TERMS} words count."),
    ],
    ids=lambda text: text[:30],
)
def test_what_cannot_be_asked_for_is_named(text, problem):
    found = read_search(f"{text}")
    assert len(found.problems) == 1
    assert found.problems[0].startswith(problem) or problem in found.problems[0]


def test_what_can_be_asked_for_is_kept_beside_what_cannot():
    found = read_search("cause:nonsense tickets account:x is:open")
    assert found.terms == (term("", "tickets"), term("status", "open"))
    assert len(found.problems) == 2


def test_a_very_long_search_is_cut():
    found = read_search("ab " * 100_000)
    assert len(found.terms) == MAX_TERMS
    assert len(found.problems) == 2
    (one,) = read_search("x" * 10_000).terms
    assert len(one.value) == MAX_SEARCH


pieces = st.lists(
    st.sampled_from(
        [*'"-: ', "is:", "cause:", "message:", "unknown", "taken", "https://", "a", "ß"]
    )
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@given(text=pieces)
@example(text='a:b"c')
@example(text='-"is:open"')
@example(text="assignee:-")
def test_a_term_is_written_as_it_is_read(text):
    terms = read_search(text).terms
    for each in terms:
        assert read_search(write_term(each)).terms == (each,)
    assert read_search(" ".join(map(write_term, terms))).terms == terms


values = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1)


@given(value=values.filter(lambda text: len(text) < 200), negated=st.booleans())
@example(value="is:open", negated=False)
@example(value="a b", negated=True)
@example(value="-", negated=False)
def test_any_words_can_be_written(value, negated):
    one = Term("", value, negated)
    assert read_search(write_term(one)).terms == (one,)


@pytest.mark.parametrize(
    ("one", "written"),
    [
        (term("cause", "unknown"), "cause:unknown"),
        (no("assignee", "-"), "is:assigned"),
        (term("assignee", "-"), "-is:assigned"),
        (term("assignee", "Ada Lovelace"), 'assignee:"Ada Lovelace"'),
        (no("client", "Flow Tool"), '-client:"Flow Tool"'),
        (term("client", "-"), "client:-"),
        (term("", "https://x.example"), "https://x.example"),
        (term("", "is:open"), '"is:open"'),
        (no("", "two words"), '-"two words"'),
        (term("profile", 'a "b" c'), 'profile:"a b c"'),
    ],
    ids=repr,
)
def test_terms_are_written_as_people_would(one, written):
    assert write_term(one) == written


FAILURE = replace(
    a_failure(
        cause=Cause.USER_DENIED,
        reference="2M7X-TQRT-89HR",
        status=Status.OPEN,
        message="Die Straße ist LANG, sagt https://x.example/a",
        hub_id=4711,
        missing=("tickets", "crm.lists.read"),
        assignee="Ada",
        client="Flow Tool",
    ),
    correlation_id="c0rrelation",
    history=(Event(1.0, EventType.COMMENTED, "ada", "Called back; İstanbul"),),
)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("", True),
        ("strasse", True),
        ("STRASSE lang", True),
        ('"ist lang"', True),
        ('"lang ist"', False),
        ("strasse kurz", False),
        ("-kurz", True),
        ("-lang", False),
        ("https://x.example", True),
        ("message:straße", True),
        ("note:straße", False),
        ("note:CALLED", True),
        ("İSTANBUL", True),
        ("called", True),
        ("c0rr", True),
        ("471", True),
        ("2m7x-tq", True),
        ("2M7XTQ", True),
        ("ref:2m7xtq", True),
        ("ref:lang", False),
        ("crm.lists", True),
        ("scope:crm.lists", False),
        ("scope:crm.lists.read", True),
        ("-scope:files", True),
        ("oauth", False),
        ("cause:user_denied", True),
        ("-cause:user_denied", False),
        ("stage:token profile:workato", True),
        ("profile:Workato", False),
        ("is:open", True),
        ("-is:open", False),
        ("is:taken", True),
        ("-is:taken", False),
        ("by:Ada", True),
        ("by:ada", False),
        ("account:4711", True),
        ("account:471", False),
        ("client:flow", False),
        ('client:"flow tool"', True),
        ('client:"FLOW Tool"', True),
        ('-client:"Flow tool"', False),
        ("-client:other", True),
        ("client:-", False),
        ("-client:-", True),
        ("w tool", True),
        ("note:tool", False),
        (f"group:{FAILURE.fingerprint}", True),
        ("group:0123456789", False),
        ("user_denied", False),
    ],
)
def test_what_is_found(text, is_found):
    search = read_search(text)
    assert search.problems == ()
    assert is_match(FAILURE, search.terms) == is_found


def test_what_has_no_assignee_is_not_assigned():
    free = replace(FAILURE, assignee="", hub_id=None)
    assert is_match(free, read_search("-is:taken assignee:- -account:1").terms)
    assert not is_match(free, read_search("is:taken").terms)


def test_no_client_asked_for_what_has_none():
    own = replace(FAILURE, client="")
    assert is_match(own, read_search("client:- -client:flow").terms)
    assert not is_match(own, read_search("-client:-").terms)


@given(text=st.text(max_size=400))
def test_whatever_is_typed_is_read(text):
    for each in read_search(text).terms:
        assert each.value
        assert each.field in ("", *FIELDS, *TEXT_FIELDS)
        is_match(FAILURE, (each,))


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("foo:bar", ("“foo:” isn't a field, so it is searched as words.",)),
        ('tickets "foo: bar" cause:unknown https://example.com', ()),
    ],
)
def test_what_looks_like_a_field_and_is_none_is_named(text, hints):
    assert read_search(text).hints == hints
