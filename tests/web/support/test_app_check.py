"""The staff's page that checks an app's configuration against a link."""

import html
import io
import json
import random
import re
from html.parser import HTMLParser

import pytest
from harness import PASSWORD, PUBLIC_URL, SAME_SITE, browser_of, csrf_token, profiles_file
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from oauth_helper.scopes import shipped_catalogue

PAGE = "/support/check"
CONTACTS = "crm.objects.contacts.read"
DEFAULT = list(shipped_catalogue().default_optional)
OURS = f"{PUBLIC_URL}/callback/workato"
FITS = {"redirectUrls": [OURS], "requiredScopes": [CONTACTS], "optionalScopes": DEFAULT}
NOTHING = "\N{EN DASH}"
ACCEPT, REFUSE = "HubSpot will accept it", "HubSpot will reject it"
AS_WRITTEN = """{
  "auth": {
    "redirectUrls": ["%s"],
    "requiredScopes": ["oauth", "tickets"]
  }
}
"""


@pytest.fixture
def check(staff):
    """Sends the form; the fields that are not named are empty, as a browser sends them."""
    browser = staff("viewer")
    names = ("app_config", "required", "conditional", "optional", "redirect_urls", "authorize_url")

    def send(upload=None, **fields):
        form = {"csrf_token": csrf_token(browser, PAGE), "profile": "workato"}
        form |= dict.fromkeys(names, "") | fields
        name, content = upload or ("", b"")
        form["file"] = FileStorage(io.BytesIO(content), name)
        boundary, body = encode_multipart(form)
        kind = f"multipart/form-data; boundary={boundary}"
        return browser.post(PAGE, data=body, content_type=kind, headers=SAME_SITE)

    send.browser = browser
    return send


def file_of(**auth):
    return json.dumps({"config": {"auth": {**FITS, **auth}}})


def field_of(page, name):
    """What a box of the form holds."""
    found = re.search(rf'<textarea[^>]*name="{name}"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    return html.unescape(found[1])


def hidden_of(page, name):
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', page)[1])


class TestWhoGetsIn:
    def test_signed_out_there_is_only_the_door(self, client):
        for page in (PAGE, f"{PAGE}?profile=workato"):
            response = client.get(page)
            assert response.status_code == 302
            assert response.location.startswith("/support/login")

    @pytest.mark.parametrize(
        ("path", "fields"), [(PAGE, {}), (f"{PAGE}/corrected", {"app_config": file_of()})]
    )
    def test_a_stranger_who_sends_the_form_gets_there_too(self, client, path, fields):
        form = {"csrf_token": csrf_token(client), "profile": "workato", **fields}
        response = client.post(path, data=form, headers=SAME_SITE)
        assert response.status_code == 401
        assert "Sign in" in response.text

    @pytest.mark.parametrize("path", [PAGE, f"{PAGE}/corrected"])
    def test_a_forged_form_is_refused(self, staff, path):
        form = {"app_config": file_of(), "profile": "workato", "corrected": '"x"'}
        assert staff("agent").post(path, data=form).status_code == 400

    @pytest.mark.parametrize("name", ["agent", "viewer"])
    def test_both_roles_find_it_in_the_navigation(self, staff, name):
        browser = staff(name)
        assert f'href="{PAGE}"' in browser.get("/support/failures").text
        page = browser.get(PAGE).text
        assert f'href="{PAGE}" aria-current="page"' in page
        assert REFUSE not in page

    def test_after_signing_in_one_comes_back(self, client):
        form = {"name": "viewer", "password": PASSWORD, "csrf_token": csrf_token(client)}
        door = client.get(PAGE).location
        assert client.post(door, data=form, headers=SAME_SITE).location == PAGE


@pytest.mark.parametrize(
    ("fields", "verdict", "words"),
    [
        pytest.param(
            {"app_config": file_of()},
            ACCEPT,
            "match in everything",
            id="fits",
        ),
        pytest.param(
            {"app_config": file_of(requiredScopes=[CONTACTS, "tickets"])},
            f"{REFUSE}: 1 error",
            "Move tickets from <code>optional_scope</code> to <code>scope</code>.",
            id="required-in-the-wrong-place",
        ),
        pytest.param(
            {"app_config": file_of(redirectUrls=["https://x.example/cb"])},
            f"{REFUSE}: 1 error",
            f"Add {OURS} to the redirect URLs",
            id="redirect-url",
        ),
        pytest.param(
            {"required": f"oauth, {CONTACTS}", "optional": "\n".join(DEFAULT)},
            ACCEPT,
            "The lists, compared with the link of Workato",
            id="lists",
        ),
        pytest.param(
            {
                "required": f'"oauth", "{CONTACTS}"',
                "conditional": "tickets",
                "optional": " ".join(DEFAULT),
                "redirect_urls": f"{OURS}\n",
            },
            f"{REFUSE}: 1 error",
            "conditionally required",
            id="listed-twice",
        ),
        pytest.param(
            {"redirect_urls": "https://x.example/cb"}, REFUSE, "doesn&#39;t list", id="urls-alone"
        ),
        pytest.param(
            {
                "app_config": file_of(),
                "authorize_url": "https://app.hubspot.com/oauth/authorize?scope=oauth%20"
                f"{CONTACTS}&redirect_uri={OURS}",
            },
            ACCEPT,
            "compared with the link given: 2 in <code>scope</code>, 0 in",
            id="another-link",
        ),
        pytest.param(
            {
                "app_config": file_of(),
                "authorize_url": "https://app.hubspot.com/oauth/authorize?scope=oauth",
            },
            f"{REFUSE}: 1 error",
            f"Add {CONTACTS} to <code>scope</code>",
            id="another-link-that-lacks-one",
        ),
    ],
)
def test_what_hubspot_will_say(check, fields, verdict, words):
    response = check(**fields)
    assert response.status_code == 200, response.text
    page = response.text
    assert verdict in page
    assert words in page
    assert page.index(verdict) < page.index('<form class="card')
    for name, typed in fields.items():
        assert field_of(page, name) == typed


def test_another_profile_can_be_chosen(make_app, tmp_path):
    app = make_app(PROFILES_FILE=profiles_file(tmp_path, workato={}, second={"title": "Two"}))
    browser = browser_of(app)
    form = {"name": "viewer", "password": PASSWORD, "csrf_token": csrf_token(browser)}
    browser.post("/support/login", data=form, headers=SAME_SITE)
    form = {"csrf_token": csrf_token(browser, PAGE), "app_config": file_of(), "profile": "second"}
    page = browser.post(PAGE, data=form, headers=SAME_SITE).text
    assert "compared with the link of Two" in page
    assert f"Add {PUBLIC_URL}/callback/second to the redirect URLs" in page
    assert '<option value="second" selected>' in page
    form["profile"] = "third"
    assert browser.post(PAGE, data=form, headers=SAME_SITE).status_code == 404


class TestKnownConfigurations:
    @pytest.fixture
    def browser(self, make_app, tmp_path):
        for name, auth in (("good", FITS), ("bad", {"requiredScopes": ["tickets"]})):
            (tmp_path / f"{name}.json").write_text(json.dumps({"auth": auth}))
        profiles = profiles_file(
            tmp_path,
            workato={"title": "One", "app_config": "good.json"},
            bad={"title": "Two", "app_config": "bad.json"},
            unknown={"title": "Three"},
        )
        browser = browser_of(make_app(PROFILES_FILE=profiles))
        form = {"name": "viewer", "password": PASSWORD, "csrf_token": csrf_token(browser)}
        browser.post("/support/login", data=form, headers=SAME_SITE)
        return browser

    def test_have_their_verdict_at_once(self, browser):
        known = browser.get(PAGE).text.split("Known apps")[1].split("</section>")[0]
        assert re.search(rf"One</a>: <span[^>]*>{ACCEPT}", known)
        assert re.search(rf"Two</a>: <span[^>]*>{REFUSE}</span> 1 error", known)
        assert "Three" not in known

    def test_have_their_findings_one_click_away(self, browser):
        page = browser.get(f"{PAGE}?profile=bad").text
        assert f"{REFUSE}: 1 error" in page
        assert "The app&#39;s configuration known for Two" in page
        assert '<option value="bad" selected>' in page
        assert f"{REFUSE}:" not in browser.get(f"{PAGE}?profile=unknown").text
        assert browser.get(f"{PAGE}?profile=nobody").status_code == 404


class TestScopes:
    def rows(self, page):
        found = re.findall(
            r'<tr( class="marked")?>\s*<th scope="row"><code>([^<]+)</code></th>\s*'
            r'<td data-label="In the link">([^<]+)</td>\s*<td data-label="In the app">([^<]+)</td>',
            page,
        )
        return {name: (link, app, bool(marked)) for marked, name, link, app in found}

    def test_are_compared_one_by_one(self, check):
        optional = [name for name in DEFAULT if name != "forms"]
        page = check(
            app_config=file_of(requiredScopes=[CONTACTS, "tickets"], optionalScopes=optional)
        ).text
        rows = self.rows(page)
        assert rows[CONTACTS] == ("scope", "required", False)
        assert rows["tickets"] == ("optional_scope", "required", True)
        assert rows["forms"] == ("optional_scope", NOTHING, True)
        assert rows["timeline"] == ("optional_scope", "optional", False)
        assert list(rows)[:2] == ["forms", "tickets"]

    def shown_and_folded(self, page):
        """How many marked rows are shown at once, and in each part that is folded away."""
        scopes = page.split('<h2 id="scopes">')[1].split("</section>")[0]
        parts = scopes.split("<details>")
        return [part.count('<tr class="marked">') for part in parts]

    @pytest.mark.parametrize(
        ("lacking", "shown"),
        [(10, [10, 0]), (11, [10, 1, 0]), (30, [10, 20, 0])],
        ids=["ten", "eleven", "thirty"],
    )
    def test_beyond_ten_of_one_reason_are_folded_away(self, check, lacking, shown):
        page = check(app_config=file_of(optionalScopes=DEFAULT[lacking:])).text
        assert self.shown_and_folded(page) == shown
        more = f"{lacking - 10} more that differ for the same reason: Scope not configured"
        assert (more in page) is (lacking > 10)
        assert set(DEFAULT) | {CONTACTS, "oauth"} == set(self.rows(page))

    def test_of_another_reason_are_not_folded_away_with_them(self, check):
        optional = DEFAULT[30:-1]
        page = check(app_config=file_of(optionalScopes=optional, requiredScopes=DEFAULT[-1:])).text
        shown = page.split('<h2 id="scopes">')[1].split("<details>")[0]
        assert f"<code>{DEFAULT[-1]}</code>" in shown
        assert self.shown_and_folded(page) == [11, 21, 0]


class TestCorrectedFile:
    def corrected(self, page):
        return html.unescape(re.search(r'<code id="corrected">(.*?)</code>', page, re.DOTALL)[1])

    def download(self, check, page):
        form = {name: hidden_of(page, name) for name in ("csrf_token", "name", "corrected")}
        return check.browser.post(f"{PAGE}/corrected", data=form, headers=SAME_SITE)

    def test_is_shown_and_can_be_kept(self, check):
        page = check(app_config=AS_WRITTEN % OURS).text
        shown = self.corrected(page)
        assert shown.startswith('{\n  "auth": {\n    "redirectUrls": [')
        response = self.download(check, page)
        assert response.text == shown
        assert response.headers["Content-Disposition"] == 'attachment; filename="app-hsmeta.json"'
        assert response.mimetype == "application/json"
        assert ACCEPT in check(upload=("new.json", response.data)).text

    def test_is_not_there_when_the_file_fits(self, check):
        assert "The corrected file" not in check(app_config=file_of()).text

    def test_keeps_its_name_and_its_line_ends(self, check):
        content = (AS_WRITTEN % OURS).replace("\n", "\r\n").encode()
        page = check(upload=("public-app.json", content)).text
        response = self.download(check, page)
        assert response.headers["Content-Disposition"].endswith('"public-app.json"')
        assert response.data.count(b"\r\n") == response.data.count(b"\n") > 6

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("../../etc/passwd", "etc_passwd"),
            ('a"; filename=b.html\r\nX: y', "a_filenameb.html_X_y"),
            ("", "app-hsmeta.json"),
        ],
    )
    def test_has_a_harmless_name(self, check, name, kept):
        form = {"csrf_token": csrf_token(check.browser, PAGE), "corrected": '"x"', "name": name}
        headers = check.browser.post(f"{PAGE}/corrected", data=form, headers=SAME_SITE).headers
        assert headers["Content-Disposition"] == f'attachment; filename="{kept}"'
        assert "X" not in headers

    @pytest.mark.parametrize("corrected", [None, "", "{}", "3", "no json", "[" * 100_000])
    def test_that_is_none_is_refused(self, check, corrected):
        form = {"csrf_token": csrf_token(check.browser, PAGE)}
        form |= {"corrected": corrected} if corrected is not None else {}
        response = check.browser.post(f"{PAGE}/corrected", data=form, headers=SAME_SITE)
        assert response.status_code == 400


class TestUpload:
    def test_is_checked_and_put_into_the_box(self, check):
        page = check(upload=("app.json", file_of().encode())).text
        assert ACCEPT in page
        assert "app.json, compared with" in page
        assert field_of(page, "app_config") == file_of()

    def test_wins_over_what_is_pasted_which_stays(self, check):
        page = check(upload=("app.json", file_of().encode()), app_config="{broken").text
        assert ACCEPT in page
        assert "app.json (the pasted text was ignored)" in page
        assert field_of(page, "app_config") == "{broken"

    def test_with_a_byte_order_mark_is_read(self, check):
        assert ACCEPT in check(upload=("app.json", b"\xef\xbb\xbf" + file_of().encode())).text


def problem_at(page, field):
    """What is said about a field of the form, to those too who do not see it."""
    error_description = re.search(
        rf'id="{field}"[^>]* aria-invalid="true" aria-describedby="([^"]*)"', page
    )
    assert error_description, page
    assert f"{field}-error" in error_description[1].split()
    found = re.search(rf'id="{field}-error" role="alert">(.*?)</span>', page, re.DOTALL)
    return html.unescape(found[1])


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        pytest.param({}, "app_config", "Paste the app's file, choose", id="nothing"),
        pytest.param({"app_config": " \n"}, "app_config", "Paste the app's file", id="blank"),
        pytest.param(
            {"app_config": '{"auth": [\n'}, "app_config", "line 2, column 1", id="no-json"
        ),
        pytest.param(
            {"app_config": '{"auth": {\n "requiredScopes": ["a b", 3]}}'},
            "app_config",
            "line 2: auth.requiredScopes[0]: 'a b' is not a legal scope name<br>line 2: ",
            id="every-problem",
        ),
        pytest.param({"app_config": "[1]"}, "app_config", "has to be a JSON object", id="list"),
        pytest.param(
            {"upload": ("a.json", b"{\n x")}, "app_config", "line 2, column 2", id="upload"
        ),
        pytest.param(
            {"upload": ("a.json", b"{\n x"), "app_config": file_of()},
            "file",
            "line 2, column 2",
            id="upload-beside-what-is-pasted",
        ),
        pytest.param(
            {"upload": ("a.json", b"\xff\xfe{\x00")}, "file", "is UTF-16 text", id="utf-16"
        ),
        pytest.param(
            {"upload": ("a.json", random.Random(7).randbytes(1_000_000))},
            "file",
            "is not UTF-8",
            id="noise",
        ),
        pytest.param(
            {"upload": ("a.json", b" " * 1_000_001)}, "file", "is larger than", id="large"
        ),
        pytest.param(
            {"required": "oauth ü" + "x" * 500}, "required", "No scope can be named", id="list-name"
        ),
        pytest.param(
            {"optional": " ".join(f"a{n}" for n in range(3000))},
            "required",
            "lists 3,001 scopes",
            id="long-list",
        ),
        pytest.param(
            {"app_config": file_of(), "authorize_url": "https://x.example/"},
            "authorize_url",
            "no whole authorize URL",
            id="authorize-url",
        ),
    ],
)
def test_what_cannot_be_used_is_named_at_its_field(check, fields, field, words):
    response = check(**fields)
    assert response.status_code == 400
    assert words in problem_at(response.text, field)
    assert ACCEPT not in response.text
    for name, typed in fields.items():
        if name != "upload":
            assert field_of(response.text, name) == typed


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        pytest.param({"app_config": file_of()}, ACCEPT, id="fits"),
        pytest.param(
            {"app_config": file_of(requiredScopes=[CONTACTS, "tickets"])},
            f"{REFUSE}: 1 error",
            id="does-not",
        ),
        pytest.param({"app_config": "{"}, "Not checked", id="cannot-be-read"),
    ],
)
def test_the_title_says_what_came_out(check, fields, title):
    page = check(**fields).text
    assert f"<title>{title} \N{MIDDLE DOT} Support</title>" in page
    assert f'<h2 class="verdict" id="verdict" tabindex="-1">{title}</h2>' in page
    assert f'<form class="card check" method="post" action="{PAGE}#verdict"' in page


def test_before_there_is_something_to_say_the_title_is_that_of_the_page(staff):
    page = staff("viewer").get(PAGE).text
    assert "<title>Check an app \N{MIDDLE DOT} Support</title>" in page
    assert 'id="verdict"' not in page


def test_fields_that_are_wrong_are_linked(check):
    page = check(required="\u00fc", app_config="").text
    assert '<a href="#required">Required scopes</a>' in page


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        pytest.param(
            {"app_config": "{"}, "app_config", "This is not JSON: line 1, column 2", id="pasted"
        ),
        pytest.param(
            {"optional": " ".join(f"a{n}" for n in range(3000))},
            "required",
            "This lists 3,001 scopes",
            id="lists",
        ),
        pytest.param(
            {"upload": ("a.json", b"\xff\xfe{\x00")}, "file", "This is UTF-16 text", id="file"
        ),
        pytest.param(
            {"app_config": '{"auth": {"requiredScopes": [3]}}'},
            "app_config",
            "line 1: auth.requiredScopes[0]",
            id="with-its-place",
        ),
    ],
)
def test_problems_are_sentences(check, fields, field, words):
    assert problem_at(check(**fields).text, field).startswith(words)


class TestOfAFailure:
    @pytest.fixture
    def reference(self, customer, api):
        customer.connect(decision="deny")
        return api("/failures").json["failures"][0]["reference"]

    def test_it_is_named_and_one_comes_back_to_it(self, staff, reference):
        page = staff("viewer").get(f"{PAGE}?failure={reference}").text
        assert f'<a href="/support/failures/{reference}">' in page
        assert f"The link of failure <code>{reference}</code> is filled in below" in page

    def test_it_is_so_after_the_check_too(self, check, reference):
        page = check.browser.get(f"{PAGE}?failure={reference}").text
        assert hidden_of(page, "failure") == reference
        page = check(app_config=file_of(), failure=reference).text
        assert ACCEPT in page
        assert f'<a href="/support/failures/{reference}">' in page
        assert hidden_of(page, "failure") == reference

    @pytest.mark.parametrize("given", ["", "x", "../..", "2M7G-7JW3-4R5K", '"><b>'])
    def test_there_is_none_without_a_reference(self, check, given):
        page = check(app_config=file_of(), failure=given).text
        assert 'href="/support/failures/' not in page
        assert 'name="failure"' not in page


def test_a_megabyte_is_taken_and_more_is_a_page(check):
    padding = "x" * 990_000
    large = json.dumps({"auth": FITS, "note": padding[: 1_000_000 - 10_000]})
    assert ACCEPT in check(app_config=large).text
    assert ACCEPT in check(upload=("a.json", large.encode()), app_config=large).text
    refused = check(app_config="x" * 3_000_000)
    assert refused.status_code == 413
    assert "more than this page accepts" in refused.text


def test_other_forms_still_take_little(check):
    form = {"csrf_token": csrf_token(check.browser, PAGE), "name": "x" * 100_000}
    assert check.browser.post("/support/login", data=form).status_code == 413


EVIL = "</textarea></code></pre><script>alert(1)</script><img src=x onerror=alert(2)>\"' `<b>`"


class Tags(HTMLParser):
    """The tags of a page, each with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_nothing_in_a_file_becomes_markup(check):
    url = json.dumps("https://x.example/" + EVIL)[1:-1]
    auth = f'{{"redirectUrls": ["{url}"], "requiredScopes": ["<script>"]}}'
    text = f'{{"auth": {auth}, "note": "{url}"}}'
    broken = json.dumps({"auth": {"requiredScopes": [EVIL], "optionalScope" + EVIL: []}})
    for fields in (
        {"app_config": text},
        {"upload": (EVIL + ".json", text.encode())},
        {"app_config": broken},
        {"required": EVIL},
        {"redirect_urls": EVIL},
        {
            "app_config": text,
            "authorize_url": "https://x.example/oauth?scope=%3Cscript%3Ea+%3Cb%3E",
        },
        {"authorize_url": EVIL, "app_config": EVIL},
    ):
        page = check(**fields).text
        assert "alert(1)" in page
        for tag, attributes in Tags(page).found:
            assert tag not in ("img", "b", "style")
            ours = ("/static/app.js", "/static/drafts.js")
            assert tag != "script" or attributes["src"] in ours
            assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_half_of_a_surrogate_pair_is_no_internal_error(check):
    text = '{"auth": {"redirectUrls": ["https://x/\\ud800"], "requiredScopes": []}}'
    response = check(app_config=text)
    assert response.status_code == 200
    assert "\\ud800" in response.text
    assert check(app_config='{"auth": {"optionalScope\\ud800": []}}').status_code == 400
