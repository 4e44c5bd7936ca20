"""Where the authorization endpoint leads a browser, whatever it is asked (RFC 9700 section 4.1)."""

import html
import re
from urllib.parse import quote, urlencode, urlsplit

import pytest
from harness import PUBLIC_URL, query_of
from oauth_clients import CALLBACK, answer_in
from redirect_payloads import EVIL, LOOPBACK, REGISTERED, TECHNIQUES, payloads, with_port

CLIENTS = [
    {"id": name, "name": f"Tool {name}", "redirect_uris": [uri]} for name, uri in REGISTERED.items()
]


@pytest.fixture
def tool(make_tool):
    return make_tool(
        *CLIENTS, {"id": "two", "name": "Two", "redirect_uris": [CALLBACK, f"{CALLBACK}/b"]}
    )


def assert_leads_nowhere(response, payload, store):
    assert response.status_code == 400, payload
    assert response.mimetype == "text/html"
    assert "Location" not in response.headers, payload
    assert "Refresh" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    assert 'http-equiv="refresh"' not in response.text
    assert "<form" not in response.text
    if any(char in payload for char in "<>\"'"):
        assert payload not in response.text
    links = re.findall(r' (?:href|src|action)="([^"]*)"', response.text)
    assert links
    assert not [link for link in links if not re.match(r"[/#](?![/\\\\])", link)], payload
    assert store.keys("*") == []


def tried(technique):
    """Every payload for two clients, and some for the others: they are compared alike."""
    for name in REGISTERED:
        some = slice(None, None, 1 if name in ("path", "loopback") else 12)
        yield from ((name, each) for each in payloads(name, technique)[some] if each)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_redirect_uri_that_is_not_the_registered_one_leads_nowhere(tool, store, technique):
    for name, payload in tried(technique):
        response = tool.ask(client_id=name, redirect_uri=payload)
        assert_leads_nowhere(response, payload, store)
        assert "The redirect_uri is not registered for this client." in response.text


def test_the_page_shows_what_came_as_text(tool):
    payload = "\"><script>alert(1)</script>'&amp;"
    page = tool.ask(client_id="path", redirect_uri=payload).text
    assert html.escape(payload).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in page
    page = tool.ask(client_id=payload).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("name", REGISTERED)
def test_the_registered_one_is_accepted_and_shown(tool, name):
    page = tool.ask(client_id=name, redirect_uri=REGISTERED[name])
    assert page.status_code == 200
    shown = urlsplit(REGISTERED[name]).netloc or "com.example.app"
    assert f'<strong class="destination">{shown}</strong>' in page.text


@pytest.mark.parametrize("port", ["", "1", "49152", "65535"])
@pytest.mark.parametrize("name", LOOPBACK)
def test_a_program_on_the_persons_computer_is_answered_at_its_own_port(tool, name, port):
    given = with_port(REGISTERED[name], port)
    page = tool.ask(client_id=name, redirect_uri=given)
    back = tool.consent(page, "deny").location
    assert back.startswith(given + ("&" if "?" in given else "?") + "error=access_denied&")


def test_the_code_is_bound_to_the_port_that_was_asked_for(tool):
    tool.id, tool.redirect_uri = "loopback", with_port(REGISTERED["loopback"], "49152")
    code = tool.code()
    other = tool.redeem(code, redirect_uri=with_port(REGISTERED["loopback"], "49153"))
    assert (other.status_code, other.json["error"]) == (400, "invalid_grant")
    assert tool.redeem(code).status_code == 200


@pytest.mark.parametrize(
    "parameters",
    [
        [],
        [("redirect_uri", "")],
        [("redirect_uri", CALLBACK), ("redirect_uri", CALLBACK)],
        [("redirect_uri", CALLBACK), ("redirect_uri", f"https://{EVIL}/")],
        [("redirect_uri", f"https://{EVIL}/"), ("redirect_uri", CALLBACK)],
        [("redirect_uri[]", CALLBACK)],
        [("redirect_uri[0]", CALLBACK)],
        [("Redirect_uri", CALLBACK)],
        [("redirect_uri ", CALLBACK)],
        [("redirect_url", CALLBACK)],
    ],
    ids=str,
)
def test_a_client_with_two_places_has_to_name_one_of_them_once(tool, store, parameters):
    asked = [("response_type", "code"), ("client_id", "two"), ("state", "xyz"), *parameters]
    response = tool.browser.get("/oauth/authorize?" + urlencode(asked))
    assert_leads_nowhere(response, "", store)


@pytest.mark.parametrize("good", [CALLBACK, f"{CALLBACK}/b"])
def test_a_client_with_two_places_gets_its_answer_where_it_asked_for_it(tool, good):
    page = tool.ask(client_id="two", redirect_uri=good)
    assert tool.consent(page, "deny").location.startswith(f"{good}?error=")


FLAWS = {
    "no-response-type": {"response_type": None},
    "empty-response-type": {"response_type": ""},
    "token": {"response_type": "token"},
    "hybrid": {"response_type": "code id_token"},
    "unknown-scope": {"scope": "bogus"},
    "long": {"scope": "tickets " * 500},
    "plain": {"code_challenge": "c" * 43, "code_challenge_method": "plain"},
    "no-method": {"code_challenge": "c" * 43},
    "form-post": {"response_mode": "form_post", "response_type": "none"},
}


@pytest.mark.parametrize("evil", [f"https://{EVIL}/", f"{CALLBACK}/../x", "javascript:alert(1)"])
@pytest.mark.parametrize("flaw", FLAWS.values(), ids=FLAWS)
def test_what_else_is_wrong_never_leads_to_an_unregistered_place(tool, store, flaw, evil):
    response = tool.ask(client_id="path", redirect_uri=evil, **flaw)
    assert_leads_nowhere(response, evil, store)


@pytest.mark.parametrize("flaw", FLAWS.values(), ids=FLAWS)
@pytest.mark.parametrize(
    "client_id", [None, "", "nobody", "PATH", "path ", "path\x00", "p\u0430th"]
)
def test_for_an_unknown_client_nothing_leads_anywhere(tool, store, client_id, flaw):
    response = tool.ask(client_id=client_id, redirect_uri=REGISTERED["path"], **flaw)
    assert_leads_nowhere(response, "", store)
    assert REGISTERED["path"] not in response.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "response_type", "scope", "state"])
def test_a_parameter_that_stands_there_twice_leads_nowhere(tool, store, name):
    query = tool.query(client_id="path", redirect_uri=REGISTERED["path"])
    again = query_of(f"https://x/?{query}")[name]
    for second in (again, "other", f"https://{EVIL}/"):
        more = urlencode({name: second})
        for address in (f"{query}&{more}", f"{more}&{query}"):
            response = tool.browser.get(f"/oauth/authorize?{address}")
            assert_leads_nowhere(response, "", store)


@pytest.mark.parametrize("evil", [f"https://{EVIL}/", "javascript:alert(1)", f"{CALLBACK}?x"])
def test_the_form_is_checked_like_the_page_before_it(tool, store, evil):
    page = tool.ask(client_id="path", redirect_uri=REGISTERED["path"])
    page = type(page)(
        [page.data.replace(quote(REGISTERED["path"], safe="").encode(), quote(evil).encode())],
        page.status,
        page.headers,
        page.request,
    )
    assert evil in html.unescape(page.text) or quote(evil) in page.text
    for decision in ("allow", "deny"):
        assert_leads_nowhere(tool.consent(page, decision), evil, store)


def test_parameters_in_the_body_of_the_form_change_nothing(tool):
    tool.id, tool.redirect_uri = "path", REGISTERED["path"]
    page = tool.ask()
    token = page.text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    form = {"csrf_token": token, "decision": "deny", "redirect_uri": f"https://{EVIL}/"}
    address = "/oauth/authorize?" + tool.query()
    back = tool.browser.post(address, data=form).location
    assert answer_in(back, REGISTERED["path"])["error"] == "access_denied"


QUERIES = [
    "",
    "?",
    "?team=7",
    "?flag",
    "?a=b&flag&c=d%20e",
    "?a=1;b=2",
    "?x=%2f%2F",
    "?code=old",
    "?a",
]


@pytest.mark.parametrize("query", QUERIES)
def test_the_query_of_a_registered_redirect_uri_is_kept_as_it_stands(make_tool, query):
    registered = f"https://tool.example.com/cb{query}"
    tool = make_tool({"redirect_uris": [registered]})
    before = registered + ("" if query in ("", "?") else "&")
    for back in (
        tool.consent(tool.ask(), "deny").location,
        tool.back(tool.customer.agree(tool.to_hubspot())),
    ):
        assert back.removeprefix(before).lstrip("?&").startswith(("code=", "error="))
        assert f"iss={quote(PUBLIC_URL, safe='')}" in back


@pytest.mark.parametrize("path", ["", "/", "//", "/a;b=c", "/a%20b", "/%E2%82%AC", "/a,b:c@d!$"])
def test_the_path_of_a_registered_redirect_uri_is_kept_as_it_stands(make_tool, path):
    registered = f"https://tool.example.com{path}"
    tool = make_tool({"redirect_uris": [registered]})
    assert tool.consent(tool.ask(), "deny").location.startswith(f"{registered}?error=")
    code = tool.back(tool.customer.agree(tool.to_hubspot()))
    assert code.startswith(f"{registered}?code=")
