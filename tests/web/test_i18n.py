"""Customers' pages in the language of the browser, or the one that was chosen."""

import html
import re

import pytest
from harness import PUBLIC_URL, browser_of

from oauth_helper.diagnosis import Cause, wording
from oauth_helper.web.translations import LANGUAGES, translations


def lang_of(page):
    return re.search(r'<html lang="(\w+)">', page.text)[1]


def ask(browser, path="/", accept="", **query):
    return browser.get(path, query_string=query, headers={"Accept-Language": accept})


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-CA", "fr"),
        ("pt-BR,pt;q=0.9", "pt"),
        ("ja", "ja"),
        ("es-419", "es"),
        ("nl, de;q=0.5", "de"),
        ("nl", "en"),
        ("en-GB, de;q=0.9", "en"),
        ("*", "en"),
        (";;;q=x", "en"),
    ],
)
def test_the_browser_decides(client, accept, expected):
    page = ask(client, accept=accept)
    assert lang_of(page) == expected
    assert translations(expected).gettext("Permissions we'll request") in page.text


def test_the_switch_decides_more_and_is_remembered(client):
    page = ask(client, accept="de", lang="fr", return_to="x&y")
    assert lang_of(page) == "fr"
    cookie = client.get_cookie("__Host-language")
    assert cookie.value == "fr"
    assert cookie.secure
    assert cookie.http_only
    assert lang_of(ask(client, accept="de")) == "fr"
    assert lang_of(ask(client, accept="de", lang="ja")) == "ja"


@pytest.mark.parametrize("lang", ["xx", "", "../de", "DE", "en\r\nX: y"])
def test_an_unknown_language_changes_nothing(client, lang):
    page = ask(client, accept="de", lang=lang)
    assert lang_of(page) == "de"
    assert client.get_cookie("__Host-language") is None


def test_the_switch_stands_on_the_page_and_keeps_the_query(client):
    page = ask(client, return_to="https://a.example/?b=c&d")
    for code, name in LANGUAGES.items():
        assert f">{name}</a>" in page.text
        expected = f"/?return_to=https%3A%2F%2Fa.example%2F%3Fb%3Dc%26d&amp;lang={code}"
        assert f'href="{expected}"' in page.text
    assert page.text.count('aria-current="true"') == 1


@pytest.mark.parametrize("path", ["/support/login", "/setup/workato", "/support/nowhere"])
def test_pages_for_staff_and_developers_are_english(client, path):
    page = ask(client, path, accept="de", lang="fr")
    assert lang_of(page) == "en"
    assert "Deutsch" not in page.text
    assert client.get_cookie("__Host-language") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_on_the_way_is_in_the_language(customer, language):
    translate = translations(language).gettext
    customer.browser.set_cookie("__Host-language", language)
    address = customer.start()
    home = customer.browser.get("/")
    assert translate("HubSpot showed me an error") in home.text
    reference = re.search(r'href="/attempts/([0-9A-Z-]{14})#report"', home.text)[1]
    waiting = customer.browser.get(f"/attempts/{reference}")
    assert lang_of(waiting) == language
    assert translate("Waiting for HubSpot") in waiting.text
    report = customer.browser.post(
        f"/attempts/{reference}/report",
        data={"picked": "permission"},
        headers={"Origin": PUBLIC_URL},
    )
    assert translate(wording(Cause.USER_LACKS_PERMISSION).customer) in html.unescape(report.text)
    assert translate("Let the user start again.") in report.text
    assert f'href="/attempts/{reference}?lang=de"' in report.text
    connected = customer.come_back(customer.agree(address))
    assert translate("HubSpot is connected") in connected.text
    assert translate("View contacts") in connected.text
    missing = customer.browser.get("/nowhere")
    assert missing.status_code == 404
    assert translate(
        "There's nothing at this address. Check the link, or start from the first page."
    ) in html.unescape(missing.text)


def test_names_are_filled_in_after_translation(customer):
    customer.browser.set_cookie("__Host-language", "de")
    customer.start()
    home = customer.browser.get("/")
    reference = re.search(r'href="/attempts/([0-9A-Z-]{14})#report"', home.text)[1]
    page = customer.browser.post(
        f"/attempts/{reference}/report",
        data={"message": "your account lacks access to the required scopes [a.b.read]"},
    )
    step = translations("de").gettext(
        "Upgrade the HubSpot subscription to one that includes {scopes}, or choose another account."
    )
    assert step.replace("{scopes}", "a.b.read") in page.text


def test_texts_of_the_operators_own_catalogue_are_shown_as_they_are(make_app, tmp_path):
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(
        'title = "t"\n[[scope]]\nname = "a.b"\nkind = "required"\n'
        'opens = "Gives 50% off %(title)s <b>and</b> more"\n'
    )
    page = browser_of(make_app(SCOPE_CATALOGUE=str(catalogue))).get("/")
    assert page.status_code == 200
    assert "Gives 50% off %(title)s &lt;b&gt;and&lt;/b&gt; more" in page.text


@pytest.mark.parametrize("path", ["/%5Cevil.example/x", "/%09/evil.example", "//evil.example/x"])
def test_the_switch_leads_to_no_other_host(client, path):
    page = client.get(path)
    assert page.status_code == 404
    links = re.findall(r'href="([^"]*lang=de)"', page.text)
    assert links == ["/?lang=de"]
