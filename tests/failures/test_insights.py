"""What the counters of some days tell: figures, series and rows that agree with each other."""

import re
from datetime import date, timedelta
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oauth_helper
from oauth_helper.diagnosis import Cause
from oauth_helper.failures.cause_series import MAX_CAUSES, OTHER, cause_colours, cause_title
from oauth_helper.failures.insights import MAX_SCOPES, AttemptTotals, insights
from oauth_helper.failures.periods import InsightsQuery, Period
from oauth_helper.failures.search import read_search
from oauth_helper.failures.statistics import AttemptCount, FailureCount, Recovery, ScopeCount
from oauth_helper.web.support.format import connected_of, counted, duration, percent, than_before

LAST = date(2026, 11, 18)  # a Wednesday
DAY = timedelta(days=1)


def asked(days=30, profile=None, settled=LAST - timedelta(days=1)):
    return InsightsQuery(LAST - timedelta(days=days - 1), LAST, settled, profile)


def told(of=None, failures=(), scopes=(), attempts=(), recoveries=(), titles=None):
    return insights(
        of or asked(),
        failures=failures,
        scopes=scopes,
        attempts=attempts,
        recoveries=recoveries,
        titles=titles or {},
    )


def failed(count=1, *, day=LAST, cause="unknown", profile="workato", status="open"):
    return FailureCount(day, str(cause), profile, status, "token", count)


class TestTheDaysBefore:
    BEFORE = LAST - timedelta(days=30)

    def test_are_compared_with(self):
        failures = (failed(9), failed(4, day=self.BEFORE), failed(8, day=self.BEFORE - 30 * DAY))
        attempts = (
            AttemptCount(LAST - DAY, "workato", 10, 9),
            AttemptCount(self.BEFORE, "workato", 4, 3),
        )
        before = told(failures=failures, attempts=attempts).before
        assert (before.failures.number, before.over.share) == (4, 0.75)
        assert told(failures=failures, attempts=attempts).failures.number == 9

    def test_are_those_of_the_profile(self):
        failures = (failed(9, profile="second"), failed(4, day=self.BEFORE))
        assert told(asked(profile="second"), failures=failures).before is None

    @pytest.mark.parametrize(
        ("difference", "of", "words"),
        [
            (12, (30,), "12 more than in the 30 days before"),
            (-1200, (7,), "1,200 fewer than in the 7 days before"),
            (0, (1,), "as many as in the day before"),
            (1.2, (30, "point"), "1 point higher than in the 30 days before"),
            (-4, (30, "point"), "4 points lower than in the 30 days before"),
            (0.2, (30, "point"), "the same share as in the 30 days before"),
        ],
    )
    def test_in_words(self, difference, of, words):
        assert than_before(difference, *of) == words


days = st.integers(0, 95).map(lambda ago: LAST - timedelta(days=ago))
profiles = st.sampled_from(["workato", "second", "gone"])
counters = st.builds(
    FailureCount,
    day=days,
    cause=st.sampled_from([str(cause) for cause in Cause]),
    profile=profiles,
    status=st.sampled_from(["open", "resolved"]),
    stage=st.just("token"),
    count=st.integers(1, 50),
)
tries = st.builds(
    lambda day, profile, connected, others: AttemptCount(
        day, profile, connected + others, connected
    ),
    days,
    profiles,
    st.integers(0, 9),
    st.integers(0, 9),
)


class TestTotals:
    @given(
        st.lists(counters),
        st.lists(tries),
        st.sampled_from([1, 7, 30, 45, 46, 90]),
        st.sampled_from([None, "workato", "nobody"]),
    )
    def test_agree_between_figures_series_and_rows(self, failures, attempts, span, profile):
        of = asked(span, profile)
        found = told(of, failures=failures, attempts=attempts)
        within = [
            each
            for each in failures
            if of.first <= each.day <= of.last and profile in (None, each.profile)
        ]
        total = sum(each.count for each in within)
        assert found.failures.number == total
        assert found.still_open.number == sum(e.count for e in within if e.status == "open")
        assert sum(count.number for count in found.by_period) == total
        assert sum(series.total.number for series in found.causes) == total
        assert sum(row.count.number for row in found.profiles) == total
        assert sum(outcome.failures.number for outcome in found.outcomes) == total
        for number, count in enumerate(found.by_period):
            assert sum(each.counts[number].number for each in found.causes) == count.number
        for series in found.causes:
            assert sum(count.number for count in series.counts) == series.total.number

    @given(st.lists(tries), st.sampled_from([7, 90]))
    def test_of_attempts_agree_too(self, attempts, span):
        found = told(asked(span), attempts=attempts)
        for rows in (found.outcomes, found.profiles):
            for which in ("over", "running"):
                parts = [getattr(row, which) for row in rows]
                whole = getattr(found.total, which)
                assert sum(part.begun for part in parts) == whole.begun
                assert sum(part.connected for part in parts) == whole.connected


class TestPeriods:
    @given(st.integers(1, 90))
    def test_follow_each_other_without_gap_or_overlap(self, span):
        of = asked(span)
        periods = of.periods()
        assert (periods[0].first, periods[-1].last) == (of.first, of.last)
        for one, next_one in pairwise(periods):
            assert next_one.first == one.last + timedelta(days=1)

    @pytest.mark.parametrize(("span", "number"), [(1, 1), (7, 7), (30, 30), (45, 45), (46, 8)])
    def test_are_days_up_to_forty_five_of_them(self, span, number):
        assert len(asked(span).periods()) == number

    def test_are_weeks_from_monday_to_sunday_else(self):
        first, *whole, last = asked(90).periods()
        assert {each.first.weekday() for each in whole} == {0}
        assert {each.last.weekday() for each in whole} == {6}
        assert first == Period(date(2026, 8, 21), date(2026, 8, 23))
        assert last == Period(date(2026, 11, 16), LAST)

    @pytest.mark.parametrize(
        ("first", "last", "title"),
        [
            (date(2026, 11, 3), date(2026, 11, 3), "3 Nov"),
            (date(2026, 11, 2), date(2026, 11, 8), "2 to 8 Nov"),
            (date(2026, 11, 30), date(2026, 12, 6), "30 Nov to 6 Dec"),
        ],
    )
    def test_have_titles(self, first, last, title):
        assert Period(first, last).title == title

    def test_end_where_the_next_begins(self):
        period = Period(date(2026, 11, 30), date(2026, 11, 30))
        assert period.filters == (("since", "2026-11-30"), ("until", "2026-12-01"))


class TestCauses:
    def test_beyond_the_commonest_are_the_others(self):
        failures = [failed(30 - number, cause=cause) for number, cause in enumerate(Cause)]
        *shown, rest = told(failures=failures).causes
        assert [each.title for each in shown] == [cause_title(c) for c in list(Cause)[:MAX_CAUSES]]
        assert (rest.title, rest.is_rest) == (OTHER, True)
        assert rest.total.number == sum(each.count for each in failures[MAX_CAUSES:])

    def test_the_others_are_searched_for_without_the_rest(self):
        longest = sorted(Cause, key=len)[-MAX_CAUSES - 1 :]
        failures = [failed(2 + len(cause), cause=cause) for cause in longest]
        rest = told(failures=failures).causes[-1]
        search = read_search(dict(rest.total.filters)["q"])
        assert not search.problems
        assert len(search.terms) == MAX_CAUSES
        assert all(term.field == "cause" and term.negated for term in search.terms)

    def test_there_are_no_others_where_all_are_shown(self):
        failures = [failed(cause=cause) for cause in list(Cause)[:MAX_CAUSES]]
        assert not any(each.is_rest for each in told(failures=failures).causes)

    def test_of_a_newer_version_are_shown_by_name(self):
        (series,) = told(failures=[failed(cause="of_tomorrow")]).causes
        assert series.title == "of_tomorrow"


class TestColoursOfCauses:
    USUAL = ("never_returned", "account_lacks_feature", "user_denied", "code_expired_or_reused")

    @given(st.lists(st.sampled_from([*map(str, Cause), "of_tomorrow"]), max_size=6, unique=True))
    def test_differ_between_any_that_are_shown_together(self, causes):
        colours = cause_colours(causes)
        assert list(colours) == causes
        assert len(set(colours.values())) == len(causes)
        assert set(colours.values()) <= set(range(MAX_CAUSES))

    @given(
        st.lists(st.sampled_from(list(map(str, Cause))), min_size=1, max_size=6, unique=True),
    )
    def test_of_the_commonest_never_changes(self, causes):
        assert cause_colours(causes)[causes[0]] == cause_colours(causes[:1])[causes[0]]

    @given(st.permutations(USUAL))
    def test_do_not_go_by_rank(self, causes):
        assert cause_colours(causes) == cause_colours(self.USUAL)

    def test_stay_when_another_failure_changes_the_order(self):
        before = [failed(3, cause="user_denied"), failed(2, cause="never_returned")]
        after = [*before, failed(2, cause="never_returned"), failed(1, cause="app_blocked")]
        first, second = (
            {each.title: each.colour for each in told(failures=failures).causes}
            for failures in (before, after)
        )
        assert list(first) != list(second)[:2]
        assert first.items() <= second.items()

    def test_that_two_have_is_kept_by_the_commoner_one_and_no_third_is_disturbed(self):
        same = [cause for cause in map(str, Cause) if cause_colours([cause])[cause] == 3][:3]
        for one, other in ((same[0], same[1]), (same[1], same[0])):
            colours = cause_colours([one, other, "user_denied"])
            assert colours[one] == 3
            assert colours["user_denied"] == cause_colours(["user_denied"])["user_denied"]

    def test_are_not_for_the_rest(self):
        *_, rest = told(failures=[failed(cause=cause) for cause in Cause]).causes
        assert (rest.is_rest, rest.colour) == (True, None)


class TestLinks:
    def test_ask_for_cause_profile_and_days(self):
        found = told(asked(7, "workato"), failures=[failed(cause="user_denied")])
        assert dict(found.causes[0].counts[-1].filters) == {
            "cause": "user_denied",
            "profile": "workato",
            "since": "2026-11-18",
            "until": "2026-11-19",
        }
        assert dict(found.still_open.filters) == {
            "status": "open",
            "profile": "workato",
            "since": "2026-11-12",
            "until": "2026-11-19",
        }

    def test_of_profiles_and_scopes_ask_for_all_days(self):
        found = told(asked(7), failures=[failed()], scopes=[ScopeCount(LAST, "workato", "a b", 2)])
        times = {"since": "2026-11-12", "until": "2026-11-19"}
        assert dict(found.profiles[0].count.filters) == {"profile": "workato", **times}
        assert dict(found.scopes[0].count.filters) == {"scope": "a b", **times}


class TestScopes:
    def test_are_those_that_most_failures_are_about(self):
        counters = [ScopeCount(LAST, "workato", f"s{number:02}", number) for number in range(1, 21)]
        counters.append(ScopeCount(LAST - timedelta(days=1), "second", "s01", 100))
        found = told(scopes=counters)
        assert [row.title for row in found.scopes[:2]] == ["s01", "s20"]
        assert found.scopes[0].count.number == 101
        assert len(found.scopes) == MAX_SCOPES
        assert found.more_scopes == 20 - MAX_SCOPES


class TestProfiles:
    def test_have_their_titles_and_those_that_are_gone_their_names(self):
        failures = [failed(profile="workato"), failed(2, profile="gone")]
        found = told(failures=failures, titles={"workato": "Workato", "unused": "Unused"})
        assert [row.title for row in found.profiles] == ["gone", "Workato"]

    def test_without_failures_are_there_for_their_attempts(self):
        (row,) = told(attempts=[AttemptCount(LAST, "workato", 3, 1)]).profiles
        assert (row.count.number, row.over, row.running) == (
            0,
            AttemptTotals(),
            AttemptTotals(3, 1),
        )


class TestShares:
    def test_leave_out_days_that_are_not_over(self):
        attempts = [
            AttemptCount(LAST - timedelta(days=1), "workato", 4, 3),
            AttemptCount(LAST, "workato", 5, 0),
        ]
        found = told(attempts=attempts)
        assert found.total.over == AttemptTotals(4, 3)
        assert found.total.running == AttemptTotals(5, 0)
        assert found.total.over.share == 0.75
        assert found.outcomes[-1].over.share is None

    def test_of_no_attempts_are_not_zero(self):
        assert told().total.over.share is None
        assert AttemptTotals(3, 0).share == 0

    @pytest.mark.parametrize(("begun", "few"), [(0, False), (1, True), (4, True), (5, False)])
    def test_of_few_attempts_are_told_apart(self, begun, few):
        assert AttemptTotals(begun, 0).are_few is few


def test_the_time_until_connected_is_the_median():
    recoveries = [Recovery(LAST, "workato", seconds) for seconds in (10, 20, 600)]
    recoveries.append(Recovery(LAST, "second", 9999))
    found = told(asked(profile="workato"), recoveries=recoveries)
    assert (found.median_seconds, found.recovered) == (20, 3)
    assert told().median_seconds is None


class TestAmounts:
    @pytest.mark.parametrize(
        ("share", "text"),
        [(0, "0 %"), (0.001, "1 %"), (0.5, "50 %"), (0.999, "99 %"), (1, "100 %")],
    )
    def test_shares_are_whole_only_when_all_or_nothing_is_meant(self, share, text):
        assert percent(share) == text

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (1, "1 second"),
            (89, "89 seconds"),
            (90, "2 minutes"),
            (5400, "2 hours"),
            (86_400, "24 hours"),
            (200_000, "2 days"),
        ],
    )
    def test_durations_are_in_one_unit(self, seconds, text):
        assert duration(seconds) == text

    def test_numbers_have_their_words(self):
        assert [counted(number, "failure") for number in (0, 1, 2345)] == [
            "0 failures",
            "1 failure",
            "2,345 failures",
        ]
        assert connected_of(AttemptTotals()) == "no attempts"
        assert connected_of(AttemptTotals(4, 1)) == "25 %: 1 of 4 attempts connected"


# From here on: the colours of the causes, measured.

STYLES = Path(oauth_helper.__file__).parent / "web" / "static"

# What dichromats see of linear RGB (Machado, Oliveira and Fernandes, 2009).
SIGHTS = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deutan": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritan": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def colours(theme):
    text = (STYLES / "insights.css").read_text()
    found = re.findall(r"--series: light-dark\((#\w{6}), (#\w{6})\)", text)
    assert len(found) == MAX_CAUSES + 1
    return [linear(pair[theme]) for pair in found]


def card(theme):
    text = (STYLES / "app.css").read_text()
    return linear(re.search(r"--card: light-dark\((#\w{6}), (#\w{6})\)", text)[theme + 1])


def linear(code):
    parts = [int(code[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def luminance(colour):
    return times(((0.2126, 0.7152, 0.0722),), colour)[0]


def oklab(colour):
    cone = times(
        ((0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.63)), colour
    )
    return times(
        ((0.2105, 0.7936, -0.0041), (1.978, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087)),
        [part ** (1 / 3) for part in cone],
    )


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_colours_of_the_causes_stand_out_from_the_card(theme):
    for colour in colours(theme):
        low, high = sorted((luminance(colour), luminance(card(theme))))
        assert (high + 0.05) / (low + 0.05) >= 3


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_the_colours_of_the_causes_differ_for_every_kind_of_sight(theme, sight):
    seen = [
        oklab([min(max(part, 0), 1) for part in times(SIGHTS[sight], colour)])
        for colour in colours(theme)
    ]
    for one, other in combinations(seen, 2):
        distance = sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
        assert distance > 0.09  # 0.02 is just noticeable
