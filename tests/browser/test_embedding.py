"""A product at another origin, with its own strict policy, that lets its users connect."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from harness import profiles_file, query_of, run_server
from playwright.sync_api import Page, expect
from werkzeug.wrappers import Request, Response

pytestmark = pytest.mark.browser

REFERENCE = r"[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}"
FORGED = "2345-2345-2345"

PLAIN = """<!doctype html><title>Plain</title>
<a href="{helper}/connect/workato?return_to={url}/plain%3Ftab%3Dcrm">Connect HubSpot</a>
<form action="{helper}/connect/workato">
  <input type="hidden" name="return_to" value="{url}/plain">
  <input type="hidden" name="optional_scope" value="">
  <label><input type="checkbox" name="optional_scope" value="tickets">Tickets</label>
  <label><input type="checkbox" name="optional_scope" value="forms">Forms</label>
  <button>Connect these</button>
</form>"""

SETTINGS = """<!doctype html><title>Settings</title>
<script src="{helper}/embed.js" defer></script>
<script src="/product.js" defer></script>
<a id="first" href="{helper}/connect/workato" data-connect-hubspot>First</a>
<a id="second" href="{helper}/connect/workato?optional_scope=tickets"
  data-connect-hubspot>Second</a>
<a id="elsewhere" href="{helper}/connect/workato?return_to={url}/plain"
  data-connect-hubspot>Elsewhere</a>
<form id="form" action="{helper}/connect/workato" data-connect-hubspot>
  <input type="hidden" name="optional_scope" value="">
  <input type="checkbox" name="optional_scope" value="forms" checked>
  <button>Form</button>
</form>
<button id="function" data-address="{helper}/connect/workato">Function</button>
<ol id="heard"></ol>"""

# What a product writes: it shows what it hears.
PRODUCT = """
const show = (who, { reference, outcome }) => {
  const item = document.createElement("li");
  item.textContent = `${who} ${outcome} ${reference}`;
  document.querySelector("#heard").append(item);
};
document.addEventListener("connecthubspot", (event) => {
  show(event.target.id || "page", event.detail);
});
const button = document.querySelector("#function");
button.addEventListener("click", async () => {
  show("promise", await oauthHelper.connect(button.dataset.address));
});
"""


@dataclass
class Product:
    """A product that embeds the helper: its addresses, and its headers beyond its policy."""

    port: int
    helper: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address that is registered."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def stranger(self) -> str:
        """The same pages at an origin that is not."""
        return f"http://localhost:{self.port}"

    def __call__(self, environ, start_response):
        request = Request(environ)
        pages = {"/plain": PLAIN, "/settings": SETTINGS}
        if request.path == "/product.js":
            response = Response(PRODUCT, mimetype="text/javascript")
        elif request.path in pages:
            text = pages[request.path].format(helper=self.helper, url=self.url)
            response = Response(text, mimetype="text/html")
        else:
            response = Response(status=404)
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' {self.helper}; base-uri 'none'; "
            f"form-action 'self' {self.helper}; require-trusted-types-for 'script'"
        )
        response.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
        response.headers.update(self.headers)
        return response(environ, start_response)

    def open(self, page: Page, *, at: str = "") -> Page:
        page.goto(f"{at or self.url}/settings?tab=crm#connections")
        return page


@pytest.fixture
def serving() -> Iterator[Product]:
    product = Product(0)
    with run_server(product) as product.port:
        yield product


@pytest.fixture
def site_settings(serving, tmp_path) -> dict[str, str]:
    return {"PROFILES_FILE": profiles_file(tmp_path, workato={"return_origins": [serving.url]})}


@pytest.fixture
def product(serving, site) -> Product:
    serving.helper = site.url
    return serving


@pytest.fixture
def page(new_page) -> Page:
    """A browser's page; it has the focus until `look_away`. Without windows all pages have it."""
    page = new_page()
    page.context.add_init_script("document.hasFocus = () => !window.isAway")
    return page


def look_away(page):
    page.evaluate("window.isAway = true")


def look_again(page):
    page.evaluate("window.isAway = false")


def press(page, name="First"):
    """Presses a link or a button of the product; the popup that it opens, at HubSpot."""
    with page.expect_popup() as popup:
        page.locator(f"text={name}").first.click()
    popup.value.get_by_role("button", name="Continue to HubSpot").click()
    popup.value.wait_for_url("**/sandbox/oauth/authorize?**")
    return popup.value


def agree(site, popup):
    """Agrees in a popup that closes after that."""
    with popup.expect_event("close"):
        site.agree(popup)


def cancel(popup):
    popup.get_by_role("button", name="Cancel").click()
    says(popup, "You cancelled")


def says(page, text):
    expect(page.get_by_role("main")).to_contain_text(text)


def hears(page, *outcomes):
    """The product has heard these, and nothing else."""
    expect(page.locator("#heard li")).to_have_text(
        # A popup without its opener couldn't say which attempt it began.
        [re.compile(f"^{each} {REFERENCE}{'|null' * ('closed' in each)}$") for each in outcomes]
    )


def cut_the_tie(site, page):
    site.set_state(page, "Separate the popup", checked=True)


def test_a_plain_link(site, product, page):
    page.goto(f"{product.url}/plain")
    page.get_by_role("link", name="Connect HubSpot").click()
    site.agree(page)
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(f"{product.url}/plain?**")
    query = query_of(page.url)
    assert query["outcome"] == "connected"
    assert query["tab"] == "crm"
    assert re.fullmatch(REFERENCE, query["reference"])


def test_a_plain_form(product, page):
    page.goto(f"{product.url}/plain")
    page.get_by_label("Tickets").check()
    page.get_by_role("button", name="Connect these").click()
    page.wait_for_url("**/sandbox/oauth/authorize?**")
    assert query_of(page.url)["optional_scope"] == "tickets"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="Go back").click()
    page.wait_for_url(f"{product.url}/plain?**")
    assert query_of(page.url)["outcome"] == "failed"


@pytest.mark.parametrize(
    ("name", "who", "optional"),
    [("First", "first", None), ("Second", "second", "tickets"), ("Form", "form", "forms")],
)
def test_a_popup_that_connects_closes(site, product, page, name, who, optional):
    product.open(page)
    before = page.url
    popup = press(page, name)
    assert optional is None or query_of(popup.url)["optional_scope"] == optional
    agree(site, popup)
    hears(page, f"{who} connected")
    assert page.url == before


def test_the_function_of_an_application(site, product, page):
    product.open(page)
    agree(site, press(page, "Function"))
    hears(page, "page connected", "promise connected")
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Function").click()
    popup.value.get_by_role("button", name="Continue to HubSpot").click()
    popup.value.wait_for_url("**/sandbox/oauth/authorize?**")
    cancel(popup.value)
    hears(page, "page connected", "promise connected", "page failed", "promise failed")


def test_the_function_leads_to_the_helper_only(product, page):
    product.open(page)
    asked = "(url) => oauthHelper.connect(url).catch((error) => error.message)"
    for address in ("https://evil.example/connect/workato", "javascript:alert(1)", "/settings"):
        assert "is not" in page.evaluate(asked, address)


def test_a_popup_that_fails_stays_to_be_read(product, page):
    product.open(page)
    popup = press(page)
    cancel(popup)
    hears(page, "first failed")
    expect(popup.get_by_role("link", name="Go back")).to_be_hidden()
    popup.reload()
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Close this window").click()
    hears(page, "first failed")


def test_starting_again_in_the_popup_is_heard_too(site, product, page):
    product.open(page)
    popup = press(page)
    cancel(popup)
    popup.get_by_role("link", name="Start again").click()
    popup.get_by_role("button", name="Continue to HubSpot").click()
    agree(site, popup)
    hears(page, "first failed", "first connected")


def test_where_popups_are_blocked_it_goes_on_in_the_same_tab(site, product, page):
    page.add_init_script("window.open = () => null")
    product.open(page)
    page.get_by_role("link", name="First").click()
    site.agree(page)
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(f"{product.url}/settings?**")
    assert set(query_of(page.url)) == {"tab", "reference", "outcome"}


@pytest.mark.parametrize(
    "click",
    [
        *({"modifiers": [key]} for key in ("Control", "Meta", "Shift", "Alt")),
        {"button": "middle"},
    ],
    ids=["control", "meta", "shift", "alt", "middle"],
)
def test_a_click_for_a_new_tab_is_left_to_the_browser(product, page, click):
    product.open(page)
    page.evaluate("""for (const kind of ["click", "auxclick"]) {
        addEventListener(kind, (event) => {
            window.wasTaken = event.defaultPrevented;
            event.preventDefault();
        });
    }""")
    page.get_by_role("link", name="First").click(**click)
    assert page.evaluate("window.wasTaken") is False
    assert len(page.context.pages) == 1


def test_in_a_tab_of_its_own_the_customer_connects_too(site, product, page):
    product.open(page)
    address = page.get_by_role("link", name="First").get_attribute("href")
    tab = page.context.new_page()
    tab.goto(address)
    site.agree(tab)
    says(tab, "You can close this page")


def test_a_double_click_opens_one_popup(product, page):
    product.open(page)
    with page.expect_popup() as popup:
        page.get_by_role("link", name="First").dblclick()
    popup.value.wait_for_url("**/connect/workato?**")
    assert len(page.context.pages) == 2


def test_the_person_closes_the_popup(site, product, page):
    product.open(page)
    press(page).close()
    hears(page, "first closed")
    agree(site, press(page))
    hears(page, "first closed", "first connected")


def test_two_popups_at_once(site, product, page):
    product.open(page)
    first, second = press(page, "First"), press(page, "Second")
    agree(site, second)
    hears(page, "second connected")
    cancel(first)
    hears(page, "second connected", "first failed")


class TestWithoutTheOpener:
    """The tie between the windows is cut on the way: by HubSpot's pages, or by the product's."""

    @pytest.fixture(params=["hubspot", "product"])
    def popup(self, request, site, product, page):
        if request.param == "hubspot":
            cut_the_tie(site, page)
        else:
            product.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        product.open(page)
        look_away(page)
        popup = press(page)
        assert popup.evaluate("window.opener") is None
        return popup

    def test_it_connects(self, site, page, popup):
        agree(site, popup)
        hears(page, "first connected")

    def test_it_fails_and_leads_back(self, page, popup):
        cancel(popup)
        expect(popup.get_by_role("button", name="Close this window")).to_be_hidden()
        hears(page)
        with popup.expect_event("close"):
            popup.get_by_role("link", name="Go back").click()
        hears(page, "first failed")

    def test_who_comes_back_without_an_answer_has_closed_it(self, page, popup):
        popup.close()
        look_again(page)
        hears(page, "first closed")

    def test_an_answer_after_that_is_heard(self, site, page, popup):
        look_again(page)
        hears(page, "first closed")
        agree(site, popup)
        hears(page, "first closed", "first connected")

    def test_where_nobody_waits_any_more_the_page_stays(self, site, product, page, popup):
        page.close()
        site.agree(popup)
        popup.wait_for_url(f"{product.url}/settings?tab=crm")
        hears(popup)


def test_looking_closed_is_not_reported_while_the_customer_is_away(site, product, page):
    cut_the_tie(site, page)
    page.add_init_script(
        "let asked = 0; document.hasFocus = () => { document.body.dataset.asked = ++asked; }"
    )
    product.open(page)
    popup = press(page)
    expect(page.locator("body")).to_have_attribute("data-asked", re.compile("[4-9]"))
    hears(page)
    agree(site, popup)
    hears(page, "first connected")


def test_an_origin_that_is_not_registered(product, page):
    product.open(page, at=product.stranger)
    with page.expect_popup() as popup:
        page.get_by_role("link", name="First").click()
    says(popup.value, "has to be at an origin that profile “workato” registers")
    popup.value.close()
    hears(page, "first closed")


def test_a_return_address_at_another_origin_takes_the_same_tab(product, page):
    """No page would hear the answer."""
    product.open(page, at=product.stranger)
    page.get_by_role("link", name="Elsewhere").click()
    page.wait_for_url("**/sandbox/oauth/authorize?**")


def test_messages_of_others_are_not_heard(site, product, page):
    product.open(page)
    popup = press(page)
    forge = """(target) => (target === "opener" ? opener : window).postMessage(
      { source: "oauth_helper", reference: "%s", outcome: "connected" }, "*")"""
    forged = forge % FORGED
    page.evaluate(forged, "self")
    for address in (site.url, product.stranger + "/settings"):  # another window at our origin
        with page.expect_popup() as other:
            page.evaluate("(url) => { window.open(url) }", address)
        other.value.wait_for_load_state()
        other.value.evaluate(forged, "opener")
    # The popup itself, which was led to another origin.
    popup.evaluate("(url) => { location.href = url }", product.stranger + "/settings")
    popup.wait_for_url(f"{product.stranger}/**")
    popup.evaluate(forged, "opener")
    popup.go_back()
    for wrong in ("{}", "null", "'connected'", '{source: "oauth_helper", outcome: "connected"}'):
        popup.evaluate(f"opener.postMessage({wrong}, '*')")
    popup.evaluate(
        f"opener.postMessage({{source: 'oauth_helper', reference: '{FORGED}', outcome: 'x'}}, '*')"
    )
    agree(site, popup)
    hears(page, "first connected")
    expect(page.locator("#heard")).not_to_contain_text(FORGED)


def test_a_made_up_return_address_is_not_heard(site, product, page):
    product.open(page)
    popup = press(page)
    other = page.context.new_page()
    other.goto(
        f"{product.url}/settings?connecthubspot=wrong&reference={FORGED}&outcome=connected&tab=x"
    )
    other.wait_for_url(f"{product.url}/settings?tab=x")
    hears(other)
    agree(site, popup)
    hears(page, "first connected")
    expect(page.locator("#heard")).not_to_contain_text(FORGED)
    assert not other.is_closed()


def test_each_popup_has_its_own_nonce(product, page):
    product.open(page)
    nonces = set()
    for _ in range(2):
        with page.context.expect_event("request", lambda it: "/connect/" in it.url) as request:
            press(page)
        back = query_of(request.value.url)["return_to"]
        assert urlsplit(back).fragment == ""
        nonces.add(query_of(back)["connecthubspot"])
    assert len(nonces) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", nonce) for nonce in nonces)


def test_a_long_address_is_returned_to_without_its_query(site, product, page):
    page.goto(f"{product.url}/settings?{'long=1&' * 80}")
    agree(site, press(page))
    hears(page, "first connected")


class TestStranded:
    """HubSpot shows its own error in the popup, and nothing comes back by itself."""

    def tell(self, page):
        page.get_by_role("link", name="HubSpot showed me an error").click()
        self.fill_in(page)

    def fill_in(self, page):
        page.get_by_role("radio", name="Scopes are missing").check()
        page.get_by_role("button", name="Tell me what to do").click()
        says(page, "ask for everything the app needs")

    @pytest.fixture
    def popup(self, site, product, page):
        site.list_as(page, requiredScopes=["oauth", "crm.objects.contacts.read", "tickets"])
        product.open(page)
        popup = press(page)
        says(popup, "complete the connection")
        return popup

    def test_reported_in_the_popup(self, site, page, popup):
        popup.evaluate("(url) => { location.href = url }", site.url)
        self.tell(popup)
        hears(page, "first failed")
        expect(popup.get_by_role("button", name="Close this window")).to_be_visible()

    def test_back_leads_to_the_form(self, page, popup):
        popup.go_back()
        self.tell(popup)
        hears(page, "first failed")

    def test_closed_and_reported_in_a_tab(self, page, popup):
        popup.close()
        hears(page, "first closed")
        expect(page.get_by_role("status")).to_contain_text("Did HubSpot show you an error?")
        with page.expect_popup() as tab:
            page.get_by_role("link", name="Tell us what it said").click()
        tab = tab.value
        self.fill_in(tab)
        tab.get_by_role("link", name="Go back").click()
        hears(page, "first closed", "first failed")
