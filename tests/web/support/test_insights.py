"""Insights: what breaks most and for whom, as staff see it; each number leads to its failures."""

import html
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

import pytest
from harness import (
    PASSWORD,
    SAME_SITE,
    browser_of,
    csrf_token,
    profiles_file,
    query_of,
    services_of,
)

from oauth_helper.common.references import new_reference
from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Event, EventType, Failure, Status
from oauth_helper.models import Attempt
from oauth_helper.scopes import RequestedScopes
from oauth_helper.web.support.insights import axis_ticks

REQUESTED = RequestedScopes(("oauth",), ("tickets",))
CAUSES = list(Cause)[:9]


class History:
    """Makes up what happened before: attempts that failed or connected, some days ago."""

    def __init__(self, app, clock):
        self.services = services_of(app)
        self.now = datetime.fromtimestamp(clock.now, UTC)
        self.numbers = count()

    def begun(self, ago=0, profile="workato"):
        at = (self.now - timedelta(days=ago)).replace(hour=3, minute=next(self.numbers) % 60)
        reference = new_reference(at.date(), self._choose)
        seconds = int(at.timestamp())
        attempt = Attempt(reference, profile, REQUESTED, seconds, seconds + 900)
        self.services.attempts.create(attempt)
        return attempt

    def failed(self, ago=0, cause=Cause.UNKNOWN, profile="workato", missing=(), **fields):
        attempt = self.begun(ago, profile)
        failure = Failure(
            reference=attempt.reference,
            profile=profile,
            stage=Stage.TOKEN,
            at=attempt.started_at + 60.0,
            started_at=attempt.started_at,
            requested=REQUESTED,
            candidates=(Candidate(cause, "because"),),
            missing=missing,
            **fields,
        )
        assert self.services.failures.record(failure)
        return failure

    def connected(self, ago=0, profile="workato"):
        self.services.attempts.finish(self.begun(ago, profile).reference, "connected")

    def _choose(self, alphabet):
        number = next(self.numbers)
        return alphabet[number * 7919 // 23 ** (number % 8) % 23]


@pytest.fixture
def history(app, clock):
    return History(app, clock)


@pytest.fixture
def two_profiles(make_app, tmp_path):
    """Settings with a second profile; the store has to be empty still."""
    titles = {"workato": {"title": "Workato"}, "second": {"title": "<script>alert(1)</script>"}}
    return make_app(PROFILES_FILE=profiles_file(tmp_path, **titles))


@pytest.fixture
def make_staff():
    """Signs a viewer in at an application."""

    def sign_in(app):
        browser = browser_of(app)
        form = {"name": "viewer", "password": PASSWORD, "csrf_token": csrf_token(browser)}
        assert browser.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
        return browser

    return sign_in


def page_of(browser, address="/support/insights"):
    response = browser.get(address)
    assert response.status_code == 200, response.text
    return response.text


def charts_of(page):
    """The charts as XML, by title."""
    texts = re.findall(r"<svg xmlns.*?</svg>", page, re.DOTALL)
    found = [ET.fromstring(text) for text in texts]  # noqa: S314 - our own
    return {root.get("aria-label"): root for root in found}


def links_of(chart):
    """The links of a chart: names and addresses."""
    links = chart.iterfind(".//{*}a")
    return {link.get("aria-label"): link.get("href") for link in links}


def number_in(name):
    return int(name.split(" ")[0].replace(",", ""))


def listed(browser, address):
    """How many failures a list shows, all of its pages together."""
    text = page_of(browser, address)
    number = len(set(re.findall(r'href="/support/failures/([\w-]{14})', text)))
    older = re.search(r'href="([^"]*)" rel="next"', text)
    return number + (listed(browser, html.unescape(older[1])) if older else 0)


class TestWhoMayLook:
    def test_nobody_without_signing_in(self, client):
        response = client.get("/support/insights?days=7")
        assert response.status_code == 302
        assert query_of(response.location)["next"] == "/support/insights?days=7"

    def test_viewers_too(self, staff, history):
        history.failed()
        page = page_of(staff("viewer"))
        assert "<h1>Insights</h1>" in page
        assert 'href="/support/insights" aria-current="page"' in page


class TestWrongAddresses:
    @pytest.mark.parametrize("days", ["8", "0", "-7", "x", "7.0", "07", "1e1", "9" * 50])
    def test_days_that_are_not_offered_are_named(self, staff, days):
        response = staff("viewer").get("/support/insights", query_string={"days": days})
        assert response.status_code == 400
        assert "days has to be one of 7, 30, 90." in response.text

    def test_profiles_that_are_not_there_are_named(self, staff):
        response = staff("viewer").get("/support/insights?profile=nobody")
        assert response.status_code == 400
        assert "profile has to be one of workato." in response.text

    @pytest.mark.parametrize(
        ("kept", "spans"), [("400", [7, 30, 90]), ("60", [7, 30, 60]), ("10", [7, 10]), ("1", [1])]
    )
    def test_days_reach_as_far_as_records_are_kept(self, make_app, make_staff, kept, spans):
        browser = make_staff(make_app(FAILURE_RETENTION_DAYS=kept))
        page = page_of(browser)
        offered = re.findall(r'href="/support/insights\?days=(\d+)"( aria-current="true")?', page)
        assert [int(days) for days, _ in offered] == spans
        assert [int(days) for days, current in offered if current] == [min(30, spans[-1])]


class TestNothing:
    def test_has_happened(self, staff):
        page = page_of(staff("viewer"))
        assert "Nothing has failed in these 30 days: nobody has tried to connect." in page
        assert "<svg xmlns" not in page

    def test_has_failed_though_there_were_attempts(self, staff, history):
        history.connected(ago=1)
        page = page_of(staff("viewer"), "/support/insights?days=7")
        assert "Nothing has failed in these 7 days." in page
        assert "100 %" in page
        assert list(charts_of(page)) == ["Share of attempts that connect"]

    def test_was_attempted_says_so_instead_of_zero(self, staff, history, store):
        history.failed(ago=1)
        for key in store.keys("oh:*:attempts"):
            store.delete(key)
        page = page_of(staff("viewer"))
        assert "no attempts" in page
        assert "0 %" not in page

    def test_is_known_yet_of_today(self, staff, history):
        history.connected()
        history.begun()
        page = page_of(staff("viewer"))
        assert "too early to say" in page
        assert "1 of 2 attempts so far" in page
        assert "1 of 2 so far" in page


class TestNumbers:
    @pytest.fixture
    def browser(self, staff, history):
        for number, cause in enumerate(CAUSES):
            for ago in range(0, 60, 7):
                for _ in range(1 + (ago + number) % 4):
                    history.failed(ago, cause, missing=("tickets", "forms")[: number % 3])
        history.failed(1, CAUSES[0], status=Status.RESOLVED)
        history.connected(1)
        return staff("viewer")

    @pytest.mark.parametrize("days", [7, 30, 90])
    def test_of_every_bar_are_those_of_the_list_that_it_leads_to(self, browser, days):
        drawn = charts_of(page_of(browser, f"/support/insights?days={days}"))
        for title in ("Failures over time, by cause", "Failures by scope"):
            links = links_of(drawn[title])
            assert links
            some = [*list(links)[:: max(1, len(links) // 6)], list(links)[-1]]
            assert any("Other causes" in name for name in links) is (title != "Failures by scope")
            for name in some:
                assert listed(browser, links[name]) == number_in(name), name

    def test_of_the_figures_are_linked_too(self, browser):
        page = page_of(browser)
        figures = re.findall(r'<dd class="figure"><a href="([^"]*)">([\d,]+)</a>', page)
        assert len(figures) == 2
        for address, number in figures:
            assert listed(browser, html.unescape(address)) == int(number)

    def test_stand_in_the_tables_as_in_the_charts(self, browser):
        page = page_of(browser)
        table = page.split('id="causes-table"')[1].split("</table>")[0]
        rows = table.split("<tbody>")[1].split("</tbody>")[0]
        in_table = {html.unescape(each) for each in re.findall(r'<td><a href="([^"]*)"', rows)}
        bars = set(links_of(charts_of(page)["Failures over time, by cause"]).values())
        assert bars <= in_table
        assert "<caption>Failures by cause, a line for each day</caption>" in table
        assert table.count('scope="row"') == 31

    def test_are_those_of_one_profile_if_asked(self, two_profiles, clock, make_staff):
        history = History(two_profiles, clock)
        for profile, number in (("workato", 2), ("second", 3)):
            for _ in range(number):
                history.failed(1, profile=profile)
        browser = make_staff(two_profiles)
        rows = links_of(charts_of(page_of(browser))["Failures by profile"])
        assert [number_in(name) for name in rows] == [3, 2]
        for name, address in rows.items():
            assert listed(browser, address) == number_in(name)
        page = page_of(browser, "/support/insights?days=7&profile=second")
        links = links_of(charts_of(page)["Failures over time, by cause"])
        assert [number_in(name) for name in links] == [3]
        assert query_of(*links.values())["profile"] == "second"
        assert 'href="/support/insights?days=30&amp;profile=second"' in page


@pytest.mark.parametrize("kept", [59, 60])
def test_a_span_is_compared_with_the_days_before_if_they_are_kept(
    make_app, make_staff, clock, kept
):
    app = make_app(FAILURE_RETENTION_DAYS=str(kept))
    history = History(app, clock)
    for ago in (1, 2, 40):
        history.failed(ago)
    for _ in range(4):
        history.connected(40)
    page = make_staff(app).get("/support/insights").text
    assert ("1 more than in the 30 days before" in page) is (kept == 60)
    assert ("80 points lower than in the 30 days before" in page) is (kept == 60)


@pytest.mark.parametrize("connected", [0, 3], ids=["none", "few"])
def test_too_few_attempts_before_are_compared_with_nothing(staff, history, connected):
    history.failed(1)
    history.failed(40)
    for _ in range(connected):
        history.connected(40)
    assert "than in the 30 days before" not in page_of(staff("viewer"))


def test_the_time_until_connected_is_told(staff, history):
    failure = history.failed(ago=2)
    connected = Event(failure.at + 7200, EventType.CONNECTED, "the customer")
    history.services.failures.change(failure.reference, lambda each: each.with_event(connected))
    page = page_of(staff("viewer"))
    assert "2 hours" in page
    assert "for the one failure whose account has connected since" in page


def test_a_chart_holds_shapes_and_links_and_nothing_for_the_policy_to_stop(staff, history):
    history.failed(1, missing=("tickets",))
    history.connected(1)
    browser = staff("viewer")
    drawn = charts_of(page_of(browser))
    assert len(drawn) == 3
    names = {node.tag.rpartition("}")[2] for chart in drawn.values() for node in chart.iter()}
    assert names <= {"svg", "g", "a", "title", "rect", "path", "text", "circle"}
    for chart in drawn.values():
        for node in chart.iter():
            assert not {"style", "id", "target", "onload"} & set(node.attrib)
        for link in chart.iterfind(".//{*}a"):
            assert link.find("{*}title").text == link.get("aria-label")
    page = page_of(browser)
    svg = "".join(re.findall(r"<svg xmlns.*?</svg>", page, re.DOTALL))
    assert not re.search(r"<script|<style|style=|<!--|xlink", svg)


def colours_of(page):
    """The colour of each cause, as the legend has it."""
    found = re.findall(r'class="swatch color-(\w+)" aria-hidden="true"></span>([^<]*) <', page)
    return {html.unescape(title): colour for colour, title in found}


def test_bars_have_the_colours_of_the_legend(staff, history):
    for number, cause in enumerate(CAUSES):
        for _ in range(2 + number % 3):
            history.failed(1, cause)
    page = page_of(staff("viewer"))
    chart = charts_of(page)["Failures over time, by cause"]
    bars = {
        group.get("aria-label"): group.get("class").rpartition("color-")[2]
        for group in chart.iterfind(".//{*}g[@role='list']")
    }
    assert len(bars) == 7
    assert bars == colours_of(page)
    assert bars["Other causes"] == "rest"


def test_a_cause_keeps_its_colour_over_all_spans_and_with_more_failures(staff, history):
    browser = staff("viewer")
    for ago, cause in ((1, Cause.NEVER_RETURNED), (20, Cause.USER_DENIED), (20, Cause.USER_DENIED)):
        history.failed(ago, cause)
    few, more = (colours_of(page_of(browser, f"/support/insights?days={d}")) for d in (7, 30))
    assert (len(few), len(more)) == (1, 2)
    assert few.items() <= more.items()
    for _ in range(3):
        history.failed(1, Cause.NEVER_RETURNED)
    again = colours_of(page_of(browser))
    assert list(again) == list(more)[::-1]
    assert again == more


def test_points_that_rest_on_few_attempts_are_hollow_and_say_so(staff, history):
    for ago, number in ((1, 4), (2, 5)):
        for _ in range(number):
            history.connected(ago)
    page = page_of(staff("viewer"), "/support/insights?days=7")
    points = {
        link.get("aria-label"): [dot.get("class") for dot in link.iterfind("{*}circle")]
        for link in charts_of(page)["Share of attempts that connect"].iterfind(".//{*}a")
    }
    assert {name.partition(",")[0]: classes for name, classes in points.items()} == {
        "100 %: 4 of 4 attempts connected": ["reach", "dot few"],
        "100 %: 5 of 5 attempts connected": ["reach", "dot"],
    }
    assert "A hollow point rests on fewer than 5 attempts." in page


def test_hollow_points_are_explained_only_where_there_are_some(staff, history):
    for _ in range(5):
        history.connected(1)
    assert "hollow" not in page_of(staff("viewer"))


def test_readers_find_lists_of_links(staff, history):
    history.failed(1, Cause.APP_NOT_APPROVED)
    chart = charts_of(page_of(staff("viewer")))["Failures over time, by cause"]
    (series,) = chart.iterfind(".//{*}g[@role='list']")
    assert series.get("aria-label") == "App waits for the account's approval"
    (item,) = series.iterfind(".//{*}g[@role='listitem']")
    assert item.find("{*}a").get("aria-label").startswith("1 failure: App waits for")
    assert {
        axis.get("aria-hidden")
        for axis in chart.iterfind(".//{*}g[@class]")
        if "axis" in axis.get("class")
    } == {"true"}


def test_names_from_outside_are_text(two_profiles, clock, make_staff):
    history = History(two_profiles, clock)
    history.failed(1, profile="workato", missing=("<script>alert(1)</script>", '"><b>', "a&b"))
    history.failed(1, profile="second", missing=("']]>",))
    page = page_of(make_staff(two_profiles))
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert '"><b>' not in page
    names = links_of(charts_of(page)["Failures by scope"])
    assert "1 failure: <script>alert(1)</script>" in names
    assert "1 failure: <script>alert(1)</script>" in links_of(
        charts_of(page)["Failures by profile"]
    )


def test_the_same_numbers_give_the_same_drawing(staff, history):
    history.failed(1, missing=("tickets",))
    browser = staff("viewer")
    assert page_of(browser) == page_of(browser)


@pytest.mark.parametrize("most", [0, 1, 2, 5, 6, 10, 11, 49, 51, 999, 12_345])
def test_scales_have_few_whole_steps_and_reach_high_enough(most):
    ticks = axis_ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 2 <= len(ticks) <= 6
    assert len({after - before for before, after in pairwise(ticks)}) == 1


def test_four_reads_are_enough(staff, history, monkeypatch):
    history.failed(1)
    browser = staff("viewer")
    counters = type(history.services.counters)
    asked = []

    def watch(name):
        read = getattr(counters, name)

        def watched(self, first, last):
            asked.append((name, (last - first).days + 1))
            return read(self, first, last)

        monkeypatch.setattr(counters, name, watched)

    for name in ("attempts", "failures", "recoveries", "scopes"):
        watch(name)
    page_of(browser, "/support/insights?days=90")
    # With the days before, which the first two are compared with.
    assert sorted(asked) == [
        ("attempts", 180),
        ("failures", 180),
        ("recoveries", 90),
        ("scopes", 90),
    ]
